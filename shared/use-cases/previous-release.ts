/** What a pipeline delivered before an execution, so that people see what changes. */
import type { Hash, Plan } from '../core/plan.ts';
import type { Execution } from '../core/run.ts';
import type { ExecutionStore } from '../ports/execution-store.ts';
import { MissingPlan, type PlanReader } from './plans.ts';

/** How many earlier executions are looked at; a longer row of failures shows no earlier images. */
const MAXIMUM_EARLIER_EXECUTIONS = 20;

/** Reads a plan; undefined where it is no longer kept, so that its execution can still be shown. */
export type ReadPlan = (query: { hash: Hash }) => Promise<Plan | undefined>;

export function readPlanOf(plans: PlanReader): ReadPlan {
  return async ({ hash }) => {
    try {
      return (await plans.get(hash)).plan;
    } catch (error) {
      if (error instanceof MissingPlan) return undefined;
      throw error;
    }
  };
}

/** The images of the pipeline's last success before `execution`; undefined where none is known. */
export async function previousImages(
  ports: { store: Pick<ExecutionStore, 'list'>; readPlan: ReadPlan },
  execution: Pick<Execution, 'id' | 'pipeline' | 'createdAt'>,
): Promise<Plan['images'] | undefined> {
  const earlier = await ports.store.list({
    pipeline: execution.pipeline,
    before: execution.createdAt,
    limit: MAXIMUM_EARLIER_EXECUTIONS,
  });
  const success = earlier.find(
    ({ id, phase }) => id !== execution.id && phase.is === 'ended' && phase.end === 'succeeded',
  );
  return success === undefined ? undefined : (await ports.readPlan({ hash: success.plan }))?.images;
}
