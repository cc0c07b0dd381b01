/** Deletes the Job of an attempt with its pod, and sees that both are gone. */
import { watchRollout } from '../../kubernetes/rollout-watch.ts';
import { isClusterError } from '../../ports/cluster.ts';
import type { StageContext } from '../kind.ts';
import { jobReference } from './job.ts';

/** How often a Job that the cluster writes to at the same time is read again. */
const TRIES = 8;
/** A step may take about 50 s; it answers before that. */
const SLICE_MS = 45_000;
/** What committing the answer may need before the step's deadline. */
const ANSWER_MS = 3_000;

/**
 * `gone`: there is none any more. `going`: it was deleted and its pod still ends. `not-ours`: this worker may no longer
 * write. The Job carries a name of this attempt's own, so whatever is there is ours. Throws ClusterError.
 */
export async function removeJob(context: StageContext): Promise<'gone' | 'going' | 'not-ours'> {
  const { clock, signal } = context;
  const cluster = await context.cluster();
  const ref = jobReference(context);
  for (let tried = 1; ; tried++) {
    const live = await cluster.get({ ref, signal });
    if (live === undefined) return 'gone';
    if (live.metadata.deletionTimestamp !== undefined) break;
    if (!context.mayWrite()) return 'not-ours';
    try {
      await cluster.delete({ ref, expected: live.metadata, propagation: 'foreground', signal });
      break;
    } catch (error) {
      if (isClusterError(error, 'notFound')) return 'gone';
      if (!isClusterError(error, 'conflict') || tried >= TRIES) throw error;
    }
  }
  const until = endOfLooking(context);
  const judge = ([watched]: readonly { live: unknown }[]) => (watched?.live === undefined ? 'gone' : undefined);
  return (await watchRollout<'gone'>({ cluster, refs: [ref], judge, clock, until, signal })) ?? 'going';
}

/** Until when a step may watch, in epoch ms. */
export function endOfLooking({ clock, deadline }: Pick<StageContext, 'clock' | 'deadline'>): number {
  return Math.min(deadline - ANSWER_MS, clock.now() + SLICE_MS);
}
