/** The stage kind `find`. */
import type { StageKind } from '../kind.ts';
import {
  type FindCursor,
  type FindOutputs,
  type FindParameters,
  findCursor,
  findOutputs,
  findParameters,
  outputsOf,
} from './schema.ts';
import { step } from './step.ts';
import { stop } from './stop.ts';

export const find: StageKind<FindParameters, FindCursor, FindOutputs> = {
  kind: 'find',
  description: 'Finds what another execution delivered and gave, or an object as it is on the target.',
  target: 'optional',
  with: findParameters,
  cursor: findCursor,
  outputs: findOutputs,
  outputsOf,
  step,
  stop,
};
