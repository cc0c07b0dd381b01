/** A release that was published at a Git host. */
import { z } from 'zod';
import { commitHash, common, MAXIMUM_URL, shortName } from '../event-fields.ts';

export const releasePublished = z.object({
  ...common,
  type: z.literal('release-published'),
  source: z.string().max(100),
  release: z.object({
    /** The repository's URL, as `repositoryKey` spells it. */
    repository: z.string().max(MAXIMUM_URL),
    /** The registered repository whose own secret the sender knows; then it is about no other. */
    registered: shortName.optional(),
    tag: shortName,
    name: z.string().max(MAXIMUM_URL).optional(),
    isPreRelease: z.boolean(),
    commit: commitHash.optional(),
    url: z.string().max(MAXIMUM_URL).optional(),
    by: shortName.optional(),
  }),
});
