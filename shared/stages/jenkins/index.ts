/** The stage kind `jenkins`. */
import type { StageKind } from '../kind.ts';
import {
  type JenkinsCursor,
  type JenkinsOutputs,
  type JenkinsParameters,
  jenkinsCursor,
  jenkinsOutputs,
  jenkinsParameters,
} from './schema.ts';
import { step } from './step.ts';
import { stop } from './stop.ts';

export const jenkins: StageKind<JenkinsParameters, JenkinsCursor, JenkinsOutputs> = {
  kind: 'jenkins',
  description: 'Runs a job in Jenkins and waits for its end.',
  target: 'none',
  with: jenkinsParameters,
  cursor: jenkinsCursor,
  outputs: jenkinsOutputs,
  step,
  stop,
};
