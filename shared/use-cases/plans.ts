/** Plans by their hash, read once and kept: a plan never changes, so a cache of them is never stale. */
import { type IndexedPlan, indexPlan } from '../core/execution.ts';
import type { Hash, Plan } from '../core/plan.ts';
import { planText } from '../pipeline/compile.ts';
import type { Blobs } from '../ports/blobs.ts';
import { parsePlan } from './documents.ts';

const MAXIMUM_CACHED_PLANS = 500;

export interface PlanReader {
  /** Throws MissingPlan where there is no such blob. */
  get(hash: Hash): Promise<IndexedPlan>;
  /** Keeps the plan and returns its hash. */
  put(plan: Plan): Promise<IndexedPlan>;
}

export class MissingPlan extends Error {
  override readonly name = 'MissingPlan';
}

export function planReader(blobs: Blobs): PlanReader {
  const cache = new Map<Hash, IndexedPlan>();
  const keep = (indexed: IndexedPlan): IndexedPlan => {
    const oldest = cache.keys().next();
    if (cache.size >= MAXIMUM_CACHED_PLANS && !oldest.done) cache.delete(oldest.value);
    cache.set(indexed.hash, indexed);
    return indexed;
  };
  return {
    async get(hash) {
      const cached = cache.get(hash);
      if (cached !== undefined) return cached;
      const text = await blobs.get({ hash });
      if (text === undefined) throw new MissingPlan(`the plan ${hash} is not in the store`);
      return keep(indexPlan(hash, parsePlan(JSON.parse(text))));
    },
    async put(plan) {
      const hash = await blobs.put({ text: planText(plan) });
      return cache.get(hash) ?? keep(indexPlan(hash, plan));
    },
  };
}
