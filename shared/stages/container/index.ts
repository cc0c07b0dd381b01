/** The stage kind `container`. */
import type { StageKind } from '../kind.ts';
import { outputsOf } from './outputs.ts';
import {
  type ContainerCursor,
  type ContainerOutputs,
  type ContainerParameters,
  containerCursor,
  containerOutputs,
  containerParameters,
} from './schema.ts';
import { step } from './step.ts';
import { stop } from './stop.ts';

export const container: StageKind<ContainerParameters, ContainerCursor, ContainerOutputs> = {
  kind: 'container',
  description: 'Runs a container image once, as a Kubernetes Job on a target, and reads its outputs.',
  target: 'required',
  with: containerParameters,
  cursor: containerCursor,
  outputs: containerOutputs,
  outputsOf,
  step,
  stop,
};
