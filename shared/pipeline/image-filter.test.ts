import { describe, expect, it } from 'vitest';
import { checkFilter, type ImageFilter, matchTag, newestTag } from './image-filter.ts';

describe('matchTag', () => {
  it.each<[ImageFilter, string]>([
    [{ tag: '*' }, '1.2.3'],
    [{ tag: '1.2.3' }, '1.2.3'],
    [{ tag: '1.2.*' }, '1.2.30'],
    [{ tag: '*-rc*' }, '1.3.0-rc1'],
    [{ tag: 'v?.*.*' }, 'v1.20.3'],
    [{ semver: '>=1.0.0' }, '1.3.0'],
    [{ semver: '^1.2' }, 'v1.9.0'],
    [{ semver: '>=1.3.0-rc1 <1.4.0' }, '1.3.0-rc2'],
    [{ regex: 'main-[0-9a-f]{7}' }, 'main-1a2b3c4'],
  ])('%j takes %s', (filter, tag) => {
    expect(matchTag(filter, tag)).toEqual({ matches: true });
  });

  it.each<[ImageFilter, string, string]>([
    [{ tag: '1.2.*' }, '1.3.0', 'tag "1.2.*" does not match: 1.3.0'],
    [{ tag: '1.2.3' }, '1x2x3', 'tag "1.2.3" does not match: 1x2x3'],
    [{ tag: 'a*b?' }, 'aab', 'tag "a*b?" does not match: aab'],
    [{ semver: '>=1.0.0' }, '1.3.0-rc1', 'semver ">=1.0.0" excludes pre-releases: 1.3.0-rc1'],
    [{ semver: '>=1.0.0' }, '0.9.0', 'semver ">=1.0.0" does not include: 0.9.0'],
    [{ semver: '>=1.0.0' }, 'latest', 'semver ">=1.0.0" needs a semantic version: latest'],
    [{ regex: 'main' }, 'mainly', 'regex "main" does not match: mainly'],
    [{}, 'a', 'the image names no tag, semver or regex'],
  ])('%j does not take %s, and says why', (filter, tag, text) => {
    expect(matchTag(filter, tag)).toEqual({ matches: false, text });
  });

  it.each(['', '.sig', '.att', '.sbom'])('takes no attachment of an image for an image (%s)', (end) => {
    const tag = `sha256-${'8a9e'.repeat(16)}${end}`;
    for (const filter of [{ tag: '*' }, { regex: '.*' }]) {
      expect(matchTag(filter, tag)).toEqual({
        matches: false,
        text: expect.stringContaining('attachment of an image'),
      });
      expect(newestTag(filter, ['1.0.0', tag])).toBe('1.0.0');
    }
    expect(matchTag({ tag: '*' }, 'sha256-of-the-build')).toEqual({ matches: true });
  });

  it('takes no longer for patterns that are made to take long', () => {
    const tag = 'a'.repeat(128);
    expect(matchTag({ regex: '(a+)+$b' }, tag).matches).toBe(false);
    expect(matchTag({ tag: `${'a*'.repeat(60)}b` }, tag).matches).toBe(false);
  });
});

it('checkFilter names what is wrong with a filter', () => {
  expect(checkFilter({ tag: 'a/b' })?.field).toBe('tag');
  expect(checkFilter({ tag: '' })?.field).toBe('tag');
  expect(checkFilter({ semver: 'newest' })?.field).toBe('semver');
  expect(checkFilter({ regex: '(?=a)' })?.text).toMatch(/^is not a regular expression that RE2 knows: /);
  expect(checkFilter({ regex: 'a' })).toBeUndefined();
});

describe('the newest tag that matches', () => {
  const tags = ['1.9.0', '1.10.0', '2.0.0-rc.1', 'latest', 'build-9', 'build-10'];

  it.each([
    [{ semver: '>=1.0.0' }, '1.10.0'],
    [{ tag: '1.*' }, '1.10.0'],
    [{ regex: 'build-[0-9]+' }, 'build-10'],
    [{ tag: '*' }, '2.0.0-rc.1'],
    [{ semver: '>=3.0.0' }, undefined],
  ])('%j is %s', (filter, expected) => {
    expect(newestTag(filter, tags)).toBe(expected);
  });
});
