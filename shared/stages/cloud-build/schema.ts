/** What a Cloud Build stage is given, remembers and tells. */
import { z } from 'zod';
import { duration } from '../../pipeline/duration.ts';

const MAXIMUM_BUILD_CHARACTERS = 64 * 1024;
/** Cloud Build's own limits, less the one substitution by which the build of an attempt is found again. */
const MAXIMUM_SUBSTITUTIONS = 199;
const MAXIMUM_KEY = 100;
const MAXIMUM_VALUE = 4_000;
/** Carries the key of the attempt into a build that a trigger makes, where no tag can be given. */
export const KEY_SUBSTITUTION = '_GENNAKER_KEY';

/** Without characters that only a regular expression has: Cloud Build takes none here. */
const gitName = z.string().regex(/^[\w][\w./@#+-]{0,254}$/u, 'must be the whole name, not an expression');

const trigger = z
  .strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/u, 'must be the name or the id of a trigger')
      .describe('The name or the id of the trigger'),
    branch: gitName.optional().describe('The branch to build'),
    tag: gitName.optional().describe('The tag to build'),
    commit: z
      .string()
      .regex(/^[0-9a-f]{40}$/u, 'must be 40 hexadecimal digits')
      .optional()
      .describe('The commit to build'),
    substitutions: z
      .record(
        z
          .string()
          .max(MAXIMUM_KEY)
          .regex(/^_[A-Z0-9_]+$/u, 'must be _ and capitals, digits and _')
          .refine((name) => name !== KEY_SUBSTITUTION, `${KEY_SUBSTITUTION} is given by the stage itself`),
        z.string().max(MAXIMUM_VALUE),
      )
      .refine(
        (all) => Object.keys(all).length <= MAXIMUM_SUBSTITUTIONS,
        `must have at most ${MAXIMUM_SUBSTITUTIONS} entries`,
      )
      .default({})
      .describe('Substitutions beside those of the trigger: { _ENV: prod }'),
  })
  .refine(
    ({ branch, tag, commit }) => [branch, tag, commit].filter((one) => one !== undefined).length <= 1,
    'takes at most one of branch, tag and commit',
  );
export type BuildTrigger = z.output<typeof trigger>;

const parameters = z.strictObject({
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
    .optional()
    .describe("The build, as Cloud Build's API and cloudbuild.yaml have it"),
  trigger: trigger.optional().describe('Instead of a build: the trigger to run, by default on what it names itself'),
  every: duration({ maximum: '10m' }).default('10s').describe('Between two looks'),
});
export const cloudBuildParameters = parameters.refine(
  (given) => (given.build === undefined) !== (given.trigger === undefined),
  'takes either build or trigger',
);
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
