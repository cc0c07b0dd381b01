/** A cancel goes down: what was started is stopped, also where it appears only now, and is waited for. */
import type { Input, Outcome } from '../../core/run.ts';
import type { StageContext } from '../kind.ts';
import type { PipelineCursor, PipelineParameters } from './schema.ts';
import { othersOf, requestKey } from './step.ts';

/** Between two looks, in ms. */
const LOOK_MS = 3_000;
/** How long one that was asked for may take to appear, in ms; the stop has ten minutes in all. */
const APPEARS_WITHIN_MS = 5 * 60_000;
/** The same where nobody knows whether it was asked for. */
const PERHAPS_MS = 20_000;

export async function stop(
  parameters: PipelineParameters,
  at: { cursor: PipelineCursor | undefined; input: Input },
  context: StageContext,
): Promise<Outcome<PipelineCursor, null>> {
  if (!parameters.wait) return { is: 'succeeded', outputs: null };
  const others = othersOf(context);
  const cursor = at.cursor ?? perhapsRequested(parameters, context);
  const child = await others.read({ id: cursor.execution });
  if (child?.end !== undefined) return { is: 'succeeded', outputs: null };
  if (child === undefined) {
    const isGivenUp = context.clock.now() - cursor.requestedAt > APPEARS_WITHIN_MS;
    const why = await others.whyNotStarted({ event: cursor.event });
    if (isGivenUp || why !== undefined) return { is: 'succeeded', outputs: null };
  } else {
    const text = `${context.pipeline} ${context.execution}, which had started it, was stopped.`;
    const unblock = `gennaker restart ${context.execution}`;
    await others.stop({ id: child.id, because: { code: 'cancelled-by-person', text, unblock } });
  }
  return {
    is: 'waiting',
    for: { until: context.clock.now() + LOOK_MS },
    cursor,
    reason: {
      code: 'pipeline-in-progress',
      text: `${context.stage} waits until ${parameters.pipeline} ${cursor.execution} has come to rest.`,
      unblock: `gennaker cancel ${cursor.execution}`,
    },
  };
}

/** The worker that asked may have been lost before it could tell: for a while what it asked for may still appear. */
function perhapsRequested({ pipeline }: PipelineParameters, context: StageContext): PipelineCursor {
  const requestedAt = context.clock.now() - APPEARS_WITHIN_MS + PERHAPS_MS;
  const { execution, event } = othersOf(context).requested({ key: requestKey(context), pipeline });
  return { version: 1, execution, event, requestedAt, looks: 0 };
}
