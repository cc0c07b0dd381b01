/** The stage kind `wait`. */
import { checkedDurationMs } from '../../pipeline/duration.ts';
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
  description: 'Waits for a span of time or until a time.',
  target: 'none',
  with: waitParameters,
  cursor: waitCursor,
  outputs: waitOutputs,
  shortestMs: (parameters) => checkedDurationMs(parameters.for ?? '0s'),
  gate: ({ for: span, until }) => (until === undefined ? `wait of ${span}` : `wait until ${until}`),
  step,
  stop,
};
