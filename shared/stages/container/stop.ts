/** Really ends what was begun: the Job and its pod are gone before the stage is at rest. */
import type { Input, Outcome } from '../../core/run.ts';
import { isClusterError } from '../../ports/cluster.ts';
import { notOurs, waitForCluster } from '../cluster-trouble.ts';
import type { StageContext } from '../kind.ts';
import { removeJob } from './remove.ts';
import type { ContainerCursor, ContainerParameters } from './schema.ts';
import { begun } from './step.ts';

export async function stop(
  _parameters: ContainerParameters,
  at: { cursor: ContainerCursor | undefined; input: Input },
  context: StageContext,
): Promise<Outcome<ContainerCursor, null>> {
  const cursor = at.cursor ?? begun(context);
  try {
    const removed = await removeJob(context);
    if (removed === 'gone') return { is: 'succeeded', outputs: null };
    return removed === 'going' ? { is: 'again', cursor } : notOurs();
  } catch (error) {
    if (!isClusterError(error, 'unreachable')) throw error;
    // A container may be running there: it is waited for as long as a stop may take.
    return waitForCluster(cursor, error.message, context);
  }
}
