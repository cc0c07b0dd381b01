/** What the first request to a fresh instance of each function waits for, beside functions that do nothing or read one document. */
import { fileURLToPath } from 'node:url';
import { manualEvent } from '../../shared/triggers/manual/source.ts';
import { announcementMessage, sourceEventMessage, TOPICS, workMessage } from '../../shared/use-cases/messages.ts';
import {
  hasFirestoreEmulator,
  hasPubSubEmulator,
  startFirestoreEmulator,
  startPubSubEmulator,
} from '../support/emulators.ts';
import { START } from '../support/execution-fixtures.ts';
import { plainEnvironment, runProcess } from '../support/processes.ts';
import { createTopic } from '../support/pubsub-admin.ts';
import { startPushProxy } from '../support/push-proxy.ts';
import { type Effort, type Measure, measureOf, type Section } from './section.ts';

const CHILD = fileURLToPath(new URL('./cold-start-child.ts', import.meta.url));
const PROJECT = 'demo-bench-cold';
const AUDIENCE = 'gennaker';
const PUSHER = 'pusher@demo-bench.iam.gserviceaccount.com';
const API_TOKEN = 'api-token-of-the-benchmark';
const HOOK_SECRET = 'hook-secret-of-the-benchmark';
const DIGEST = `sha256:${'d'.repeat(64)}`;
const EFFORTS = { full: { rounds: 5 }, brief: { rounds: 1 } } as const;
const FLOORS = ['bare', 'bare-firestore'] as const;

type First = {
  readonly path: string;
  readonly contentType?: string;
  readonly body: string;
  readonly authorization: string;
  /** Of the answer. */
  readonly status: number;
};

/** The body of a push of that message. */
function pushOf(message: { data: string; attributes: object }, subscription = 'bench'): string {
  const data = Buffer.from(message.data).toString('base64');
  return JSON.stringify({ message: { data, attributes: message.attributes, messageId: '1' }, subscription });
}

/** For each function, a request that is answered well and that makes it reach for each port that it always needs. */
function requestsOf(bearer: string): { readonly [name: string]: First } {
  const context = { pipeline: 'bench', at: START };
  const push = (body: string): First => ({ path: '/', body, authorization: bearer, status: 204 });
  const work = { execution: 'unknown', stage: 'unknown', attempt: 1, step: 1 };
  const transitions = [{ revision: 1, at: START, is: 'started' as const, status: 'running' as const }];
  const asked = { pipeline: 'unknown', inputs: {}, images: {} };
  const event = manualEvent({ asked, request: 'cold-start', by: 'bench', at: START });
  const uploaded = {
    action: 'INSERT',
    tag: 'registry.example.com/bench/app:1',
    digest: `registry.example.com/bench/app@${DIGEST}`,
  };
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const target = { mediaType, repository: 'bench/app', tag: '1', digest: DIGEST };
  const notification = { events: [{ id: 'cold', action: 'push', target, request: { host: 'registry.example.com' } }] };
  return {
    'receive-webhook': {
      path: '/hooks/docker-distribution',
      contentType: 'application/vnd.docker.distribution.events.v2+json',
      body: JSON.stringify(notification),
      authorization: `Bearer ${HOOK_SECRET}`,
      status: 202,
    },
    'receive-message': push(
      pushOf({ data: JSON.stringify(uploaded), attributes: {} }, 'projects/p/subscriptions/gennaker-artifact-registry'),
    ),
    tick: push(pushOf({ data: '', attributes: {} })),
    'start-executions': push(pushOf(sourceEventMessage(event, event))),
    'advance-execution': push(pushOf(workMessage(work, context))),
    'send-notifications': push(
      pushOf(announcementMessage({ execution: 'unknown', pipeline: 'bench', transitions }, context)),
    ),
    'serve-api': { path: '/api/executions', body: '', authorization: `Bearer ${API_TOKEN}`, status: 200 },
  };
}

type Times = { readonly loadedMs: number; readonly answeredMs: number };

