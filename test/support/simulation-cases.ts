/** Pipelines with a script each, to be played by `gennaker simulate` and run for real: both have to do the same. */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';
import { notification } from '../../cli/commands/push.ts';
import { parseScripts, type Script } from '../../cli/simulate/script.ts';
import { type Simulated, simulate } from '../../cli/simulate/simulate.ts';
import type { Json } from '../../shared/core/json.ts';
import { parseReference } from '../../shared/registry/reference.ts';
import { stageKinds } from '../../shared/stages/registry.ts';
import type { ExecutionDetail, TransitionDescription } from '../../shared/use-cases/describe-execution.ts';

export const TARGET = 'jp';
const SOURCE = 'docker-distribution';

export type SimulationCase = {
  /** Of the pipeline, its team and its namespace. */
  readonly name: string;
  readonly shows: string;
  /** Of the image that is pushed. */
  readonly tag: string;
  /** The YAML under `stages:`, with FAR_END for where webhooks go. */
  readonly stages: string;
  /** What the script says beside how it is to end. */
  readonly script?: string;
  readonly end: 'succeeded' | 'failed' | 'cancelled';
  /** In the real system a person cancels the execution once this stage waits. */
  readonly cancelOnce?: string;
};

/** What the far end does, by path: see `startAnsweringFarEnd`. */
const hook = (path: string, more = ''): string => `uses: webhook
    with: { url: "FAR_END/${path}"${more} }`;
const WAITS_A_SECOND = ', wait-for-callback: true, callback-within: 1s';

export const SIMULATION_CASES: readonly SimulationCase[] = [
  {
    name: 'sim-success',
    shows: 'a success',
    tag: '1.0.0',
    end: 'succeeded',
    stages: `
  release: { uses: deploy, target: ${TARGET} }
  announce:
    needs: release
    ${hook('fine')}
  pause: { needs: announce, uses: wait, with: { for: 1s } }`,
  },
  {
    name: 'sim-broken',
    shows: 'an image that cannot be pulled',
    tag: 'broken',
    end: 'failed',
    stages: `
  release: { uses: deploy, target: ${TARGET} }
  after: { needs: release, uses: wait, with: { for: 1s } }`,
  },
  {
    name: 'sim-exhausted',
    shows: 'retries that exhaust',
    tag: '1.0.0',
    end: 'failed',
    script: 'stages: { ask: { answers: [{ status: 202 }] } }',
    stages: `
  ask:
    ${hook('silent', WAITS_A_SECOND)}
    retry: { attempts: 2, back-off: 1s }
  after: { needs: ask, uses: wait, with: { for: 1s } }`,
  },
  {
    name: 'sim-retried',
    shows: 'a retry that succeeds',
    tag: '1.0.0',
    end: 'succeeded',
    script: `
stages: { ask: { answers: [{ status: 202 }] } }
signals: [{ at: 2s, stage: ask, name: callback, attempt: 2 }]`,
    stages: `
  ask:
    ${hook('second', WAITS_A_SECOND)}
    retry: { attempts: 3, back-off: 1s }
  after: { needs: ask, uses: wait, with: { for: 1s } }`,
  },
  {
    name: 'sim-others-cancel',
    shows: 'a failure that cancels the other branches',
    tag: '1.0.0',
    end: 'failed',
    script: 'stages: { ask: { answers: [{ status: 400 }] } }',
    stages: `
  long: { uses: wait, with: { for: 5m } }
  first: { uses: wait, with: { for: 1s } }
  ask:
    needs: first
    ${hook('refuses')}
    on-failure: { others: cancel }
  after: { needs: [long, ask], uses: wait, with: { for: 1s } }`,
  },
  {
    name: 'sim-others-finish',
    shows: 'a failure that lets the other branches end',
    tag: '1.0.0',
    end: 'failed',
    script: 'stages: { ask: { answers: [{ status: 400 }] } }',
    stages: `
  long: { uses: wait, with: { for: 3s } }
  next: { needs: long, uses: wait, with: { for: 1s } }
  ask:
    ${hook('refuses')}
    on-failure: { others: finish }
  after: { needs: ask, uses: wait, with: { for: 1s } }`,
  },
  {
    name: 'sim-continue',
    shows: 'a failure that does not count',
    tag: '1.0.0',
    end: 'succeeded',
    script: 'stages: { ask: { answers: [{ status: 400 }] } }',
    stages: `
  ask:
    ${hook('refuses')}
    on-failure: { then: continue }
  after: { needs: ask, uses: wait, with: { for: 1s } }`,
  },
  {
    name: 'sim-skipped',
    shows: 'a stage whose condition is false',
    tag: '1.0.0',
    end: 'succeeded',
    stages: `
  never: { if: false, uses: wait, with: { for: 1s } }
  after: { needs: never, uses: wait, with: { for: 1s } }`,
  },
  {
    name: 'sim-late',
    shows: 'a stage that is out of time',
    tag: '1.0.0',
    end: 'failed',
    script: 'stages: { ask: { answers: [{ status: 202 }] } }',
    stages: `
  ask:
    ${hook('silent', ', wait-for-callback: true')}
    timeout: 2s
  after: { needs: ask, uses: wait, with: { for: 1s } }`,
  },
  {
    name: 'sim-waits',
    shows: 'waits, one after the other and side by side',
    tag: '1.0.0',
    end: 'succeeded',
    stages: `
  one: { uses: wait, with: { for: 1s } }
  two: { needs: one, uses: wait, with: { for: 2s } }
  three: { needs: one, uses: wait, with: { for: 4s } }
  four: { needs: [two, three], uses: wait, with: { until: "2020-01-01T00:00:00Z" } }`,
  },
  {
    name: 'sim-cancelled',
    shows: 'a cancel',
    tag: '1.0.0',
    end: 'cancelled',
    script: 'cancel: { at: 20s }',
    cancelOnce: 'long',
    stages: `
  release: { uses: deploy, target: ${TARGET} }
  long: { needs: release, uses: wait, with: { for: 5m } }
  after: { needs: long, uses: wait, with: { for: 1s } }`,
  },
];

