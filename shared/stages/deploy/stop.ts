/** Keeps lost workers from writing any more and lets the next delivery in. What was applied stays: the next delivery replaces it. */
import type { Input, Outcome } from '../../core/run.ts';
import { raiseFence } from '../../kubernetes/conditional-write.ts';
import { heldTurn } from '../../kubernetes/service-lock.ts';
import { isClusterError, referenceOf } from '../../ports/cluster.ts';
import { notOurs } from '../cluster-trouble.ts';
import type { StageContext } from '../kind.ts';
import { manifestsToApply } from './manifests.ts';
import type { DeployCursor, DeployParameters } from './schema.ts';
import { fenceBase, giveLockBack, holderOf, lockOf } from './step.ts';

export async function stop(
  parameters: DeployParameters,
  at: { cursor: DeployCursor | undefined; input: Input },
  context: StageContext,
): Promise<Outcome<DeployCursor, null>> {
  try {
    if (!(await fenceOff(parameters, at.cursor, context))) return notOurs();
  } catch (error) {
    // A cluster that was lost before the stop is not waited for: whoever cancels a stage often does so because of it.
    const wasLost = (at.cursor?.unreachable ?? 0) > 0;
    if (!wasLost || !isClusterError(error, 'unreachable')) throw error;
  }
  await giveLockBack(context);
  return { is: 'succeeded', outputs: null };
}

/**
 * A worker of this stage that was lost just before a write could wake up after the end and write then. What the cursor
 * names was written since it read; the fence of every other object is raised. False where this worker itself may no
 * longer write: its answer would end the stage with objects that no fence protects.
 */
async function fenceOff(
  parameters: DeployParameters,
  cursor: DeployCursor | undefined,
  context: StageContext,
): Promise<boolean> {
  const turn = await heldTurn({ locks: context.locks, key: lockOf(context), holder: holderOf(context) });
  if (turn === undefined) return true;
  const manifests = await manifestsToApply(parameters, context);
  const fence = { ...fenceBase(context), turn };
  const { signal } = context;
  for (const manifest of manifests.slice(cursor?.applied.length ?? 0)) {
    const cluster = await context.cluster();
    const mayWrite = () => context.mayWrite();
    const raised = await raiseFence({ cluster, ref: referenceOf(manifest), fence, mayWrite, signal });
    if (raised.is === 'not-ours') return false;
  }
  return true;
}
