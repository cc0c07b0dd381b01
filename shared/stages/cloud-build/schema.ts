/** What a Cloud Build stage is given, remembers and tells. */
import { z } from 'zod';
import { duration } from '../../pipeline/duration.ts';

const MAXIMUM_BUILD_CHARACTERS = 64 * 1024;

export const cloudBuildParameters = z.strictObject({
  project: z
    .string()
    .regex(/^[a-z][a-z0-9-]{4,28}[a-z0-9]$/, 'must be the id of a project')
    .describe('The project in which it is built'),
  location: z
    .string()
    .regex(/^[a-z][a-z0-9-]{1,40}$/, 'must be a region, or global')
    .default('global')
    .describe('The region'),
  build: z
    .looseObject({ steps: z.array(z.json()).min(1).max(100).describe('The steps, as in cloudbuild.yaml') })
    .catchall(z.json())
    .refine(
      (build) => JSON.stringify(build).length <= MAXIMUM_BUILD_CHARACTERS,
      `must have at most ${MAXIMUM_BUILD_CHARACTERS} characters`,
    )
    .refine(({ tags }) => tags === undefined || (Array.isArray(tags) && tags.length < 64), 'tags must be a list')
    .describe("The build, as Cloud Build's API and cloudbuild.yaml have it"),
  every: duration({ maximum: '10m' }).default('10s').describe('Between two looks'),
});
export type CloudBuildParameters = z.output<typeof cloudBuildParameters>;

export const cloudBuildCursor = z.discriminatedUnion('is', [
  /** A worker may have started it and could not tell: until this time, in epoch ms, it is looked for. */
  z.strictObject({ version: z.literal(1), is: z.literal('perhaps-started'), until: z.int() }),
  z.strictObject({ version: z.literal(1), is: z.literal('running'), build: z.string() }),
]);
export type CloudBuildCursor = z.output<typeof cloudBuildCursor>;

export const cloudBuildOutputs = z.strictObject({
  build: z.string().describe("The build's id"),
  log: z.string().describe('Where its log is'),
  images: z.record(z.string(), z.string()).describe('The digest of each image that it pushed, by its name'),
});
export type CloudBuildOutputs = z.output<typeof cloudBuildOutputs>;
