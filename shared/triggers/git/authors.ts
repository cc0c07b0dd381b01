/** Who wrote the commits of a push, in all the names that filters and approvals may know them by. */
import { MAXIMUM_NAME, MAXIMUM_PEOPLE } from '../event-fields.ts';
import { MAXIMUM_AUTHORS } from '../source.ts';

type Names = readonly (string | null | undefined)[];

/** Logins, addresses and names, each once, as many as an event keeps. */
export function tellPeople(given: readonly Names[]): { people?: string[] } {
  const all = distinct(given).slice(0, MAXIMUM_PEOPLE);
  return all.length === 0 ? {} : { people: all };
}

/** `authors` where the sender tells of all and an event can keep them, and otherwise `people`, those that are known. */
export function tellAuthors(given: readonly Names[], isWhole: boolean): { authors?: string[]; people?: string[] } {
  const all = distinct(given);
  return isWhole && all.length <= MAXIMUM_AUTHORS ? { authors: all } : tellPeople(given);
}

function distinct(given: readonly Names[]): string[] {
  const names = given
    .flat()
    .flatMap((name) => (typeof name === 'string' && name !== '' ? [name.slice(0, MAXIMUM_NAME)] : []));
  return [...new Set(names)];
}
