/** The cases that both sets of adapters pass, on the same registry, API server, Slack and far end. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { type KubernetesCluster, openCluster } from '../../shared/kubernetes/client.ts';
import type { ExecutionDetail } from '../../shared/use-cases/describe-execution.ts';
import { glyphOf } from '../../shared/use-cases/phrases.ts';
import { type ControlPlane, startControlPlane } from '../support/control-plane.ts';
import {
  applyDelivery,
  deploymentOf,
  SLACK_CHANNELS,
  SLACK_TOKEN,
  settingsOf,
  slackMessages,
} from '../support/delivery.ts';
import { endOf, executionOf, type Face, stageOf, wholeHistory } from '../support/face.ts';
import { type FarEnd, startFarEnd } from '../support/far-end.ts';
import { randomNumbers } from '../support/random.ts';
import type { Registry } from '../support/registry.ts';
import { type SlackServer, startSlackServer } from '../support/slack-server.ts';
import { until } from '../support/until.ts';
import { type RecordedWrite, recordWrites, type WriteRecord } from '../support/write-record.ts';

/** kwok makes the pods of an image with this tag ready after 5 s: time to act in mid-rollout. */
const SLOW = 'slow';
/** A rollout of such pods would long have ended. */
const ROLLOUT_IS_OVER_MS = 7_000;
/** From the push of an image that cannot be pulled to the end of the execution that it started. */
const FAILS_WITHIN_MS = 30_000;

/** What stands around a system, whichever its adapters. */
type Surroundings = {
  readonly plane: ControlPlane;
  readonly cluster: KubernetesCluster;
  readonly slack: SlackServer;
  readonly farEnd: FarEnd;
  readonly writes: WriteRecord;
  stop(): Promise<void>;
};

export type DeliveryWorld = Surroundings & {
  readonly face: Face;
  readonly registry: Registry;
  /** SIGKILL to whatever runs the steps, and a new start of it. */
  killAndStart(): Promise<void>;
  /** The revisions of the CloudEvents that the pipeline's own topic got, where something can subscribe to it from outside. */
  announced?(execution: ExecutionDetail): Promise<readonly number[]>;
};

export async function startSurroundings(): Promise<Surroundings> {
  const [plane, slack, farEnd] = await Promise.all([
    startControlPlane(),
    startSlackServer({ token: SLACK_TOKEN, channels: SLACK_CHANNELS }),
    startFarEnd(),
  ]);
  const cluster = openCluster({ access: { kubeconfigPath: plane.kubeconfigPath, contextName: plane.contextName } });
  const writes = await recordWrites(cluster);
  return {
    plane,
    cluster,
    slack,
    farEnd,
    writes,
    async stop() {
      await writes.stop();
      cluster.close();
      await Promise.all([plane.stop(), slack.close(), farEnd.stop()]);
    },
  };
}

type Delivered = { readonly name: string; readonly id: string; readonly image: string };

/**
 * Applies the case's own pipeline and pushes an image to it, while `disturb` does what it does. Returns the execution,
 * and the image as it is to run.
 */
async function deliver(
  world: DeliveryWorld,
  name: string,
  tag: string,
  disturb: () => Promise<void> = async () => undefined,
): Promise<Delivered> {
  const path = `items/${name}`;
  const repository = `${world.registry.host}/${path}`;
  await applyDelivery(world.face, { name, repository, farEnd: world.farEnd.url });
  const [digest] = await Promise.all([world.registry.push({ repository: path, tag }), disturb()]);
  const { id } = await executionOf(world.face, name);
  return { name, id, image: `${repository}:${tag}@${digest}` };
}

/** Until the rollout has begun on the API server and the execution shows it. */
async function untilRolling(world: DeliveryWorld, name: string, id: string): Promise<void> {
  const look = async () => {
    const deployment = await deploymentOf(world.cluster, name);
    const execution = await world.face.api.execution(id);
    return deployment?.replicaSets === 1 && stageOf(execution, 'release')?.status === 'running' ? true : undefined;
  };
  await until(`the rollout of ${name}`, look);
}

/** Everything that a success means, told by those who saw it: the API server, the far end, Slack, the topic, the history. */
async function expectDelivered(world: DeliveryWorld, { name, id, image }: Delivered): Promise<void> {
  const { face, cluster, farEnd, slack, writes } = world;
  const execution = await endOf(face, id);
  expect(execution).toMatchObject({ status: 'succeeded', reason: null });
  expect(await deploymentOf(cluster, name)).toEqual({
    image,
    // A worker that is killed between giving the lock back and answering leaves its successor another turn: what it
    // wrote is written once more, the same under a higher fence.
    generation: turnsWritten(writes.writes(name), 'Deployment'),
    isObserved: true,
    updated: 2,
    ready: 2,
    replicaSets: 1,
  });
  expect(await settingsOf(cluster, name)).toMatchObject({ data: { mode: 'a' } });
  expect(farEnd.effects(`/${name}`)).toHaveLength(1);
  for (const fences of Map.groupBy(writes.writes(name), ({ object }) => object).values()) {
    const given = fences.map(({ fence }) => fence.split('.').map(Number));
    expect(given).toEqual(given.toSorted(([a = 0, b = 0, c = 0], [x = 0, y = 0, z = 0]) => a - x || b - y || c - z));
  }
  const messages = await slackMessages(slack, id, glyphOf('succeeded'));
  expect(messages).toHaveLength(1);
  await expectAnnounced(world, execution);
}

