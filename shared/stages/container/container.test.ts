import { describe, expect, it } from 'vitest';
import { type HandClock, handClock } from '../../../test/support/clocks.ts';
import { contextOf, type DeployOptions, lockCells } from '../../../test/support/deploy-context.ts';
import type { Input, Outcome } from '../../core/run.ts';
import type { Job } from '../../kubernetes/objects.ts';
import { SandboxCluster } from '../../kubernetes/sandbox.ts';
import { LOG_ANNOTATION, TERMINATION_MESSAGE_ANNOTATION } from '../../kubernetes/sandbox-pods.ts';
import { ClusterError } from '../../ports/cluster.ts';
import type { StageContext } from '../kind.ts';
import { type ProofWorld, prove } from '../proofs.ts';
import { container } from './index.ts';
import { jobReference } from './job.ts';
import { type ContainerCursor, type ContainerOutputs, containerParameters } from './schema.ts';

const IMAGE = 'registry.test/shop/migrate';
const says = (outputs: unknown) => ({ [TERMINATION_MESSAGE_ANNOTATION]: JSON.stringify(outputs) });
const migrated = {
  image: `${IMAGE}:1`,
  outputs: { rows: { type: 'number', description: 'Rows that were changed' }, tables: { type: 'list' } },
  annotations: says({ rows: 3, tables: ['items'] }),
};

describe('the three proofs', () => {
  const kind = container;
  prove({ name: 'of a container that does its work', kind, parameters: migrated, world: proofWorld });
  prove({ name: 'of one that fails', kind, parameters: { image: `${IMAGE}:fail` }, world: proofWorld, ends: 'failed' });
  const broken = { image: `${IMAGE}:broken` };
  prove({ name: 'of an image that cannot be pulled', kind, parameters: broken, world: proofWorld, ends: 'failed' });
});

function proofWorld(): ProofWorld {
  const clock = handClock();
  const cluster = new SandboxCluster({ clock });
  return {
    cluster,
    context: { target: 'jp' },
    effects: () => cluster.snapshot().map(({ kind, metadata, spec }) => [kind, metadata.name, metadata.labels, spec]),
    passTime: (now) => clock.advance(now - clock.now()),
  };
}