/** Starts a process for the function and has it called once. Throws where the answer is not the expected one. */
async function coldStart(name: string, first: First, env: { readonly [name: string]: string }): Promise<Times> {
  const method = first.body === '' ? 'GET' : 'POST';
  const { contentType = 'application/json', authorization } = first;
  const headers = { authorization, 'content-type': contentType };
  const asked = JSON.stringify({ method, path: first.path, headers, body: first.body });
  const more = { FUNCTION_TARGET: name, BENCH_REQUEST: asked };
  const { exit, stdout, stderr } = await runProcess(process.execPath, [CHILD, name], { env: { ...env, ...more } });
  const line = stdout.trimEnd().split('\n').at(-1) ?? '';
  if (exit !== 0) throw new Error(`the process of ${name} ended with ${exit}:\n${stdout}\n${stderr}`);
  const { status, ...times } = JSON.parse(line) as Times & { status: number };
  if (status !== first.status)
    throw new Error(`${name} answered ${status}, not ${first.status}:\n${stdout}\n${stderr}`);
  return times;
}

async function run(effort: Effort): Promise<readonly Measure[]> {
  await using parts = new AsyncDisposableStack();
  const [firestore, pubsub, proxy] = await Promise.all([
    startFirestoreEmulator(),
    startPubSubEmulator(),
    startPushProxy({ routes: {}, audience: AUDIENCE, email: PUSHER }),
  ]);
  for (const part of [firestore, pubsub, proxy]) parts.defer(() => part.stop());
  await createTopic({ host: pubsub.host, projectId: PROJECT, topic: TOPICS.events });
  const env = plainEnvironment({
    GENNAKER_PROJECT: PROJECT,
    GENNAKER_REGION: 'asia-northeast1',
    GENNAKER_AUDIENCE: AUDIENCE,
    GENNAKER_PUSHER: PUSHER,
    GENNAKER_QUEUE: 'wake-ups',
    GENNAKER_PUBLIC_URL: 'http://127.0.0.1:1',
    GENNAKER_WAKE_URLS: '{}',
    GENNAKER_ISSUERS: JSON.stringify([{ issuer: proxy.issuer, jwksUrl: proxy.jwksUrl }]),
    GENNAKER_SECRET_API_TOKEN: API_TOKEN,
    GENNAKER_SECRET_DOCKER_DISTRIBUTION_WEBHOOK: HOOK_SECRET,
    FIRESTORE_EMULATOR_HOST: firestore.host,
    PUBSUB_EMULATOR_HOST: pubsub.host,
  });
  const { rounds } = EFFORTS[effort];
  const names = [...FLOORS, ...Object.keys(requestsOf(''))];
  const taken = new Map<string, Times[]>(names.map((name) => [name, []]));
  // One round more: the first fills the machine's file cache.
  for (let round = 0; round <= rounds; round += 1) {
    const requests = requestsOf(`Bearer ${await proxy.sign()}`);
    for (const [name, times] of taken) {
      const first = requests[name] ?? { path: '/', body: '{}', authorization: '', status: 204 };
      const one = await coldStart(name, first, env);
      if (round > 0) times.push(one);
    }
  }
  const [bare = [], withFirestore = []] = FLOORS.map((name) => taken.get(name));
  const ratio = (times: readonly Times[], floor: readonly Times[], key: keyof Times): number[] =>
    times.map((one, round) => one[key] / (floor[round]?.[key] ?? Number.NaN));
  return [...taken].flatMap(([name, times]) => {
    const own = measureOf(
      `${name}: first answer after the start`,
      'ms',
      times.map(({ answeredMs }) => answeredMs),
    );
    if (times === bare) return [own];
    return [
      own,
      measureOf(`${name}: first answer, to bare`, '×', ratio(times, bare, 'answeredMs')),
      measureOf(`${name}: code loaded, to bare`, '×', ratio(times, bare, 'loadedMs')),
      ...(times === withFirestore
        ? []
        : [measureOf(`${name}: first answer, to bare with Firestore`, '×', ratio(times, withFirestore, 'answeredMs'))]),
    ];
  });
}

export const coldStarts: Section = {
  name: 'cold-start',
  about: 'the first request to a fresh process of each function, the start of Node included',
  needs: [
    { name: 'the Firestore emulator', isHere: hasFirestoreEmulator },
    { name: 'the Pub/Sub emulator', isHere: hasPubSubEmulator },
  ],
  run,
};