/** How many turns of the lock have written the object of this kind. In each it is written once at most. */
function turnsWritten(writes: readonly RecordedWrite[], kind: string): number {
  const fences = writes.filter(({ object }) => object.startsWith(`${kind} `)).map(({ fence }) => fence);
  const turns = new Set(fences.map((fence) => fence.split('.').slice(0, 2).join('.')));
  expect(turns.size).toBe(new Set(fences).size);
  return turns.size;
}

/** Every revision is in the history once, and was sent to the pipeline's topic. */
async function expectAnnounced(world: DeliveryWorld, execution: ExecutionDetail): Promise<void> {
  const history = await wholeHistory(world.face, execution);
  expect(history.map(({ revision }) => revision)).toEqual(history.map((_, index) => index + 1));
  expect(history.at(-1)).toMatchObject({ is: 'ended', status: execution.status });
  if (world.announced === undefined) return;
  expect(await world.announced(execution)).toEqual(history.map(({ revision }) => revision));
}

/**
 * Delivers `count` times, killing something at random moments of each, and expects of each all that a success means.
 * The messages of senders that were killed take a minute, so all are looked at together at the end.
 */
export async function deliverDisturbed(
  world: DeliveryWorld,
  count: number,
  disturb: (next: () => number) => Promise<string>,
): Promise<void> {
  const { seed, next } = randomNumbers();
  const disturbances: string[] = [];
  const all: Delivered[] = [];
  try {
    for (let number = 1; number <= count; number++) {
      const disturbed = async (): Promise<void> => {
        disturbances.push(`${number}: ${await disturb(next)}`);
      };
      all.push(await deliver(world, `random-${number}`, '1.0.0', disturbed));
    }
    for (const delivered of all) await expectDelivered(world, delivered);
  } catch (cause) {
    throw new Error(`GENNAKER_TEST_SEED=${seed}; ${disturbances.join('; ')}`, { cause });
  }
}

export function describeDelivery(worldOf: () => DeliveryWorld): void {
  it('goes from a push to a stable Deployment and one message, and watch tells scripts so', async () => {
    const world = worldOf();
    const delivered = await deliver(world, 'good', '1.2.3');
    const { id } = delivered;
    const watched = await world.face.gennaker(['watch', id, '--exit-status']);
    expect(watched).toMatchObject({ exit: 0, stdout: expect.stringContaining('succeeded') });
    await expectDelivered(world, delivered);
    const [message] = await slackMessages(world.slack, id, glyphOf('succeeded'));
    expect(message?.edits).toBeGreaterThan(0);
  });

  it('fails soon, with the sentence that says why, for an image that cannot be pulled', async () => {
    const world = worldOf();
    const startedAt = Date.now();
    const { id } = await deliver(world, 'bad', 'broken');
    const execution = await endOf(world.face, id);
    expect(Date.parse(execution.endedAt ?? '') - startedAt).toBeLessThan(FAILS_WITHIN_MS);
    expect(execution.status).toBe('failed');
    expect(stageOf(execution, 'release')).toMatchObject({
      status: 'failed',
      reason: { code: 'image-not-pullable', text: expect.stringMatching(/bad-\w+-\w+.*items\/bad:broken/) },
    });
    expect(await settingsOf(world.cluster, 'bad')).toBeUndefined();
    expect(world.farEnd.requests('/bad')).toEqual([]);
    expect(await slackMessages(world.slack, id, glyphOf('failed'))).toHaveLength(1);
    await expectAnnounced(world, execution);
    const watched = await world.face.gennaker(['watch', id, '--exit-status']);
    expect(watched.exit).toBe(1);
  });

  it('writes nothing more once it is cancelled in mid-rollout', async () => {
    const world = worldOf();
    const { id } = await deliver(world, 'stopped', SLOW);
    await untilRolling(world, 'stopped', id);
    const cancelled = await world.face.gennaker(['cancel', id, '--reason', 'wrong version']);
    expect(cancelled).toMatchObject({ exit: 0 });
    const execution = await endOf(world.face, id);
    expect(execution).toMatchObject({ status: 'cancelled', reason: { code: 'cancelled-by-person' } });
    const written = world.writes.writes('stopped');
    await sleep(ROLLOUT_IS_OVER_MS);
    expect(await deploymentOf(world.cluster, 'stopped')).toMatchObject({ generation: 1, ready: 2 });
    expect(world.writes.writes('stopped')).toEqual(written);
    const endedAt = Date.parse(execution.endedAt ?? '');
    for (const write of written) expect(write.at).toBeLessThanOrEqual(endedAt);
    expect(await settingsOf(world.cluster, 'stopped')).toBeUndefined();
    expect(world.farEnd.requests('/stopped')).toEqual([]);
    expect(await slackMessages(world.slack, id, glyphOf('cancelled'))).toHaveLength(1);
    await expectAnnounced(world, execution);
    const watched = await world.face.gennaker(['watch', id, '--exit-status']);
    expect(watched.exit).toBe(3);
  });

  it('goes on after a kill -9 in mid-rollout, with each side effect once', async () => {
    const world = worldOf();
    const delivered = await deliver(world, 'killed', SLOW);
    await untilRolling(world, 'killed', delivered.id);
    await world.killAndStart();
    await expectDelivered(world, delivered);
  });
}
