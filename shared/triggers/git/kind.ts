/** Pushes, tags, merges and releases: found by repository and event, filtered by branch, tag, path and author. */
import { repositoryKey } from '../../git/repository-key.ts';
import { BOOLEAN, NUMBER, TEXT, type Type } from '../../pipeline/expressions/types.ts';
import { type Condition, condition, matchesPattern, someMatch } from '../condition.ts';
import type { SourceEvent } from '../source.ts';
import type { TriggerKind } from '../trigger-kind.ts';
import type { GIT_EVENTS, GitTrigger } from './schema.ts';

const BRANCH = 'refs/heads/';
const TAG = 'refs/tags/';

/** What of Git an event is about, in the words of triggers; undefined where no trigger looks at it. */
type GitFact = {
  readonly event: (typeof GIT_EVENTS)[number];
  readonly repository: string;
  readonly branch?: string | undefined;
  readonly tag?: string | undefined;
  readonly commit?: string | undefined;
  readonly before?: string | undefined;
  readonly paths?: readonly string[] | undefined;
  /** Undefined where the sender does not tell of all. */
  readonly authors?: readonly string[] | undefined;
  readonly by?: string | undefined;
  readonly number?: number | undefined;
  readonly url?: string | undefined;
  readonly name?: string | undefined;
  readonly isPreRelease?: boolean | undefined;
};

function factOf(event: SourceEvent): GitFact | undefined {
  switch (event.type) {
    case 'commit-pushed': {
      const { repository, ref, after, before, paths, authors, by } = event.commit;
      // What was deleted cannot be delivered.
      if (repository === undefined || after === undefined) return undefined;
      const all = authors === undefined ? undefined : [...authors, ...(by === undefined ? [] : [by])];
      const common = { repository, commit: after, before, authors: all, by };
      if (ref.startsWith(TAG)) return { ...common, event: 'tag', tag: ref.slice(TAG.length) };
      return ref.startsWith(BRANCH) ? { ...common, event: 'push', branch: ref.slice(BRANCH.length), paths } : undefined;
    }
    case 'pull-request-changed': {
      const { repository, base, number, merged, by, author } = event.pullRequest;
      if (merged === undefined) return undefined;
      const authors = [by, author].filter((name) => name !== undefined);
      return { event: 'merged', repository, branch: base, commit: merged.commit, number, authors, by };
    }
    case 'release-published': {
      const { repository, tag, commit, by, url, name, isPreRelease } = event.release;
      const authors = by === undefined ? [] : [by];
      return { event: 'release', repository, tag, commit, by, authors, url, name, isPreRelease };
    }
    default:
      return undefined;
  }
}

/** The key of an event; none where no trigger can look at it. */
export function gitKeys(event: SourceEvent): readonly string[] {
  const fact = factOf(event);
  return fact === undefined ? [] : [gitKey(fact.repository, fact.event)];
}

function gitKey(repository: string, event: string): string {
  return `git:${event}:${repository}`;
}

/** `trigger` holds only what this event has; what not all have is asked for with `has()`. */
const FIELDS: { readonly [name: string]: Type } = {
  repository: TEXT,
  branch: TEXT,
  tag: TEXT,
  commit: TEXT,
  before: TEXT,
  number: NUMBER,
  url: TEXT,
  name: TEXT,
  isPreRelease: BOOLEAN,
};

export const gitTrigger: TriggerKind<GitTrigger> = {
  key: 'git',
  fields: FIELDS,
  keysOf({ git }) {
    const repository = repositoryKey(git.repository);
    return repository === undefined ? [] : [gitKey(repository, git.event)];
  },
  conditionsOf({ git }, event) {
    const fact = factOf(event);
    if (fact === undefined) return [];
    return [
      ...someMatch('branches', git.branches, fact.branch === undefined ? [] : [fact.branch]),
      ...someMatch('tags', git.tags, fact.tag === undefined ? [] : [fact.tag]),
      ...pathConditions(git.paths, git['paths-ignore'], fact.paths),
      ...someMatch('authors', git.authors, fact.authors),
    ];
  },
  dataOf(_trigger, event) {
    const fact = factOf(event);
    if (fact === undefined) return {};
    const given = Object.entries(fact).filter(([name, value]) => Object.hasOwn(FIELDS, name) && value !== undefined);
    return {
      ...JSON.parse(JSON.stringify(Object.fromEntries(given))),
      ...(fact.by === undefined ? {} : { by: fact.by }),
    };
  },
};

/** Paths that the sender does not tell in full may match: a delivery too many is seen, one too few is not. */
function pathConditions(
  wanted: readonly string[] | undefined,
  ignored: readonly string[] | undefined,
  paths: readonly string[] | undefined,
): Condition[] {
  if (wanted === undefined && ignored === undefined) return [];
  const asked = [wanted?.join(' or ') ?? 'any', ...(ignored === undefined ? [] : [`not ${ignored.join(' nor ')}`])];
  const name = wanted === undefined ? 'paths-ignore' : 'paths';
  if (paths === undefined) {
    return [condition({ condition: name, wanted: asked.join(', '), got: 'not told in full', met: true })];
  }
  const met = paths.some(
    (path) =>
      (wanted === undefined || wanted.some((pattern) => matchesPattern(pattern, path))) &&
      ignored?.some((pattern) => matchesPattern(pattern, path)) !== true,
  );
  return [condition({ condition: name, wanted: asked.join(', '), got: paths.join(', '), met })];
}
