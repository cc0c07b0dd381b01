/** Puts one pipeline for a test or a bench, whatever generation it is of. */
import type { AppliedPipeline, Pipelines, TriggerEntry } from '../../shared/ports/pipelines.ts';

export async function putPipeline(
  pipelines: Pick<Pipelines, 'get' | 'change'>,
  pipeline: AppliedPipeline,
  triggers: readonly TriggerEntry[] = [],
): Promise<void> {
  const expected = (await pipelines.get({ name: pipeline.name }))?.generation ?? 0;
  const answer = await pipelines.change({ puts: [{ pipeline, triggers, expected }], removals: [] });
  if (answer !== 'changed') throw new Error(`somebody else changed ${pipeline.name} while it was put`);
}
