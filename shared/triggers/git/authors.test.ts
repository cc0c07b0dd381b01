import { describe, expect, it } from 'vitest';
import { MAXIMUM_PEOPLE } from '../event-fields.ts';
import { MAXIMUM_AUTHORS } from '../source.ts';
import { tellAuthors, tellPeople } from './authors.ts';

const many = (count: number) => Array.from({ length: count }, (_, index) => [`person-${index}`]);

describe('who wrote the commits of a push', () => {
  it('is told in each of their names, each once', () => {
    const given = [
      ['aki', 'aki@acme.example', null],
      ['aki', '', undefined],
    ];
    expect(tellAuthors(given, true)).toEqual({ authors: ['aki', 'aki@acme.example'] });
    expect(tellAuthors([], true)).toEqual({ authors: [] });
  });

  it('counts as known in part where the sender does not tell of all, or tells of too many', () => {
    expect(tellAuthors([['aki']], false)).toEqual({ people: ['aki'] });
    expect(tellAuthors([], false)).toEqual({});
    expect(tellAuthors(many(MAXIMUM_AUTHORS + 1), true).people).toHaveLength(MAXIMUM_AUTHORS + 1);
    expect(tellPeople(many(MAXIMUM_PEOPLE + 1)).people).toHaveLength(MAXIMUM_PEOPLE);
  });
});
