/** Tells what running a pipeline now would do, and starts nothing. */
import type { Pipelines } from '../ports/pipelines.ts';
import { manualEvent } from '../triggers/manual/source.ts';
import { type PlanPipelinesPorts, type PlanReport, planApplied } from './plan-pipelines.ts';
import { checkRun, type RunAnswer, type RunRequest } from './request-run.ts';

export type DryRun = PlanReport | Exclude<RunAnswer, { is: 'accepted' }>;

/** The plan of the same request as `requestRun` takes, compared with what lives. Throws CannotPlan. */
export async function dryRun(
  ports: PlanPipelinesPorts & { readonly pipelines: Pick<Pipelines, 'get' | 'list'> },
  command: RunRequest & {
    /** Epoch ms. */
    readonly at: number;
    readonly signal: AbortSignal;
  },
): Promise<DryRun> {
  const checked = await checkRun(ports.pipelines, command);
  if (checked.is !== 'right') return checked;
  const { asked, pipeline } = checked;
  const { by, at, signal } = command;
  const request = { images: asked.images, inputs: asked.inputs, by, at };
  const event = manualEvent({ asked, request: 'dry-run', by, at });
  return { is: 'planned', request, pipelines: [await planApplied(ports, { pipeline, event, request, signal })] };
}