describe('a container stage', () => {
  it('gives the environment, and tells the declared outputs and the exit code', async () => {
    const world = sandboxWorld();
    const env = { REGION: 'jp', BATCH: 500, DRY_RUN: false };
    const secrets = { PASSWORD: { secret: 'database', key: 'password' } };
    const metadata = { name: 'database', namespace: 'items' };
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata, stringData: { password: 'hunter2-hunter2' } };
    await world.cluster.create({ manifest: secret, fieldManager: 'admin' });
    const outcome = await runToEnd(world, { ...migrated, env, secrets, args: ['up'] });
    expect(outcome).toEqual({ is: 'succeeded', outputs: { rows: 3, tables: ['items'], exitCode: 0 } });
    const job = jobOf(world);
    expect(job?.metadata).toMatchObject({
      name: expect.stringMatching(/^items-api-release-[0-9a-f]{10}$/),
      labels: { 'app.kubernetes.io/managed-by': 'gennaker' },
      annotations: { 'gennaker.dev/execution': 'e1', 'gennaker.dev/stage': 'release', 'gennaker.dev/fence': '1.1.2' },
    });
    expect(job?.spec).toMatchObject({ suspend: false, backoffLimit: 0, ttlSecondsAfterFinished: 86_400 });
    const [main] = (job?.spec?.template?.spec?.containers ?? []) as readonly { env?: unknown[]; args?: string[] }[];
    expect(main?.args).toEqual(['up']);
    expect(main?.env).toEqual(
      expect.arrayContaining([
        { name: 'REGION', value: 'jp' },
        { name: 'BATCH', value: '500' },
        { name: 'DRY_RUN', value: 'false' },
        { name: 'GENNAKER_KEY', value: 'e1/release/1' },
        { name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 'database', key: 'password' } } },
      ]),
    );
    expect(job?.spec?.template?.spec).toMatchObject({ restartPolicy: 'Never', automountServiceAccountToken: false });
  });

  it("runs an image of the pipeline's by its digest", async () => {
    const world = sandboxWorld();
    const digest = `sha256:${'c'.repeat(64)}`;
    const images = { api: { repository: IMAGE, tag: '2', digest } };
    expect(await runToEnd(world, { image: IMAGE }, { images })).toMatchObject({ is: 'succeeded' });
    expect(jobOf(world)?.spec?.template?.spec?.containers?.[0]?.image).toBe(`${IMAGE}:2@${digest}`);
  });

  it('is removed a day after its end, and not before', async () => {
    const world = sandboxWorld();
    await runToEnd(world, migrated);
    world.clock.advance(23 * 60 * 60_000);
    expect(jobOf(world)).toBeDefined();
    world.clock.advance(2 * 60 * 60_000);
    expect(world.cluster.snapshot()).toEqual([]);
  });

  it('tells the exit code and the end of the log of a container that fails', async () => {
    const world = sandboxWorld();
    const log = ['one', 'two', 'three', 'four', '\u001b[31mno connection\u001b[0m to db', 'giving up', ''].join('\n');
    const outcome = await runToEnd(world, { image: `${IMAGE}:fail`, annotations: { [LOG_ANNOTATION]: log } });
    expect(outcome).toEqual({
      is: 'failed',
      then: 'newAttempt',
      reason: {
        code: 'rollout-failed',
        text: expect.stringMatching(
          /^The container of Job items\/items-api-release-\w+ ended with exit code 1; its log ends with: two ⏎ three ⏎ four ⏎ no connection to db ⏎ giving up$/,
        ),
      },
    });
  });

  it.each([
    ['broken', undefined, 'image-not-pullable', 'giveUp', 'cannot pull the image'],
    ['1', { disk: 'none' }, 'unschedulable', 'newAttempt', 'fits on no node'],
  ])(
    'fails fast for %s %o, and nothing is left that could begin later',
    async (tag, nodeSelector, code, then, text) => {
      const world = sandboxWorld();
      if (nodeSelector !== undefined) forceNodeSelector(world.cluster, nodeSelector);
      const outcome = await runToEnd(world, { image: `${IMAGE}:${tag}` });
      expect(outcome).toMatchObject({ is: 'failed', then, reason: { code, text: expect.stringContaining(text) } });
      expect(world.cluster.snapshot()).toEqual([]);
    },
  );

  it('waits for a cluster that cannot be reached, and goes on', async () => {
    const world = sandboxWorld();
    world.cluster.setReachable(false);
    const first = await oneStep(world, migrated);
    expect(first).toMatchObject({ is: 'waiting', reason: { code: 'cluster-unreachable' } });
    world.cluster.setReachable(true);
    expect(await runToEnd(world, migrated, {}, cursorOf(first))).toMatchObject({ is: 'succeeded' });
  });

  it('does not run twice what somebody deleted meanwhile', async () => {
    const world = sandboxWorld();
    const created = await oneStep(world, migrated);
    const live = jobOf(world);
    if (live === undefined) throw new Error('no Job was created');
    const ref = jobReference(contextOf(world, [], {}));
    await world.cluster.delete({ ref, expected: live.metadata, propagation: 'background' });
    const outcome = await runToEnd(world, migrated, {}, cursorOf(created));
    expect(outcome).toMatchObject({ is: 'failed', reason: { text: expect.stringContaining('was deleted before') } });
    expect(world.cluster.snapshot()).toEqual([]);
  });

  it('starts nothing for a worker that was lost before its answer was committed', async () => {
    const world = sandboxWorld();
    await oneStep(world, migrated);
    world.clock.advance(60 * 60_000);
    expect(jobOf(world)?.spec?.suspend).toBe(true);
    expect(world.cluster.snapshot().filter(({ kind }) => kind === 'Pod')).toEqual([]);
  });

  it('looks now and then at what runs for long, instead of holding a watch', async () => {
    const world = sandboxWorld({ endless: true });
    const outcome = await runToEnd(world, migrated, {}, undefined, 12);
    expect(outcome).toMatchObject({ is: 'waiting', reason: { code: 'remote-in-progress' } });
    expect(outcome).toMatchObject({ reason: { text: expect.stringMatching(/has been running for \d+m/) } });
  });
});

