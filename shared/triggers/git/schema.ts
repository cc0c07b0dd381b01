/** `git`: something happened in a repository of a Git host. */
import { z } from 'zod';
import { repositoryKey } from '../../git/repository-key.ts';
import { hasExpression } from '../../pipeline/expressions/text.ts';
import { resolved, TEXT } from '../../pipeline/texts.ts';
import { patterns, withInputs } from '../trigger-fields.ts';

export const GIT_EVENTS = ['push', 'tag', 'merged', 'release'] as const;

/** The filters that have a meaning for each event. */
const FILTERS: { readonly [event in (typeof GIT_EVENTS)[number]]: readonly string[] } = {
  push: ['branches', 'paths', 'paths-ignore', 'authors'],
  tag: ['tags', 'authors'],
  merged: ['branches', 'authors'],
  release: ['tags', 'authors'],
};

/** A repository by the URL that people clone it from. */
export const repositoryUrl = resolved(TEXT, 'the URL of a repository', 1_000).check((context) => {
  if (hasExpression(context.value) || repositoryKey(context.value) !== undefined) return;
  const message = `must be the URL of a repository such as https://github.com/acme/items, not "${context.value}"`;
  context.issues.push({ code: 'custom', input: context.value, continue: true, message });
});

const gitFields = z
  .strictObject({
    repository: repositoryUrl.describe('The URL of the repository: https://github.com/acme/items'),
    event: z
      .enum(GIT_EVENTS)
      .default('push')
      .describe('push to a branch (the default), a tag, a pull request that was merged, or a release'),
    branches: patterns.optional().describe('Branches: main, "release/*"; of merged: those that it was merged into'),
    tags: patterns.optional().describe('Tags: "v*"'),
    paths: patterns.optional().describe('Paths of which one must have changed: "services/items/**"'),
    'paths-ignore': patterns.optional().describe('Paths that do not count: "**/*.md"'),
    authors: patterns.optional().describe('Who pushed, wrote, merged or released it: a login, a name or an address'),
  })
  .check((context) => {
    const { event, ...given } = context.value;
    const names = Object.entries(given).filter(([, value]) => value !== undefined);
    for (const [name] of names) {
      if (name === 'repository' || FILTERS[event].includes(name)) continue;
      const message = `has no meaning for event: ${event}; it takes ${FILTERS[event].join(', ')}`;
      context.issues.push({ code: 'custom', input: context.value, continue: true, message, path: [name] });
    }
  });

export const gitTriggerSchema = z.strictObject({
  git: gitFields.describe('Something happened in a Git repository'),
  ...withInputs,
});
export type GitTrigger = z.output<typeof gitTriggerSchema>;
