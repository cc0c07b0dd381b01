/** What came of a pipeline's executions on one version of a template: the proof that a ring gives. */
import type { ExecutionStore } from '../../ports/execution-store.ts';
import type { PlanReader } from '../plans.ts';

const PAGE = 20;
/** Executions of one pipeline that are looked through; a ring needs far fewer. */
const MAXIMUM_LOOKED_AT = 200;

export type CountedExecutions = {
  readonly successes: number;
  /** One that failed. */
  readonly failed?: string;
};

/** Those that were created at `since` (epoch ms) or later, and whose plan was made with that version. */
export async function executionsOn(
  ports: { readonly executions: Pick<ExecutionStore, 'list'>; readonly plans: PlanReader },
  query: { readonly pipeline: string; readonly template: string; readonly version: string; readonly since: number },
): Promise<CountedExecutions> {
  const { pipeline, template, version, since } = query;
  let successes = 0;
  let before: number | undefined;
  for (let seen = 0; seen < MAXIMUM_LOOKED_AT; seen += PAGE) {
    const page = await ports.executions.list({ pipeline, limit: PAGE, ...(before === undefined ? {} : { before }) });
    for (const { id, createdAt, phase, plan } of page) {
      if (createdAt < since) return { successes };
      if (phase.is !== 'ended' || (phase.end !== 'succeeded' && phase.end !== 'failed')) continue;
      const { templates } = (await ports.plans.get(plan)).plan;
      if (templates?.[template] !== version) continue;
      if (phase.end === 'failed') return { successes, failed: id };
      successes += 1;
    }
    before = page.at(-1)?.createdAt;
    if (page.length < PAGE) break;
  }
  return { successes };
}
