/** The trigger that another pipeline's end fires: `on: - pipeline: items-build`. */
import { z } from 'zod';
import { resolved } from '../../pipeline/texts.ts';
import { withInputs } from '../trigger-fields.ts';

const ENDS = ['succeeded', 'failed', 'cancelled'] as const;

export const pipelineTriggerSchema = z
  .strictObject({
    pipeline: resolved(/^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/, 'the name of a pipeline').describe(
      'The pipeline whose end starts this one',
    ),
    on: z
      .array(z.enum(ENDS))
      .min(1)
      .max(ENDS.length)
      .default(['succeeded'])
      .describe('How it must have ended: succeeded, failed, cancelled; by default succeeded'),
    ...withInputs,
  })
  .describe("Another pipeline's end starts the pipeline, with the images of the same repositories that it delivered");

export type PipelineTrigger = z.output<typeof pipelineTriggerSchema>;
