/** The event of an execution's end, by which one pipeline starts another. */
import { z } from 'zod';
import { common, digest, people, shortName, tag } from '../event-fields.ts';

/** Pipelines that may start one another in a row. */
export const MAXIMUM_CHAIN = 20;
const MAXIMUM_IMAGES = 50;

export const pipelineFinished = z.object({
  ...common,
  type: z.literal('pipeline-finished'),
  source: z.literal('pipeline'),
  finished: z.object({
    pipeline: shortName,
    execution: shortName,
    end: z.enum(['succeeded', 'failed', 'cancelled']),
    /** What it delivered, by the name of the image there. */
    images: z
      .record(z.string(), z.object({ repository: shortName, tag, digest }))
      .refine((images) => Object.keys(images).length <= MAXIMUM_IMAGES, `has more than ${MAXIMUM_IMAGES} images`),
    /** By stage, of those that succeeded, as far as they fit. */
    outputs: z.record(z.string(), z.json()),
    /** The pipelines that started one another up to this one, itself last. */
    chain: z.array(shortName).max(MAXIMUM_CHAIN),
    /** Who started that execution, and wrote what it delivered. */
    people: people.optional(),
  }),
});
export type PipelineFinished = z.output<typeof pipelineFinished>;
