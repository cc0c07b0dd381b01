/** The stage kind `deploy`. */
import type { StageKind } from '../kind.ts';
import { deliversThePlans, manifestsToApply } from './manifests.ts';
import {
  type DeployCursor,
  type DeployOutputs,
  type DeployParameters,
  deployCursor,
  deployOutputs,
  deployParameters,
} from './schema.ts';
import { step } from './step.ts';
import { stop } from './stop.ts';

export const deploy: StageKind<DeployParameters, DeployCursor, DeployOutputs> = {
  kind: 'deploy',
  description: "Applies the pipeline's manifests to a target and waits until everything is stable there.",
  target: 'required',
  manifests: deliversThePlans,
  with: deployParameters,
  cursor: deployCursor,
  outputs: deployOutputs,
  delivers: manifestsToApply,
  step,
  stop,
};
