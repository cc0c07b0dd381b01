/** Which paths the commits of a push changed, as far as an event can keep them. */
import { MAXIMUM_PATH } from '../event-fields.ts';
import { MAXIMUM_PATHS } from '../source.ts';

/** All paths together, in characters: the event is kept in one document. */
const MAXIMUM_CHARACTERS = 200_000;

type Commit = {
  readonly added: readonly string[];
  readonly modified: readonly string[];
  readonly removed: readonly string[];
};

/** Each path once, in order; undefined where they are more than an event keeps, and any may have changed then. */
export function tellPaths(commits: readonly Commit[]): string[] | undefined {
  const all = new Set(commits.flatMap(({ added, modified, removed }) => [...added, ...modified, ...removed]));
  if (all.size > MAXIMUM_PATHS) return undefined;
  let characters = 0;
  for (const path of all) {
    characters += path.length;
    if (path.length > MAXIMUM_PATH || characters > MAXIMUM_CHARACTERS) return undefined;
  }
  return [...all].sort();
}
