/** Applies a plan that was made before, exactly as it was made, or says what has changed since. */
import type { Applied } from './apply-by-hand.ts';
import type { TeamUpload } from './check-pipelines.ts';
import { changesSince, type PlanBasis } from './plan-basis.ts';
import { type PlanPipelinesPorts, type PlanRequest, planPipelines } from './plan-pipelines.ts';

export type PlanApplied =
  | Applied
  /** Nothing was applied; a sentence for each thing that changed. */
  | { readonly is: 'outdated'; readonly changes: readonly string[] };

/** `override` is as `apply` takes it: why a pipeline that a repository manages is applied by hand. */
export type AppliedUpload = TeamUpload & {
  readonly by: string;
  readonly override?: { readonly reason: string } | undefined;
};

/** `bases` is what the plan rested on when it was made, for each of its pipelines. Throws as planPipelines does. */
export async function applyPlan(
  ports: PlanPipelinesPorts & { readonly apply: (upload: AppliedUpload) => Promise<Applied> },
  command: AppliedUpload & {
    readonly request: PlanRequest;
    readonly bases: readonly PlanBasis[];
    readonly signal: AbortSignal;
  },
): Promise<PlanApplied> {
  const { bases, request: _, signal: __, ...upload } = command;
  const now = await planPipelines(ports, { ...command, live: 'leave' });
  if (now.is === 'refused') return now;
  const present = new Map(now.pipelines.map(({ basis }) => [basis.pipeline, basis]));
  const changes = bases.flatMap((then) => {
    const basis = present.get(then.pipeline);
    present.delete(then.pipeline);
    return basis === undefined ? [`The plan's file has no pipeline ${then.pipeline}.`] : changesSince(then, basis);
  });
  for (const name of present.keys()) changes.push(`The plan's file has a pipeline that was not planned: ${name}.`);
  return changes.length > 0 ? { is: 'outdated', changes } : ports.apply(upload);
}
