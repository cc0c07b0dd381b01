import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matchesGlob, readPathGlob } from './glob.ts';

const LONG = `${'*a'.repeat(40)}b`;

function pathGlob(pattern: string) {
  const glob = readPathGlob(pattern);
  if ('problem' in glob) throw new Error(glob.problem);
  return glob;
}

describe('a pattern of text', () => {
  it('means what the regular expression with the same wildcards means', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '.'), maxLength: 8 });
    const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*', '?'), maxLength: 8 });
    fc.assert(
      fc.property(pattern, text, (glob, given) => {
        const source = glob.replaceAll('.', '\\.').replaceAll('*', '.*').replaceAll('?', '.');
        expect(matchesGlob(glob, given)).toBe(new RegExp(`^${source}$`, 'su').test(given));
      }),
    );
  });

  it('takes everything but * and ? for itself', () => {
    expect(matchesGlob('{a,b}[c]', '{a,b}[c]')).toBe(true);
    expect(matchesGlob('{a,b}', 'a')).toBe(false);
  });

  it('is answered soon when it is made to take long', () => {
    expect(matchesGlob(LONG, 'a'.repeat(1_000))).toBe(false);
  });
});

describe('a pattern of paths', () => {
  it.each([
    ['k8s/*.yaml', ['k8s/a.yaml'], ['k8s/a/b.yaml', 'k8s/.a.yaml', 'a.yaml', 'k8s/ayaml']],
    ['**/*.json', ['a.json', 'k8s/a.json', 'k8s/prod/jp/a.json'], ['k8s/.git/a.json', 'k8s/a.yaml']],
    ['k8s/**/b/**/c', ['k8s/b/c', 'k8s/b/b/x/c', 'k8s/x/b/b/c'], ['k8s/c', 'k8s/b', 'b/c', 'k8s/b/.x/c']],
    ['k8s/**', ['k8s/a', 'k8s/a/b'], ['a/k8s', 'k8s/.a']],
    ['**/.x/*', ['.x/a', 'b/.x/a'], ['x/a', '.x/.a']],
    ['?.yaml', ['a.yaml', 'é.yaml'], ['ab.yaml', '.yaml']],
    ['*.{yaml,y{a,}ml}', ['a.yaml', 'a.yml'], ['a.json', 'a.{yaml,yml}']],
    ['[a-c][!0-9].yaml', ['ax.yaml', 'c-.yaml'], ['dx.yaml', 'a1.yaml']],
    ['a(1)+{b}[.yaml', ['a(1)+{b}[.yaml'], ['a1b.yaml']],
  ])('%s', (pattern, matching, others) => {
    const glob = pathGlob(pattern);
    expect(matching.filter((path) => !glob.matches(path))).toEqual([]);
    expect(others.filter((path) => glob.matches(path))).toEqual([]);
  });

  it('tells the folder to look in, and whether it is more than a path', () => {
    expect(pathGlob('k8s/prod/**/*.yaml')).toMatchObject({ base: 'k8s/prod', isGlob: true });
    expect(pathGlob('{a,b}.yaml')).toMatchObject({ base: '', isGlob: true });
    expect(pathGlob('k8s/a.yaml')).toMatchObject({ base: 'k8s', isGlob: false });
  });

  it.each([`${LONG}.yaml`, `${'**/a/'.repeat(40)}b`, `{a,*a*a*a*a*a*a*b}${LONG}`])(
    'is answered soon when it is made to take long: %s',
    (pattern) => {
      const glob = pathGlob(pattern);
      expect(glob.matches('a'.repeat(255))).toBe(false);
      expect(glob.matches(`${'a/'.repeat(120)}a`)).toBe(false);
    },
  );

  it('is refused where it is too long, or stands for too many', () => {
    expect(readPathGlob('a'.repeat(1_001))).toEqual({ problem: expect.stringContaining('has 1001 characters') });
    expect(readPathGlob('{a,b}'.repeat(12))).toEqual({ problem: expect.stringContaining('more than 32 patterns') });
  });
});
