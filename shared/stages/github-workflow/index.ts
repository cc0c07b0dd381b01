/** The stage kind `github-workflow`. */
import type { StageKind } from '../kind.ts';
import {
  type GithubWorkflowCursor,
  type GithubWorkflowOutputs,
  type GithubWorkflowParameters,
  githubWorkflowCursor,
  githubWorkflowOutputs,
  githubWorkflowParameters,
} from './schema.ts';
import { step } from './step.ts';
import { stop } from './stop.ts';

export const githubWorkflow: StageKind<GithubWorkflowParameters, GithubWorkflowCursor, GithubWorkflowOutputs> = {
  kind: 'github-workflow',
  description: 'Dispatches a GitHub Actions workflow and waits for the end of its run.',
  target: 'none',
  with: githubWorkflowParameters,
  cursor: githubWorkflowCursor,
  outputs: githubWorkflowOutputs,
  step,
  stop,
};