describe('the outputs of a container', () => {
  it.each([
    [undefined, 'wrote nothing to /dev/termination-log; expected a JSON object with rows, tables'],
    ['rows=3', 'wrote to /dev/termination-log what is not JSON (6 bytes); expected a JSON object with rows, tables'],
    ['[3]', 'wrote a list to /dev/termination-log; expected a JSON object with rows, tables'],
    ['{"rows":"3","tables":[]}', 'wrote a string as the output rows, which is declared as a number'],
    ['{"rows":3}', 'did not write the output tables'],
    ['{"rows":3,"tables":[],"row":1}', 'wrote the output row, which is not declared; did you mean "rows"?'],
  ])('that are %j are refused', async (message, text) => {
    const annotations = message === undefined ? {} : { [TERMINATION_MESSAGE_ANNOTATION]: message };
    const outcome = await runToEnd(sandboxWorld(), { ...migrated, annotations });
    expect(outcome).toMatchObject({ is: 'failed', then: 'giveUp', reason: { code: 'stage-failed' } });
    expect(outcome).toMatchObject({ reason: { text: expect.stringContaining(text) } });
  });

  it('that Kubernetes has cut are told from those that are wrong', async () => {
    const annotations = says({ rows: 3, tables: ['x'.repeat(5_000)] });
    const outcome = await runToEnd(sandboxWorld(), { ...migrated, annotations });
    expect(outcome).toMatchObject({
      reason: { text: expect.stringContaining('what is not JSON, of which Kubernetes keeps 4096 bytes; write less') },
    });
  });

  it('have the schema that was declared', () => {
    const schema = container.outputsOf?.(containerParameters.parse(migrated));
    expect(schema?.safeParse({ rows: 1, tables: [], exitCode: 0 }).success).toBe(true);
    expect(schema?.safeParse({ rows: 'one', tables: [], exitCode: 0 }).success).toBe(false);
    expect(schema?.safeParse({ rows: 1, exitCode: 0 }).success).toBe(false);
  });
});

