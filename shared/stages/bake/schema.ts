/** What a bake is given, remembers and tells. */
import { z } from 'zod';
import { manifestsSchema } from '../../pipeline/manifests-schema.ts';

export const bakeParameters = manifestsSchema;
export type BakeParameters = z.output<typeof bakeParameters>;

/** A bake is one step, so it has nothing to remember. */
export const bakeCursor = z.strictObject({ version: z.literal(1) });
export type BakeCursor = z.output<typeof bakeCursor>;

export const bakeOutputs = z.strictObject({
  manifests: z.string().describe('The rendered manifests, for the parameter of the same name of deploy'),
  objects: z.int().describe('How many objects were rendered'),
});
export type BakeOutputs = z.output<typeof bakeOutputs>;
