import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { peopleSetting, personOfToken } from './people.ts';

const hash = (token: string): string => createHash('sha256').update(token).digest('hex');
const aki = { token: hash('secret of aki'), groups: ['leads'], aliases: ['aki@acme.example'] };

const problemsOf = (text: string): string[] =>
  peopleSetting.safeParse(text).error?.issues.map(({ message }) => message) ?? [];

describe('the people', () => {
  it('are known by their tokens', () => {
    const people = peopleSetting.parse(JSON.stringify({ people: { aki, root: { token: hash('r'), admin: true } } }));
    expect(personOfToken(people, 'secret of aki')).toEqual({
      name: 'aki',
      groups: ['leads'],
      aliases: ['aki@acme.example'],
      isAdmin: false,
    });
    expect(personOfToken(people, 'r')).toMatchObject({ name: 'root', isAdmin: true });
    expect(personOfToken(people, aki.token)).toBeUndefined();
    expect(personOfToken(people, '')).toBeUndefined();
    expect(peopleSetting.parse(undefined)).toEqual([]);
  });

  it('may stand in a file', () => {
    const folder = mkdtempSync(join(tmpdir(), 'gennaker-people-'));
    try {
      const path = join(folder, 'people.json');
      writeFileSync(path, JSON.stringify({ people: { aki } }));
      expect(peopleSetting.parse(path)).toMatchObject([{ name: 'aki' }]);
      expect(problemsOf(join(folder, 'none.json'))).toEqual(['names a file that cannot be read']);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it.each([
    ['{ people', 'is not JSON'],
    [JSON.stringify({ people: { admin: aki } }), 'may not name anyone "admin": the API\'s own token does'],
    [JSON.stringify({ people: { aki, ben: aki } }), 'gives two people the same token'],
    [
      JSON.stringify({ people: { aki: { token: 'in clear' } } }),
      'must be the SHA-256 of the token, as 64 hexadecimal digits',
    ],
  ])('are refused as %s', (text, message) => {
    expect(problemsOf(text)).toEqual([message]);
  });
});
