/** A build that ended, in the same words whatever system ran it. */
import { z } from 'zod';
import { attributeFields, commitHash, common, imageFields, MAXIMUM_URL, people, shortName } from '../event-fields.ts';

export const BUILD_SOURCES = ['cloud-build', 'github-actions', 'gitlab', 'jenkins'] as const;
export const BUILD_STATUSES = ['success', 'failure', 'cancelled', 'timeout'] as const;
export type BuildStatus = (typeof BUILD_STATUSES)[number];

/** Images that one build may tell of. */
export const MAXIMUM_BUILD_IMAGES = 50;

export const buildFinished = z.object({
  ...common,
  type: z.literal('build-finished'),
  source: z.string().max(100),
  build: z.object({
    by: z.enum(BUILD_SOURCES),
    /** Whose build it is, lower-case: a project of Cloud Build, a repository's key, a Jenkins job's whole name. */
    of: z.string().max(MAXIMUM_URL),
    /** The registered repository whose own secret the sender knows; then it is about no other. */
    registered: shortName.optional(),
    /** What was built, in the system's words: the name of the trigger, the workflow, the pipeline or the job. */
    name: z.string().max(MAXIMUM_URL).optional(),
    /** The build's own id or number. */
    number: shortName,
    status: z.enum(BUILD_STATUSES),
    branch: shortName.optional(),
    tag: shortName.optional(),
    commit: commitHash.optional(),
    url: z.string().max(MAXIMUM_URL).optional(),
    /** Who started it and wrote the commit that it built, where the system tells. */
    people: people.optional(),
    /** What it was started with: substitutions, variables, parameters. */
    parameters: attributeFields.optional(),
    /** What it pushed, where the system tells. */
    images: z.array(imageFields).max(MAXIMUM_BUILD_IMAGES).optional(),
  }),
});
export type BuildFinished = z.output<typeof buildFinished>;
