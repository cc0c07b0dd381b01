/** The stage kind `container` on a real control plane: its Job runs, tells, fails fast, and is really gone when stopped. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Input, Outcome } from '../../shared/core/run.ts';
import { type KubernetesCluster, openCluster } from '../../shared/kubernetes/client.ts';
import { TERMINATION_MESSAGE_ANNOTATION } from '../../shared/kubernetes/sandbox-pods.ts';
import { container } from '../../shared/stages/container/index.ts';
import { jobReference } from '../../shared/stages/container/job.ts';
import {
  type ContainerCursor,
  type ContainerOutputs,
  containerParameters,
} from '../../shared/stages/container/schema.ts';
import { wallClock } from '../support/clocks.ts';
import { CONTAINER_LOG, type ControlPlane, requireControlPlane, startControlPlane } from '../support/control-plane.ts';
import { contextOf, type DeployWorld, lockCells } from '../support/deploy-context.ts';

const IMAGE = 'registry.test/shop/migrate';
const MAXIMUM_STEPS = 10;

type Result = Outcome<ContainerCursor, ContainerOutputs | null>;

describe.skipIf(!requireControlPlane())('container on a real control plane', () => {
  let plane: ControlPlane;
  let cluster: KubernetesCluster;
  let world: DeployWorld;
  beforeAll(async () => {
    plane = await startControlPlane();
    plane.kubectl(['create', 'namespace', 'items']);
    cluster = openCluster({ access: { kubeconfigPath: plane.kubeconfigPath, contextName: plane.contextName } });
    world = { cluster, locks: lockCells(), clock: wallClock() };
  });
  afterAll(async () => {
    cluster?.close();
    await plane?.stop();
  });

  const step = async (
    execution: string,
    given: unknown,
    cursor: ContainerCursor | undefined,
    doing: 'step' | 'stop',
    steps: number,
  ): Promise<Result> => {
    const parameters = containerParameters.parse(given);
    const context = { ...contextOf(world, [], {}, { execution }), step: steps };
    const input: Input = { by: doing === 'stop' ? 'stop' : steps === 1 ? 'begin' : 'again' };
    return doing === 'stop'
      ? container.stop(parameters, { cursor, input }, context)
      : container.step(parameters, { cursor, input }, context);
  };

  const run = async (execution: string, given: unknown): Promise<Result> => {
    let cursor: ContainerCursor | undefined;
    for (let steps = 1; ; steps++) {
      const outcome = await step(execution, given, cursor, 'step', steps);
      if (!('cursor' in outcome) || steps >= MAXIMUM_STEPS) return outcome;
      cursor = outcome.cursor;
    }
  };
  const jobOf = (execution: string) => cluster.get({ ref: jobReference(contextOf(world, [], {}, { execution })) });
  const podsOf = async () => (await cluster.list({ apiVersion: 'v1', kind: 'Pod', namespace: 'items' })).items;

  it('runs once, with what it was given, and tells its outputs', async () => {
    plane.kubectl([
      '-n',
      'items',
      'create',
      'secret',
      'generic',
      'database',
      '--from-literal=password=hunter2-hunter2',
    ]);
    const given = {
      image: `${IMAGE}:1`,
      command: ['migrate'],
      args: ['up'],
      env: { BATCH: 500, DRY_RUN: false },
      secrets: { PASSWORD: { secret: 'database', key: 'password' } },
      resources: { requests: { cpu: '100m', memory: '64Mi' }, limits: { memory: '128Mi' } },
      'service-account': 'default',
      'run-timeout': '10m',
      outputs: { rows: { type: 'number' } },
      annotations: { [TERMINATION_MESSAGE_ANNOTATION]: '{"rows":3}' },
    };
    expect(await run('once', given)).toEqual({ is: 'succeeded', outputs: { rows: 3, exitCode: 0 } });
    expect(await jobOf('once')).toMatchObject({
      metadata: { labels: { 'app.kubernetes.io/managed-by': 'gennaker' } },
      spec: { suspend: false, backoffLimit: 0, activeDeadlineSeconds: 600, ttlSecondsAfterFinished: 86_400 },
      status: { succeeded: 1 },
    });
    expect(await podsOf()).toHaveLength(1);
  });

  it('tells the exit code and the end of the log of one that fails', async () => {
    const outcome = await run('fails', { image: `${IMAGE}:fail` });
    expect(outcome).toMatchObject({
      is: 'failed',
      reason: { text: expect.stringContaining(`exit code 1; its log ends with: ${CONTAINER_LOG.join(' ⏎ ')}`) },
    });
  });

  it('fails fast for an image that cannot be pulled, and leaves nothing behind', async () => {
    const startedAt = performance.now();
    const outcome = await run('broken', { image: `${IMAGE}:broken` });
    expect(outcome).toMatchObject({ is: 'failed', then: 'giveUp', reason: { code: 'image-not-pullable' } });
    expect(performance.now() - startedAt).toBeLessThan(30_000);
    expect(await jobOf('broken')).toBeUndefined();
  });

  it('is gone with its pod when it is stopped, and a worker that wakes up late starts nothing', async () => {
    const given = { image: `${IMAGE}:endless` };
    const created = await step('stopped', given, undefined, 'step', 1);
    const cursor = 'cursor' in created ? created.cursor : undefined;
    const before = (await podsOf()).length;
    const ended = new AbortController();
    const context = { ...contextOf(world, [], {}, { execution: 'stopped' }), step: 2, signal: ended.signal };
    const parameters = containerParameters.parse(given);
    const watching = container.step(parameters, { cursor, input: { by: 'again' } }, context).catch(() => undefined);
    await expect.poll(async () => (await podsOf()).length, { timeout: 20_000 }).toBe(before + 1);
    ended.abort();
    await watching;
    expect(await step('stopped', given, cursor, 'stop', 3)).toEqual({ is: 'succeeded', outputs: null });
    expect(await jobOf('stopped')).toBeUndefined();
    expect(await podsOf()).toHaveLength(before);
    expect(await step('stopped', given, cursor, 'step', 2)).toMatchObject({
      is: 'failed',
      reason: { text: expect.stringContaining('was deleted before its end was seen') },
    });
    expect(await jobOf('stopped')).toBeUndefined();
  });

  it('names the namespace that is not there', async () => {
    const context = { ...contextOf(world, [], {}, { execution: 'lost' }), namespace: 'nowhere' };
    const parameters = containerParameters.parse({ image: IMAGE });
    const outcome = await container.step(parameters, { cursor: undefined, input: { by: 'begin' } }, context);
    expect(outcome).toMatchObject({
      is: 'failed',
      then: 'giveUp',
      reason: { text: expect.stringContaining('nowhere') },
    });
  });
});
