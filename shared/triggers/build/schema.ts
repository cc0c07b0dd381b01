/** `build`: a build ended at Cloud Build, GitHub Actions, GitLab or Jenkins. */
import { z } from 'zod';
import { resolved, TEXT } from '../../pipeline/texts.ts';
import { repositoryUrl } from '../git/schema.ts';
import { patterns, withInputs } from '../trigger-fields.ts';
import { BUILD_SOURCES, BUILD_STATUSES } from './event.ts';

/** The field by which the builds of each system are found, and those that filter them further. */
const FIELDS: { readonly [source in (typeof BUILD_SOURCES)[number]]: readonly [string, ...string[]] } = {
  'cloud-build': ['project', 'names', 'branches', 'tags'],
  'github-actions': ['repository', 'names', 'branches', 'tags'],
  gitlab: ['repository', 'names', 'branches', 'tags'],
  jenkins: ['job', 'branches'],
};

const buildFields = z
  .strictObject({
    source: z.enum(BUILD_SOURCES).describe('Where it was built'),
    project: resolved(TEXT, 'a project', 255).optional().describe('For cloud-build: the Google Cloud project'),
    repository: repositoryUrl.optional().describe('For github-actions and gitlab: the URL of the repository'),
    job: resolved(TEXT, 'a job', 500).optional().describe('For jenkins: the whole name of the job: team/items/main'),
    names: patterns.optional().describe("Names of Cloud Build's triggers, of workflows or of pipelines"),
    branches: patterns.optional().describe('Branches that were built'),
    tags: patterns.optional().describe('Tags that were built'),
    status: z
      .array(z.enum(BUILD_STATUSES))
      .min(1)
      .max(BUILD_STATUSES.length)
      .default(['success'])
      .describe('How the build must have ended; by default success'),
  })
  .check((context) => {
    const { source, status: _status, ...given } = context.value;
    const [needed] = FIELDS[source];
    const names = Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [name]));
    const tell = (path: string, message: string) =>
      context.issues.push({ code: 'custom', input: context.value, continue: true, message, path: [path] });
    if (!names.includes(needed)) tell('source', `is ${source}, which needs ${needed}: whose builds these are`);
    for (const name of names) {
      if (!FIELDS[source].includes(name)) {
        tell(name, `has no meaning for source: ${source}; it takes ${FIELDS[source].join(', ')}`);
      }
    }
  });

export const buildTriggerSchema = z.strictObject({
  build: buildFields.describe('A build ended'),
  ...withInputs,
});
export type BuildTrigger = z.output<typeof buildTriggerSchema>;
