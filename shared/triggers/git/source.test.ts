import { describe, expect, it } from 'vitest';
import { BadPayload, sourceEvent } from '../source.ts';
import { gitHook } from './source.ts';

const AT = 1_700_000_000_000;
const COMMIT = '59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5';
const request = (authorization?: string, pathSecret = 'items') => ({
  headers: { authorization },
  rawBody: new Uint8Array(),
  pathSecret,
});
const parse = (body: object) => gitHook.parse({ body, at: AT, request: request() }).events;

describe('the plain Git hook', () => {
  it.each([
    ['the secret', 'Bearer secret', 'items', 'secret', 'ok'],
    ['another secret', 'Bearer other', 'items', 'secret', /is not "Bearer" and the secret/],
    ['none', undefined, 'items', 'secret', /is missing/],
    ['a repository that is not registered', 'Bearer secret', 'items', undefined, /no such repository is registered/],
    ['no repository', 'Bearer secret', '', 'secret', /names no repository/],
  ])('takes or refuses %s', (_, given, path, secret, expected) => {
    const verified = gitHook.verify(request(given, path), secret);
    expect(verified).toEqual(expected === 'ok' ? 'ok' : { refused: expect.stringMatching(expected as RegExp) });
  });

  it('names the repository by its address', () => {
    expect(gitHook.repositoryOf?.(request('Bearer secret'))).toBe('items');
    expect(gitHook.repositoryOf?.(request('Bearer secret', ''))).toBeUndefined();
  });

  it('becomes an event, the same for the same delivery and only then', () => {
    const body = { delivery: '1-2', ref: 'refs/heads/main', after: COMMIT, by: 'aki' };
    const [event] = parse(body);
    expect(event).toMatchObject({
      type: 'commit-pushed',
      text: 'commit 59b20b8 pushed to main of items',
      commit: { registered: 'items', ref: 'refs/heads/main', after: COMMIT, by: 'aki' },
    });
    expect(sourceEvent.parse(event)).toEqual(event);
    expect(parse(body)[0]?.id).toBe(event?.id);
    expect(parse({ ...body, delivery: '1-3' })[0]?.id).not.toBe(event?.id);
  });

  it.each([
    { ref: 'refs/heads/main' },
    { delivery: '1', ref: 'main' },
    { delivery: '1', ref: 'refs/heads/main', after: 'HEAD' },
    { delivery: '1'.repeat(201), ref: 'refs/heads/main' },
  ])('refuses %j', (body) => {
    expect(() => parse(body)).toThrow(BadPayload);
  });
});
