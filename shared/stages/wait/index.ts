/** The stage kind `wait`. */
import { describeWindow } from '../../calendar/windows.ts';
import { checkedDurationMs, MAXIMUM_DURATION } from '../../pipeline/duration.ts';
import type { StageKind } from '../kind.ts';
import {
  type WaitCursor,
  type WaitOutputs,
  type WaitParameters,
  waitCursor,
  waitOutputs,
  waitParameters,
} from './schema.ts';
import { step } from './step.ts';
import { stop } from './stop.ts';

export const wait: StageKind<WaitParameters, WaitCursor, WaitOutputs> = {
  kind: 'wait',
  description: 'Waits for a span of time, until a time, or for the next opening of a window.',
  target: 'none',
  with: waitParameters,
  cursor: waitCursor,
  outputs: waitOutputs,
  shortestMs: (parameters) => checkedDurationMs(parameters.for ?? '0s'),
  longestMs: ({ windows }) => (windows === undefined ? 0 : checkedDurationMs(MAXIMUM_DURATION)),
  gate: ({ for: span, until, windows }) => {
    if (windows !== undefined) return `wait for ${windows.map(describeWindow).join(' or ')}`;
    return until === undefined ? `wait of ${span}` : `wait until ${until}`;
  },
  step,
  stop,
};
