/** How long a pipeline usually takes, told from how long it took. */
import type { ExecutionStore } from '../ports/execution-store.ts';

/** Executions that are looked through. */
const MAXIMUM_LOOKED_BACK = 50;
/** Successes that count, the newest first: what a pipeline did long ago says little of what it does now. */
const MAXIMUM_COUNTED = 20;

/** The median time, in ms, of the pipeline's last successful executions; undefined where there was none. */
export async function expectedDuration(
  ports: { readonly executions: Pick<ExecutionStore, 'list'> },
  pipeline: string,
): Promise<number | undefined> {
  const executions = await ports.executions.list({ pipeline, limit: MAXIMUM_LOOKED_BACK });
  const times = executions
    .flatMap(({ phase, restartOf }) => {
      // A restart skips what had succeeded before.
      if (phase.is !== 'ended' || phase.end !== 'succeeded' || restartOf !== undefined) return [];
      return phase.startedAt === undefined ? [] : [phase.at - phase.startedAt];
    })
    .slice(0, MAXIMUM_COUNTED)
    .sort((one, other) => one - other);
  return times[Math.floor(times.length / 2)];
}
