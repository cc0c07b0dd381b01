/** Who wrote the commits of a push, in all the names that filters may use. */
import { MAXIMUM_NAME } from '../event-fields.ts';
import { MAXIMUM_AUTHORS } from '../source.ts';

/** The logins, addresses and names of the authors, each once; nothing where there are more than an event keeps. */
export function tellAuthors(given: readonly (readonly (string | null | undefined)[])[]): { authors?: string[] } {
  const all = new Set(
    given.flat().flatMap((name) => (typeof name === 'string' && name !== '' ? [name.slice(0, MAXIMUM_NAME)] : [])),
  );
  return all.size > MAXIMUM_AUTHORS ? {} : { authors: [...all] };
}