describe('the secrets of a container', () => {
  const secrets = { TOKEN: { secret: 'ticket', key: 'token' } };
  const value = 'hunter2-hunter2';
  const secret = (stringData: { [key: string]: string }) => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'ticket', namespace: 'items' },
    stringData,
  });
  const withSecret = async (token: string) => {
    const world = sandboxWorld();
    await world.cluster.create({ manifest: secret({ token }), fieldManager: 'admin' });
    return world;
  };

  it('are covered in the log that a failure tells', async () => {
    const annotations = { [LOG_ANNOTATION]: `token=${value}\nBasic ${Buffer.from(value).toString('base64')}\n` };
    const parameters = { image: `${IMAGE}:fail`, secrets, annotations };
    const outcome = await runToEnd(await withSecret(value), parameters);
    expect(outcome).toMatchObject({ reason: { text: expect.stringContaining('token=••• ⏎ Basic •••') } });
    expect(JSON.stringify(outcome)).not.toContain(value);
  });

  it('keep the log away where they cannot be known', async () => {
    const annotations = { [LOG_ANNOTATION]: `token=${value}\n` };
    const outcome = await runToEnd(sandboxWorld(), { image: `${IMAGE}:fail`, secrets, annotations });
    expect(outcome).toMatchObject({ reason: { text: expect.stringContaining('kubectl logs --namespace items') } });
    expect(JSON.stringify(outcome)).not.toContain(value);
  });

  it('are never an output', async () => {
    const parameters = { ...migrated, secrets, annotations: says({ rows: 1, tables: [`token ${value}`] }) };
    const outcome = await runToEnd(await withSecret(value), parameters);
    expect(outcome).toMatchObject({ is: 'failed', reason: { text: expect.stringContaining('output tables holds') } });
    expect(JSON.stringify(outcome)).not.toContain(value);
  });

  it('are never an output, however JSON writes them', async () => {
    const quoted = 'hunter"2"\\hunter';
    const parameters = { ...migrated, secrets, annotations: says({ rows: 1, tables: [{ [`token ${quoted}`]: 1 }] }) };
    const outcome = await runToEnd(await withSecret(quoted), parameters);
    expect(outcome).toMatchObject({ is: 'failed', reason: { text: expect.stringContaining('output tables holds') } });
  });

  it.each([
    ['may not be read', value, 'forbidden', 'Gennaker may not read Secret items/ticket; let its role'],
    ['are not there', undefined, undefined, 'Secret items/ticket has no key token; put it there'],
    ['are too short', 'ab1', undefined, 'the key token of Secret items/ticket is too short to be told from other text'],
  ] as const)('let no output through where they %s, and say why', async (_what, token, refusal, because) => {
    const make = async () => {
      const world = token === undefined ? sandboxWorld() : await withSecret(token);
      if (refusal !== undefined) refuseSecrets(world.cluster);
      return world;
    };
    const parameters = { ...migrated, secrets, annotations: says({ rows: 1, tables: [`token ${token}`] }) };
    const outcome = await runToEnd(await make(), parameters);
    expect(outcome).toMatchObject({ is: 'failed', then: 'giveUp', reason: { code: 'stage-failed' } });
    expect(outcome).toMatchObject({
      reason: { text: expect.stringMatching(new RegExp(`${because}.*, or declare no outputs$`, 'u')) },
    });
    // What tells nothing but that it ended can hold no secret.
    const { outputs: _, ...quiet } = parameters;
    const told = await runToEnd(await make(), { ...quiet, annotations: {} });
    expect(told).toEqual({ is: 'succeeded', outputs: { exitCode: 0 } });
  });
});

describe('the stop of a container stage', () => {
  it('takes the Job and its pod away, and says so only when they are gone', async () => {
    const world = sandboxWorld({ endless: true });
    const running = await oneStep(world, migrated, {}, cursorOf(await oneStep(world, migrated)));
    expect(world.cluster.snapshot().map(({ kind }) => kind)).toEqual(['Job', 'Pod']);
    const outcome = await oneStep(world, migrated, { doing: 'stop' }, cursorOf(running));
    expect(outcome).toEqual({ is: 'succeeded', outputs: null });
    expect(world.cluster.snapshot()).toEqual([]);
  });

  it('waits for a cluster that cannot be reached: the container may be running there', async () => {
    const world = sandboxWorld();
    world.cluster.setReachable(false);
    const outcome = await oneStep(world, migrated, { doing: 'stop' });
    expect(outcome).toMatchObject({ is: 'waiting', reason: { code: 'cluster-unreachable' } });
  });
});

describe('parameters of container', () => {
  it.each([
    [{}, ['image']],
    [{ image: 'a', env: { 'A-B': '1' } }, ['env', 'A-B']],
    [{ image: 'a', env: { GENNAKER_KEY: '1' } }, ['env', 'GENNAKER_KEY']],
    [{ image: 'a', env: { A: ['1'] } }, ['env', 'A']],
    [{ image: 'a', env: { A: '1' }, secrets: { A: { secret: 's', key: 'k' } } }, ['secrets', 'A']],
    [{ image: 'a', secrets: { A: { value: 'plain' } } }, ['secrets', 'A', 'secret']],
    [{ image: 'a', outputs: { exitCode: { type: 'number' } } }, ['outputs', 'exitCode']],
    [{ image: 'a', outputs: { rows: { type: 'integer' } } }, ['outputs', 'rows', 'type']],
    [{ image: 'a', resources: { limits: { cpu: 'much' } } }, ['resources', 'limits', 'cpu']],
  ])('%j is refused', (parameters, path) => {
    expect(containerParameters.safeParse(parameters).error?.issues[0]?.path).toEqual(path);
  });

  it('are valid input again', () => {
    const parsed = containerParameters.parse({ ...migrated, 'run-timeout': '10m' });
    expect(containerParameters.parse(JSON.parse(JSON.stringify(parsed)))).toEqual(parsed);
  });
});

