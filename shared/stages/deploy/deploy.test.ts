import { describe, expect, it } from 'vitest';
import { type HandClock, handClock, wallClock } from '../../../test/support/clocks.ts';
import {
  blobsOf,
  contextOf,
  type DeployOptions,
  type DeployWorld,
  lockCells,
} from '../../../test/support/deploy-context.ts';
import type { Outcome } from '../../core/run.ts';
import { SandboxCluster } from '../../kubernetes/sandbox.ts';
import { describeObject, type Manifest, referenceOf } from '../../ports/cluster.ts';
import type { StageContext } from '../kind.ts';
import { type ProofWorld, prove } from '../proofs.ts';
import { deploy } from './index.ts';
import { type DeployCursor, type DeployOutputs, deployParameters } from './schema.ts';

const REPOSITORY = 'registry.test/shop/items';
const DIGEST = `sha256:${'c'.repeat(64)}`;
const LOCK = 'jp/items/items-api';

const labels = { app: 'items' };
const configMap: Manifest = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'settings' },
  data: { mode: 'a' },
};
const service: Manifest = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'items' },
  spec: { type: 'LoadBalancer', selector: labels },
};
const deployment: Manifest = workload('Deployment', 'items', { replicas: 2, selector: { matchLabels: labels } });

function workload(kind: string, name: string, spec: object, apiVersion = 'apps/v1'): Manifest {
  const template = { metadata: { labels }, spec: { containers: [{ name: 'app', image: REPOSITORY }] } };
  return { apiVersion, kind, metadata: { name }, spec: { ...spec, template } };
}

const images = (tag: string) => ({ api: { repository: REPOSITORY, tag, digest: DIGEST } });

describe('the three proofs', () => {
  const proof = { kind: deploy, parameters: {} };
  prove({ ...proof, name: 'of a rollout', world: () => proofWorld([deployment, service, configMap], '1.2.3') });
  prove({
    ...proof,
    name: 'of an image that cannot be pulled',
    ends: 'failed',
    world: () => proofWorld([deployment, configMap], 'broken'),
  });
});

function proofWorld(manifests: Manifest[], tag: string): ProofWorld {
  const clock = handClock();
  const cluster = new SandboxCluster({ clock });
  const locks = lockCells();
  return {
    cluster,
    locks,
    blobs: blobsOf(manifests),
    context: { target: 'jp', images: images(tag), manifests: 'sha256:manifests' },
    effects: () => [locks.content(), intents(cluster)],
    passTime: (now) => clock.advance(now - clock.now()),
  };
}

/** What was asked of the cluster, without what time and counters make of it. */
function intents(cluster: SandboxCluster): unknown {
  return cluster
    .snapshot()
    .filter(({ metadata }) => metadata.labels?.['app.kubernetes.io/managed-by'] === 'gennaker')
    .map(({ metadata, spec, data, ...object }) => {
      return [describeObject(referenceOf({ metadata, ...object })), metadata.labels, metadata.annotations, spec, data];
    });
}

