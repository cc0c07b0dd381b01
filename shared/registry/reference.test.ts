import { describe, expect, it } from 'vitest';
import { normalizeRepository, parseReference, repositoryProblem, splitRepository } from './reference.ts';

const DIGEST = `sha256:${'9f3c'.repeat(16)}`;

describe('names of images', () => {
  it.each([
    ['nginx', 'docker.io/library/nginx'],
    ['acme/web', 'docker.io/acme/web'],
    ['index.docker.io/nginx', 'docker.io/library/nginx'],
    ['registry-1.docker.io/acme/web', 'docker.io/acme/web'],
    ['localhost/web', 'localhost/web'],
    ['127.0.0.1:5000/web', '127.0.0.1:5000/web'],
    ['Pkg.Dev/a/b/c', 'pkg.dev/a/b/c'],
  ])('%s is %s', (text, expected) => {
    expect(normalizeRepository(text)).toBe(expected);
    expect(normalizeRepository(expected)).toBe(expected);
    expect(repositoryProblem(text)).toBeUndefined();
  });

  it('come apart into host and path', () => {
    expect(splitRepository('nginx')).toEqual({ host: 'docker.io', path: 'library/nginx' });
  });

  it.each([
    '',
    'pkg.dev/',
    'pkg.dev/A',
    'pkg.dev/a//b',
    'pkg.dev/a:1',
    `pkg.dev/a@${DIGEST}`,
    'pkg.dev/a/../b',
    'a b',
    `a/${'b'.repeat(300)}`,
  ])('"%s" is no repository', (text) => {
    expect(repositoryProblem(text)).toMatch(/^must /);
  });

  it('are read with tag and digest', () => {
    expect(parseReference(`127.0.0.1:5000/a:1.2@${DIGEST}`)).toEqual({
      repository: '127.0.0.1:5000/a',
      tag: '1.2',
      digest: DIGEST,
    });
    expect(parseReference('nginx')).toEqual({ repository: 'docker.io/library/nginx' });
    for (const text of ['a@b', `a@${DIGEST}@${DIGEST}`, 'a:-x', 'A/B:1', ''])
      expect(parseReference(text)).toBeUndefined();
  });
});
