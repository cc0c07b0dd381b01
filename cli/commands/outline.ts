/** The stages of a pipeline as its file alone tells them, for `plan --offline`. */

import type { Definition } from '../../shared/pipeline/schema.ts';
import type { Templates } from '../../shared/pipeline/template.ts';
import type { StageKinds } from '../../shared/pipeline/usable.ts';
import { NO_HOLDS } from '../../shared/ports/holds.ts';
import { CannotPlan, outlinePlan } from '../../shared/use-cases/make-plan.ts';
import { gatesOf } from '../../shared/use-cases/plan-gates.ts';
import { describeStages } from '../../shared/use-cases/plan-pipelines.ts';
import type { Outline } from '../render/plan.ts';

/**
 * `templates` are those of the files; a pipeline that uses others cannot be told without the system that has them.
 * Gates are those of the file, at `now` in epoch ms: what admins hold is only known to the system.
 */
export function outlineOf(definition: Definition, templates: Templates, kinds: StageKinds, now: number): Outline {
  const { pipeline } = definition;
  try {
    const plan = outlinePlan({ definition, kinds, templates, targets: undefined });
    return {
      pipeline,
      stages: describeStages(plan),
      ...gatesOf(kinds, { ...definition, plan }, NO_HOLDS, now),
      unplanned: null,
    };
  } catch (error) {
    if (!(error instanceof CannotPlan)) throw error;
    return {
      pipeline,
      stages: [],
      ...gatesOf(kinds, { ...definition, plan: undefined }, NO_HOLDS, now),
      unplanned: error.message,
    };
  }
}
