/** The stage kind `bake`. */
import type { StageKind } from '../kind.ts';
import {
  type BakeCursor,
  type BakeOutputs,
  type BakeParameters,
  bakeCursor,
  bakeOutputs,
  bakeParameters,
} from './schema.ts';
import { step } from './step.ts';
import { stop } from './stop.ts';

export const bake: StageKind<BakeParameters, BakeCursor, BakeOutputs> = {
  kind: 'bake',
  description: 'Renders manifests while the execution runs, from files, kustomize or helm, for a later deploy.',
  target: 'none',
  rendersFiles: true,
  with: bakeParameters,
  cursor: bakeCursor,
  outputs: bakeOutputs,
  step,
  stop,
};
