import { describe, expect, it } from 'vitest';
import { handClock } from '../../../test/support/clocks.ts';
import { contextOf, type DeployWorld, lockCells } from '../../../test/support/deploy-context.ts';
import { writeFenced } from '../../kubernetes/conditional-write.ts';
import { SandboxCluster } from '../../kubernetes/sandbox.ts';
import { acquireLock } from '../../kubernetes/service-lock.ts';
import { type Manifest, referenceOf } from '../../ports/cluster.ts';
import type { StageContext } from '../kind.ts';
import type { DeployCursor } from './schema.ts';
import { holderOf, lockOf } from './step.ts';
import { stop } from './stop.ts';

const settings = (mode: string): Manifest => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'settings', namespace: 'items' },
  data: { mode },
});
const ref = referenceOf(settings(''));
const stopping = { by: 'stop' } as const;
const lostCluster: DeployCursor = {
  version: 1,
  applied: [],
  movedAt: 0,
  seen: '',
  looks: 0,
  unreachable: 2,
  lockedOut: 0,
};

/** A cluster with the settings of an earlier delivery, and a worker that was lost under the lock before it wrote. */
async function interrupted(): Promise<{ world: DeployWorld & { cluster: SandboxCluster }; context: StageContext }> {
  const clock = handClock();
  const world = { clock, cluster: new SandboxCluster({ clock }), locks: lockCells() };
  await world.cluster.create({ manifest: settings('old'), fieldManager: 'kubectl' });
  const context = { ...contextOf(world, [settings('new')], {}), step: 2 };
  const { isAtWork, mayWrite } = context;
  await acquireLock({ locks: world.locks, key: lockOf(context), holder: holderOf(context), isAtWork, mayWrite });
  return { world, context };
}

const holderIn = async (context: StageContext) => (await context.locks.read({ key: lockOf(context) }))?.value.holder;

describe('the stop of a deploy', () => {
  it('keeps a worker that was lost before its write from writing afterwards', async () => {
    const { world, context } = await interrupted();
    const read = await world.cluster.get({ ref });
    if (read === undefined) throw new Error('the settings are gone');
    const undone = await stop({ except: [] }, { cursor: undefined, input: stopping }, context);
    expect(undone).toEqual({ is: 'succeeded', outputs: null });
    expect(await holderIn(context)).toBeUndefined();

    const late = { manifest: settings('new'), expected: read.metadata, fieldManager: 'gennaker' };
    await expect(world.cluster.apply(late)).rejects.toMatchObject({ code: 'conflict' });
    const fence = { lock: lockOf(context), turn: 1, attempt: 1, step: 1 };
    const again = { cluster: world.cluster, manifest: settings('new'), fence, execution: 'e1', mayWrite: () => true };
    expect(await writeFenced(again)).toMatchObject({ is: 'fenced-off', by: '1.1.2' });
    expect((await world.cluster.get({ ref }))?.data).toEqual({ mode: 'old' });
  });

  it('does not answer for objects that it could no longer protect', async () => {
    const { context } = await interrupted();
    const lost = { ...context, mayWrite: () => false };
    const undone = await stop({ except: [] }, { cursor: undefined, input: stopping }, lost);
    expect(undone).toMatchObject({ is: 'failed', then: 'sameStep' });
    expect(await holderIn(context)).toEqual(holderOf(context));
  });

  it('writes nothing where this attempt does not hold the lock', async () => {
    const { world, context } = await interrupted();
    const before = await world.cluster.get({ ref });
    const other = { ...context, attempt: 2 };
    expect(await stop({ except: [] }, { cursor: undefined, input: stopping }, other)).toMatchObject({
      is: 'succeeded',
    });
    expect(await world.cluster.get({ ref })).toEqual(before);
    expect(await holderIn(context)).toEqual(holderOf(context));
  });

  it('waits for a cluster that is lost now, and not for one that was lost before', async () => {
    const { world, context } = await interrupted();
    world.cluster.setReachable(false);
    const first = stop({ except: [] }, { cursor: undefined, input: stopping }, context);
    await expect(first).rejects.toMatchObject({ code: 'unreachable' });
    const known = await stop({ except: [] }, { cursor: lostCluster, input: stopping }, context);
    expect(known).toMatchObject({ is: 'succeeded' });
    expect(await holderIn(context)).toBeUndefined();
  });
});