type World = { cluster: SandboxCluster; clock: HandClock; locks: ReturnType<typeof lockCells> };
type Result = Outcome<ContainerCursor, ContainerOutputs | null>;
type Options = DeployOptions & { images?: StageContext['images']; doing?: 'stop' };

/** `endless` containers never end. */
function sandboxWorld(options: { endless?: boolean } = {}): World {
  const clock = handClock();
  const cluster = new SandboxCluster({ clock });
  if (options.endless === true) forcePods(cluster, { restartPolicy: 'Always' });
  return { cluster, clock, locks: lockCells() };
}

/** What an admission webhook would do: sets fields of the pods that Jobs make. */
function forcePods(cluster: SandboxCluster, fields: object): void {
  const create = cluster.create.bind(cluster);
  cluster.create = ({ manifest, ...command }) => {
    const spec = manifest.spec as { template: { spec: object } };
    const template = { ...spec.template, spec: { ...spec.template.spec, ...fields } };
    return create({ ...command, manifest: { ...manifest, spec: { ...spec, template } } });
  };
}

/** What a role does that lacks Secrets. */
function refuseSecrets(cluster: SandboxCluster): void {
  const get = cluster.get.bind(cluster);
  cluster.get = async (command) => {
    if (command.ref.kind === 'Secret') throw new ClusterError('forbidden', 'secrets "ticket" is forbidden');
    return get(command);
  };
}

function forceNodeSelector(cluster: SandboxCluster, nodeSelector: object): void {
  forcePods(cluster, { nodeSelector });
}

function jobOf({ cluster }: World): Job | undefined {
  return cluster.snapshot().find(({ kind }) => kind === 'Job') as Job | undefined;
}

async function oneStep(
  world: World,
  given: unknown,
  options: Options = {},
  cursor?: ContainerCursor | undefined,
): Promise<Result> {
  const parameters = containerParameters.parse(given);
  const step = cursor === undefined ? 1 : 2;
  const context = { ...contextOf(world, [], options.images ?? {}, options), step };
  const input: Input = { by: options.doing ?? (cursor === undefined ? 'begin' : 'again') };
  let done = false;
  const working: Promise<Result> = (
    options.doing === 'stop'
      ? container.stop(parameters, { cursor, input }, context)
      : container.step(parameters, { cursor, input }, context)
  ).finally(() => {
    done = true;
  });
  // Time moves while the step works, a little after each round of its events.
  while (!done) {
    await new Promise((resolve) => setImmediate(resolve));
    if (!done) world.clock.advance(50);
  }
  return working;
}

async function runToEnd(
  world: World,
  given: unknown,
  options: Options = {},
  from?: ContainerCursor | undefined,
  maximumSteps = 20,
): Promise<Result> {
  let cursor = from;
  for (let steps = 1; ; steps++) {
    const outcome = await oneStep(world, given, options, cursor);
    if ((outcome.is !== 'again' && outcome.is !== 'waiting') || steps >= maximumSteps) return outcome;
    if (outcome.is === 'waiting' && outcome.for.until !== undefined) {
      world.clock.advance(outcome.for.until - world.clock.now());
    }
    cursor = cursorOf(outcome);
  }
}

function cursorOf(outcome: Result): ContainerCursor | undefined {
  return 'cursor' in outcome ? outcome.cursor : undefined;
}
