/** Waits for a time without holding anything meanwhile. */
import { describeWindow, isOpen, nextOpening } from '../../calendar/windows.ts';
import type { Input, Outcome } from '../../core/run.ts';
import { checkedDurationMs } from '../../pipeline/duration.ts';
import { type StageContext, TerminalError } from '../kind.ts';
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

function end({ for: span, until, windows }: WaitParameters, now: number): number {
  if (until !== undefined) return Date.parse(until);
  if (windows === undefined) return now + checkedDurationMs(span ?? '0s');
  if (isOpen(windows, now)) return now;
  const opening = nextOpening(windows, now);
  if (opening !== undefined) return opening;
  throw new TerminalError(`${windows.map(describeWindow).join(' or ')} does not open any more.`);
}
