/** The stage kind `cloud-build`. */
import type { StageKind } from '../kind.ts';
import {
  type CloudBuildCursor,
  type CloudBuildOutputs,
  type CloudBuildParameters,
  cloudBuildCursor,
  cloudBuildOutputs,
  cloudBuildParameters,
} from './schema.ts';
import { step } from './step.ts';
import { stop } from './stop.ts';

export const cloudBuild: StageKind<CloudBuildParameters, CloudBuildCursor, CloudBuildOutputs> = {
  kind: 'cloud-build',
  description: 'Runs a build, or a trigger that there is, in Cloud Build and waits for its end.',
  target: 'none',
  with: cloudBuildParameters,
  cursor: cloudBuildCursor,
  outputs: cloudBuildOutputs,
  step,
  stop,
};