const REGISTRY = 'registry.example.com';

export type PreparedCase = SimulationCase & {
  readonly text: string;
  readonly files: { readonly [path: string]: string };
  /** What the registry sends. */
  readonly body: Json;
};

export function prepare(one: SimulationCase, farEndUrl: string): PreparedCase {
  const { name, stages, tag } = one;
  const repository = `${REGISTRY}/${name}`;
  const image = parseReference(`${repository}:${tag}`);
  if (image === undefined) throw new Error(`${repository}:${tag} is no reference`);
  const text = `
pipeline: ${name}
team: ${name}
images: { api: { repository: ${repository}, tag: "*" } }
on: [{ push: api }]
manifests: { files: ["k8s/*.json"] }
stages:${stages.replaceAll('FAR_END', farEndUrl)}
`;
  const files = Object.fromEntries(
    manifests(name, repository).map((manifest, index) => [`k8s/${index}.json`, JSON.stringify(manifest)]),
  );
  return { ...one, text, files, body: notification(image, { id: `push-of-${name}`, at: new Date() }) };
}

function manifests(name: string, repository: string): readonly object[] {
  const labels = { app: name };
  const template = { metadata: { labels }, spec: { containers: [{ name: 'api', image: repository }] } };
  const spec = { replicas: 1, selector: { matchLabels: labels }, template };
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name } },
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name }, spec },
  ];
}

/** Plays the case. Throws where the script is not right. */
export async function played(one: PreparedCase): Promise<Extract<Simulated, { is: 'ran' }>> {
  const simulated = await simulate({
    file: 'gennaker.yaml',
    text: one.text,
    files: one.files,
    pipeline: one.name,
    targets: [TARGET],
    kinds: stageKinds(),
    renderer: { render: () => Promise.reject(new Error('nothing is to be rendered by a program')) },
    beginning: { is: 'event', event: { source: SOURCE, headers: {}, body: z.json().parse(one.body) } },
    script: scriptOf(one),
    signal: new AbortController().signal,
  });
  if (simulated.is !== 'ran') throw new Error(`${one.name}: ${JSON.stringify(simulated)}`);
  return simulated;
}

function scriptOf({ name, script = '', end }: SimulationCase): Script {
  const parsed = parseScripts({ file: `${name}.yaml`, text: `${script}\nend: ${end}\n` });
  const [only] = 'scripts' in parsed ? parsed.scripts : [];
  if (only === undefined) throw new Error(`${name}: ${JSON.stringify(parsed)}`);
  return only;
}

/** What a system did, as far as it may not depend on time: stages by id, each with what it went through and its end. */
export type Told = {
  readonly end: string;
  readonly stages: {
    readonly [id: string]: {
      readonly attempts: number;
      /** Status and reason code of each transition of its own; the last is where it stands at the end. */
      readonly states: readonly string[];
    };
  };
};

type HistoryEntry = Pick<TransitionDescription, 'is' | 'stage' | 'status' | 'reason'>;
type EndView = Pick<ExecutionDetail['stages'][number], 'id' | 'status' | 'attempts'> & {
  readonly reason?: { readonly code: string } | null;
};

/** Which stage is told of in a transition that several things led to is a matter of who was first; the end is not. */
export function told(end: string, history: readonly HistoryEntry[], stages: readonly EndView[]): Told {
  const stateOf = ({ status, reason }: { status: string; reason?: { readonly code: string } | null }): string =>
    reason === undefined || reason === null ? status : `${status}: ${reason.code}`;
  return {
    end,
    stages: Object.fromEntries(
      stages.map((view) => {
        const own = history.filter(({ is, stage }) => is === 'stage' && stage === view.id).map(stateOf);
        const states = [...own, stateOf(view)].filter((state, index, all) => state !== all[index - 1]);
        return [view.id, { attempts: view.attempts, states }];
      }),
    ),
  };
}

export type AnsweringFarEnd = { readonly url: string; stop(): Promise<void> };

/** By path: /fine and /silent take what they are asked, /refuses does not, /second calls back at the second attempt. */
export async function startAnsweringFarEnd(): Promise<AnsweringFarEnd> {
  const server = createServer((request, response) => {
    request.resume();
    request.once('end', () => {
      const status = request.url === '/refuses' ? 400 : request.url === '/fine' ? 200 : 202;
      response.writeHead(status).end(() => {
        if (request.url === '/second' && request.headers['gennaker-attempt'] === '2') callBack(request);
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function callBack({ headers }: IncomingMessage): void {
  const body = JSON.stringify({ result: 'succeeded' });
  const sent = fetch(String(headers['gennaker-callback']), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  });
  // A call-back that is lost shows in the execution's end.
  sent.catch(() => undefined);
}
