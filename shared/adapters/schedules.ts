/** How the schedules of a pipeline begin, the same in both adapters. */
import type { AppliedPipeline, Schedule, TriggerEntry } from '../ports/pipelines.ts';

/** One for each key: looked at first at once, with no firing before the pipeline was applied. */
export function newSchedules(pipeline: AppliedPipeline, triggers: readonly TriggerEntry[]): readonly Schedule[] {
  const byKey = new Map<string, Schedule>();
  const { name, appliedAt } = pipeline;
  for (const { key, schedule: rule } of triggers) {
    if (rule === undefined) continue;
    byKey.set(key, { format: 1, pipeline: name, key, rule, doneUntil: appliedAt, dueAt: appliedAt });
  }
  return [...byKey.values()];
}
