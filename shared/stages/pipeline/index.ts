/** The stage kind `pipeline`. */
import { checkedDurationMs } from '../../pipeline/duration.ts';
import type { StageKind } from '../kind.ts';
import {
  outputsOf,
  type PipelineCursor,
  type PipelineOutputs,
  type PipelineParameters,
  pipelineCursor,
  pipelineOutputs,
  pipelineParameters,
} from './schema.ts';
import { step } from './step.ts';
import { stop } from './stop.ts';

/** What an execution may take whose pipeline says nothing of it. */
const USUAL_EXECUTION = '24h';

export const pipeline: StageKind<PipelineParameters, PipelineCursor, PipelineOutputs> = {
  kind: 'pipeline',
  description: 'Runs another pipeline, and waits for its end where that is wanted.',
  target: 'none',
  with: pipelineParameters,
  cursor: pipelineCursor,
  outputs: pipelineOutputs,
  outputsOf,
  longestMs: ({ wait }) => (wait ? checkedDurationMs(USUAL_EXECUTION) : 0),
  gate: ({ pipeline: name, wait }) => (wait ? `run of ${name}` : `start of ${name}`),
  step,
  stop,
};
