/** Waits for a time without holding anything meanwhile. */
import type { Input, Outcome } from '../../core/run.ts';
import { checkedDurationMs } from '../../pipeline/duration.ts';
import type { StageContext } from '../kind.ts';
import { describeMoment } from '../moments.ts';
import type { WaitCursor, WaitOutputs, WaitParameters } from './schema.ts';

export async function step(
  parameters: WaitParameters,
  at: { cursor: WaitCursor | undefined; input: Input },
  context: StageContext,
): Promise<Outcome<WaitCursor, WaitOutputs>> {
  const now = context.clock.now();
  const until = at.cursor?.until ?? end(parameters, now);
  if (now >= until) return { is: 'succeeded', outputs: { until: new Date(until).toISOString() } };
  return {
    is: 'waiting',
    for: { until },
    cursor: { version: 1, until },
    reason: {
      code: 'time-not-reached',
      text: `${context.stage} waits until ${describeMoment(until)}`,
      unblock: `gennaker cancel ${context.execution}`,
    },
  };
}

function end(parameters: WaitParameters, now: number): number {
  return parameters.until === undefined
    ? now + checkedDurationMs(parameters.for ?? '0s')
    : Date.parse(parameters.until);
}
