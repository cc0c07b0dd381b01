/** What running another pipeline is given, remembers and tells. */
import { z } from 'zod';

const MAXIMUM_NAME = 253;
const MAXIMUM_INPUTS = 100;
const MAXIMUM_IMAGES = 50;

export const pipelineParameters = z.strictObject({
  pipeline: z.string().min(1).max(MAXIMUM_NAME).describe('The pipeline to run'),
  inputs: z
    .record(z.string().min(1).max(100), z.json())
    .refine((inputs) => Object.keys(inputs).length <= MAXIMUM_INPUTS, `has more than ${MAXIMUM_INPUTS} inputs`)
    .default({})
    .describe('Its inputs'),
  images: z
    .record(z.string().min(1).max(100), z.string().min(1).max(500))
    .refine((images) => Object.keys(images).length <= MAXIMUM_IMAGES, `has more than ${MAXIMUM_IMAGES} images`)
    .default({})
    .describe('By the name of its image: a tag, or a whole reference'),
  wait: z.boolean().default(true).describe('false: go on as soon as it is started'),
});
export type PipelineParameters = z.output<typeof pipelineParameters>;

export const pipelineCursor = z.strictObject({
  version: z.literal(1),
  execution: z.string(),
  event: z.string(),
  /** Epoch ms. */
  requestedAt: z.int(),
  looks: z.int(),
});
export type PipelineCursor = z.output<typeof pipelineCursor>;

const started = z.strictObject({ execution: z.string().describe('The id of the execution') });
const finished = started.extend({
  images: z.record(z.string(), z.string()).describe('What it delivered, by the name of the image: repo:tag@sha256:…'),
  outputs: z.record(z.string(), z.json()).describe('The outputs of its stages, by stage'),
});

export const pipelineOutputs = z.union([finished, started]);
export type PipelineOutputs = z.output<typeof pipelineOutputs>;

export function outputsOf({ wait }: PipelineParameters): z.ZodType<PipelineOutputs> {
  return wait ? finished : started;
}