describe('a deploy', () => {
  it('applies in order, waits for the rollout and tells what runs', async () => {
    const world = sandboxWorld();
    const { outcome } = await runToEnd(world, [deployment, configMap, service], images('1.2.3'));
    expect(outcome).toMatchObject({ is: 'succeeded' });
    const { outputs } = outcome as { outputs: DeployOutputs };
    expect(outputs.images).toEqual({ api: `${REPOSITORY}:1.2.3@${DIGEST}` });
    expect(outputs.objects.map(({ kind, revision }) => [kind, revision])).toEqual([
      ['ConfigMap', undefined],
      ['Service', undefined],
      ['Deployment', '1'],
    ]);
    expect(await world.locks.read({ key: LOCK })).toMatchObject({ value: { turn: 1 } });
    expect((await world.locks.read({ key: LOCK }))?.value.holder).toBeUndefined();
    const again = await runToEnd(world, [deployment, configMap, service], images('1.2.4'), { execution: 'e2' });
    expect(again.outcome).toMatchObject({ is: 'succeeded', outputs: { objects: [{}, {}, { revision: '2' }] } });
    const live = await world.cluster.get({ ref: inItems(deployment) });
    expect(live?.metadata.annotations).toMatchObject({ 'gennaker.dev/fence': '2.1.1', 'gennaker.dev/lock': LOCK });
  });

  it('ends within milliseconds of the event that makes everything stable', async () => {
    const clock = wallClock();
    const cluster = new SandboxCluster({ clock });
    const ready = { at: 0 };
    const world = { cluster, locks: lockCells(), clock };
    const watching = new AbortController();
    const ref = inItems(deployment);
    const { name: _, ...selection } = ref;
    const seen = (async () => {
      for await (const event of cluster.watch({ ...selection, resourceVersion: '1', signal: watching.signal })) {
        if (event.type === 'BOOKMARK') continue;
        const { availableReplicas } = (event.object.status ?? {}) as { availableReplicas?: number };
        if (availableReplicas === 2 && ready.at === 0) ready.at = performance.now();
      }
    })();
    const outcome = await oneStep(world, [deployment], images('1.2.3'));
    const endedAt = performance.now();
    watching.abort();
    await seen;
    expect(outcome).toMatchObject({ is: 'succeeded' });
    expect(endedAt - ready.at).toBeLessThan(500);
  });

  it.each([
    [
      'broken',
      'image-not-pullable',
      /^Pod items-\S+ cannot pull the image registry\.test\/shop\/items:broken@\S+ of its container app: .*not found/,
    ],
    ['crash', 'crash-loop', /^Pod items-\S+: its container app has crashed \S+( times)?, last with exit code 1$/],
  ])('fails fast with the cause for an image that is %s', async (tag, code, text) => {
    const world = sandboxWorld();
    const { outcome, tookMs } = await runToEnd(world, [deployment], images(tag));
    expect(outcome).toMatchObject({
      is: 'failed',
      then: 'giveUp',
      reason: { code, text: expect.stringMatching(text) },
    });
    expect(tookMs).toBeLessThan(5_000);
    expect((await world.locks.read({ key: LOCK }))?.value.holder).toBeUndefined();
  });

  it('is not failed by the old version while the new one comes up', async () => {
    const world = sandboxWorld();
    await runToEnd(world, [deployment], images('crash'));
    const { outcome } = await runToEnd(world, [deployment], images('1.2.3'), { execution: 'e2' });
    expect(outcome).toMatchObject({ is: 'succeeded' });
  });

  it.each([
    ['quota-exceeded', { quota: true }],
    ['unschedulable', { nodeSelector: { disk: 'none' } }],
  ])(
    'fails for %s only after its grace',
    async (code, { quota, nodeSelector }: { quota?: boolean; nodeSelector?: object }) => {
      const world = sandboxWorld();
      const metadata = { name: 'quota', namespace: 'items' };
      const limit = { apiVersion: 'v1', kind: 'ResourceQuota', metadata, spec: { hard: { pods: '0' } } };
      if (quota === true) await world.cluster.create({ manifest: limit, fieldManager: 'admin' });
      const spec = { containers: [{ name: 'app', image: REPOSITORY }], ...(nodeSelector ? { nodeSelector } : {}) };
      const template = { metadata: { labels }, spec };
      const manifest = { ...deployment, spec: { ...(deployment.spec as object), template } };
      const { outcome, tookMs } = await runToEnd(world, [manifest], images('1.2.3'));
      expect(outcome).toMatchObject({ is: 'failed', then: 'newAttempt', reason: { code } });
      expect(tookMs).toBeGreaterThan(9_000);
      expect(tookMs).toBeLessThan(60_000);
    },
  );

  it('waits for a cluster that cannot be reached, says how often it tried, and goes on', async () => {
    const world = sandboxWorld();
    world.cluster.setReachable(false);
    const first = await oneStep(world, [deployment], images('1.2.3'));
    expect(first).toMatchObject({
      is: 'waiting',
      reason: { code: 'cluster-unreachable', unblock: 'gennaker cancel e1' },
    });
    const second = await oneStep(world, [deployment], images('1.2.3'), { cursor: cursorOf(first) });
    expect(second).toMatchObject({ reason: { text: expect.stringContaining('jp cannot be reached (2 tries)') } });
    world.cluster.setReachable(true);
    const { outcome } = await runToEnd(world, [deployment], images('1.2.3'), { cursor: cursorOf(second) });
    expect(outcome).toMatchObject({ is: 'succeeded' });
  });

  it('looks now and then instead of holding a watch when nothing moves', async () => {
    const world = sandboxWorld();
    const paused = { ...deployment, spec: { ...(deployment.spec as object), paused: true } };
    const { outcome, waits } = await runToEnd(world, [paused], images('1.2.3'), { maximumSteps: 10 });
    expect(outcome).toMatchObject({ is: 'waiting', reason: { code: 'rollout-in-progress' } });
    expect(outcome).toMatchObject({
      reason: { text: expect.stringMatching(/paused.*nothing has moved for \d+ minutes$/) },
    });
    // Each a look; the slices of watching before them went on without a wait.
    expect(waits.slice(0, 6)).toEqual([30_000, 60_000, 120_000, 240_000, 300_000, 300_000]);
  });

  it('waits while another execution holds the lock, and names it', async () => {
    const world = sandboxWorld();
    const holder = { execution: 'e0', stage: 'release', attempt: 1 };
    await world.locks.write({ key: LOCK, value: { format: 1, turn: 7, holder }, expected: 'absent' });
    const first = await oneStep(world, [deployment], images('1.2.3'), { isAtWork: async () => true });
    expect(first).toMatchObject({
      is: 'waiting',
      reason: { code: 'locked-by-other', text: 'e0 is delivering items-api to jp', unblock: 'gennaker cancel e0' },
    });
    expect(await world.cluster.get({ ref: inItems(deployment) })).toBeUndefined();
    const { outcome } = await runToEnd(world, [deployment], images('1.2.3'), { cursor: cursorOf(first) });
    expect(outcome).toMatchObject({ is: 'succeeded' });
    expect(await world.locks.read({ key: LOCK })).toMatchObject({ value: { turn: 8 } });
  });

  it('gives way to a newer turn that wrote meanwhile', async () => {
    const world = sandboxWorld();
    const slow = images('slow');
    const first = await oneStep(world, [deployment], slow, { sliceMs: 1 });
    expect(first.is).toBe('again');
    const key = LOCK;
    const cell = await world.locks.read({ key });
    await world.locks.write({
      key,
      value: { format: 1, turn: cell?.value.turn ?? 0 },
      expected: cell?.version ?? 'absent',
    });
    await runToEnd(world, [deployment], images('1.2.4'), { execution: 'e2' });
    const late = await oneStep(world, [deployment], slow, { cursor: cursorOf(first) });
    expect(late).toMatchObject({ is: 'failed', reason: { code: 'fenced-off' }, then: 'giveUp' });
  });

  it('replaces a Job that has ended, and lets one run that is new', async () => {
    const world = sandboxWorld();
    const job = workload('Job', 'migrate', { backoffLimit: 0 }, 'batch/v1');
    const spec = job.spec as { template: { spec: object } };
    const once = { ...spec, template: { spec: { ...spec.template.spec, restartPolicy: 'Never' } } };
    const manifest = { ...job, spec: once };
    const first = await runToEnd(world, [manifest], images('1'));
    expect(first.outcome).toMatchObject({ is: 'succeeded' });
    const second = await runToEnd(world, [manifest], images('2'), { execution: 'e2' });
    expect(second.outcome).toMatchObject({ is: 'succeeded' });
    const third = await runToEnd(world, [manifest], images('fail'), { execution: 'e3' });
    expect(third.outcome).toMatchObject({ is: 'failed', reason: { code: 'rollout-failed' } });
  });

  it('says what is wrong with the manifests', async () => {
    const world = sandboxWorld();
    const other = { api: { repository: 'registry.test/shop/itms', tag: '1', digest: DIGEST } };
    const text = 'none uses api (registry.test/shop/itms); they use registry.test/shop/items';
    expect(await oneStep(world, [deployment], other)).toMatchObject({
      is: 'failed',
      then: 'giveUp',
      reason: { code: 'manifest-refused', text: expect.stringContaining(text) },
    });
    const parameters = { select: [{ kind: 'Job' }] };
    expect(await oneStep(world, [deployment], images('1'), { parameters })).toMatchObject({
      is: 'failed',
      reason: { text: expect.stringContaining('no manifest fits') },
    });
  });

  it('applies only what is selected', async () => {
    const world = sandboxWorld();
    const parameters = { select: [{ kind: 'ConfigMap' }, { kind: 'Deployment' }], except: [{ name: 'items' }] };
    const { outcome } = await runToEnd(world, [deployment, service, configMap], images('1'), { parameters });
    expect(outcome).toMatchObject({ is: 'succeeded', outputs: { objects: [{ kind: 'ConfigMap' }] } });
  });

  it.each([
    [false, 'objects of a whole cluster'],
    [undefined, 'the cluster has no kind Issuer in acme.dev/v1'],
  ])('that is held to namespaces writes no object of whose kind the cluster says %s', async (is, text) => {
    const { cluster, locks, hand } = sandboxWorld();
    const isNamespaced = async ({ kind }: { kind: string }) => (kind === 'Issuer' ? is : true);
    const bound = new Proxy(cluster, {
      get: (target, name) => {
        if (name === 'isNamespaced') return isNamespaced;
        const found: unknown = Reflect.get(target, name);
        return typeof found === 'function' ? found.bind(target) : found;
      },
    });
    const issuer = { ...configMap, apiVersion: 'acme.dev/v1', kind: 'Issuer', metadata: { name: 'all' } };
    const world = { cluster: bound, locks, clock: hand, hand };
    const options = { parameters: { objects: [configMap, issuer] } };
    const outcome = await oneStep(world, [], {}, { ...options, namespaces: ['items'] });
    expect(outcome).toMatchObject({ is: 'failed', then: 'giveUp', reason: { text: expect.stringContaining(text) } });
    expect(cluster.snapshot().map(({ kind }) => kind)).not.toContain('Issuer');
    const free = await runToEnd(sandboxWorld(), [], {}, options);
    expect(free.outcome).toMatchObject({ is: 'succeeded' });
  });
});

