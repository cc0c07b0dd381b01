/** The stages of a pipeline as its file alone tells them, for `plan --offline`. */
import type { StageKinds } from '../../shared/pipeline/checks.ts';
import type { Definition } from '../../shared/pipeline/schema.ts';
import type { Templates } from '../../shared/pipeline/template.ts';
import { CannotPlan, outlinePlan } from '../../shared/use-cases/make-plan.ts';
import { describeStages, gatesOf } from '../../shared/use-cases/plan-pipelines.ts';
import type { Outline } from '../render/plan.ts';

/** `templates` are those of the files; a pipeline that uses others cannot be told without the system that has them. */
export function outlineOf(definition: Definition, templates: Templates, kinds: StageKinds): Outline {
  const { pipeline } = definition;
  try {
    const plan = outlinePlan({ kinds, templates, targets: undefined }, { definition, inputs: {} });
    return { pipeline, stages: describeStages(plan), gates: gatesOf(kinds, plan), unplanned: null };
  } catch (error) {
    if (!(error instanceof CannotPlan)) throw error;
    return { pipeline, stages: [], gates: [], unplanned: error.message };
  }
}
