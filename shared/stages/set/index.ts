/** The stage kind `set`. */
import type { StageKind } from '../kind.ts';
import {
  outputsOf,
  type SetCursor,
  type SetOutputs,
  type SetParameters,
  setCursor,
  setOutputs,
  setParameters,
} from './schema.ts';
import { step } from './step.ts';
import { stop } from './stop.ts';

export const set: StageKind<SetParameters, SetCursor, SetOutputs> = {
  kind: 'set',
  description: 'Gives names to values, for the stages after it.',
  target: 'none',
  with: setParameters,
  cursor: setCursor,
  outputs: setOutputs,
  outputsOf,
  step,
  stop,
};