type World = DeployWorld & { cluster: SandboxCluster; hand?: HandClock };
type Images = StageContext['images'];
type Options = DeployOptions & {
  cursor?: DeployCursor | undefined;
  parameters?: unknown;
  maximumSteps?: number;
};

function sandboxWorld(): World & { hand: HandClock } {
  const hand = handClock();
  return { cluster: new SandboxCluster({ clock: hand }), locks: lockCells(), clock: hand, hand };
}

async function oneStep(
  world: World,
  manifests: Manifest[],
  pinned: Images,
  options: Options = {},
): Promise<Outcome<DeployCursor, DeployOutputs>> {
  const context = contextOf(world, manifests, pinned, options);
  const parameters = deployParameters.parse(options.parameters ?? {});
  const input = { by: options.cursor === undefined ? 'begin' : 'again' } as const;
  const working = deploy.step(parameters, { cursor: options.cursor, input }, context);
  let done = false;
  const finished = working.finally(() => {
    done = true;
  });
  // Time moves while the step works, a little after each round of its events.
  while (!done && world.hand !== undefined) {
    await new Promise((resolve) => setImmediate(resolve));
    if (!done) world.hand.advance(50);
  }
  return finished;
}

async function runToEnd(
  world: World & { hand: HandClock },
  manifests: Manifest[],
  pinned: Images,
  options: Options = {},
): Promise<{ outcome: Outcome<DeployCursor, DeployOutputs>; tookMs: number; waits: number[] }> {
  const startedAt = world.hand.now();
  const waits: number[] = [];
  let { cursor } = options;
  for (let steps = 0; ; steps++) {
    const outcome = await oneStep(world, manifests, pinned, { ...options, cursor });
    if (outcome.is === 'waiting' && outcome.for.until !== undefined) {
      waits.push(outcome.for.until - world.hand.now());
      if (steps < (options.maximumSteps ?? 20)) world.hand.advance(outcome.for.until - world.hand.now());
    }
    if ((outcome.is !== 'again' && outcome.is !== 'waiting') || steps >= (options.maximumSteps ?? 20)) {
      return { outcome, tookMs: world.hand.now() - startedAt, waits };
    }
    cursor = cursorOf(outcome);
  }
}

function cursorOf(outcome: Outcome<DeployCursor, DeployOutputs>): DeployCursor | undefined {
  return 'cursor' in outcome ? outcome.cursor : undefined;
}

function inItems(manifest: Manifest) {
  return { ...referenceOf(manifest), namespace: 'items' };
}
