/** The stage kind `check`. */
import type { StageKind } from '../kind.ts';
import {
  type CheckCursor,
  type CheckOutputs,
  type CheckParameters,
  checkCursor,
  checkOutputs,
  checkParameters,
} from './schema.ts';
import { step } from './step.ts';
import { stop } from './stop.ts';

export const check: StageKind<CheckParameters, CheckCursor, CheckOutputs> = {
  kind: 'check',
  description: 'Fails, with the messages that the author gave, where an expression is not true.',
  target: 'none',
  with: checkParameters,
  cursor: checkCursor,
  outputs: checkOutputs,
  step,
  stop,
};
