/** An object that was written to a bucket, whole. */
import { z } from 'zod';
import { common, MAXIMUM_PATH, shortName } from '../event-fields.ts';

export const objectStored = z.object({
  ...common,
  type: z.literal('object-stored'),
  source: z.literal('cloud-storage'),
  object: z.object({
    bucket: shortName,
    name: z.string().max(MAXIMUM_PATH),
    /** Grows with each version of the object. */
    generation: shortName,
    contentType: shortName.optional(),
    /** In bytes. */
    size: z.number().nonnegative().optional(),
  }),
});
