import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { BadPayload, sourceEvent } from '../source.ts';
import { github } from './source.ts';

const AT = 1_700_000_000_000;
const SECRET = "It's a Secret to Everybody";
const BEFORE = '6113728f27ae82c7b1a177c8d03f9e96e0adf246';
const AFTER = '59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5';
const ZEROS = '0'.repeat(40);
const repository = { full_name: 'Acme/items', clone_url: 'https://github.com/Acme/items.git' };

const request = (body: unknown, headers: { [name: string]: string | undefined } = {}, pathSecret = '') => {
  const rawBody = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  const signature = `sha256=${createHmac('sha256', SECRET).update(rawBody).digest('hex')}`;
  return {
    rawBody,
    pathSecret,
    headers: { 'x-hub-signature-256': signature, 'x-github-delivery': DELIVERY, ...headers },
  };
};
const DELIVERY = '72d3162e-cc78-11e3-81ab-4c9367dc0958';
const parse = (event: string, body: object, pathSecret = '') =>
  github.parse({ body, at: AT, request: request(body, { 'x-github-event': event }, pathSecret) });
const push = (change: object = {}) => ({
  ref: 'refs/heads/main',
  before: BEFORE,
  after: AFTER,
  repository,
  pusher: { name: 'aki' },
  commits: [{ added: ['deploy/b.yaml'], modified: ['deploy/a.yaml'], removed: [] }],
  ...change,
});

describe('the signature', () => {
  it("is that of GitHub's documentation", () => {
    const signed = {
      rawBody: Buffer.from('Hello, World!'),
      pathSecret: '',
      headers: { 'x-hub-signature-256': 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17' },
    };
    expect(github.verify(signed, SECRET)).toBe('ok');
    expect(github.verify({ ...signed, rawBody: Buffer.from('Hello, World?') }, SECRET)).toEqual({
      refused: 'the X-Hub-Signature-256 header does not fit the body',
    });
  });

  it.each([
    ['none', { 'x-hub-signature-256': undefined }, /header is missing/],
    ['an empty one', { 'x-hub-signature-256': '' }, /does not fit/],
    ['one of another algorithm', { 'x-hub-signature-256': 'sha1=0011' }, /does not fit/],
  ])('is refused: %s', (_, headers, refused) => {
    expect(github.verify(request('{}', headers), SECRET)).toEqual({ refused: expect.stringMatching(refused) });
  });

  it.each([undefined, ''])('opens nothing where no secret is configured (%s)', (secret) => {
    expect(github.verify(request('{}'), secret)).toEqual({ refused: expect.stringMatching(/no secret is configured/) });
  });
});

describe('a push', () => {
  it('becomes an event with the delivery as its id', () => {
    const { events, ignored } = parse('push', push());
    expect(ignored).toBe(0);
    expect(events).toEqual([
      {
        id: `github-${DELIVERY}`,
        type: 'commit-pushed',
        source: 'github',
        at: AT,
        text: 'commit 59b20b8 pushed to main of Acme/items',
        commit: {
          repository: 'github.com/acme/items',
          ref: 'refs/heads/main',
          before: BEFORE,
          after: AFTER,
          paths: ['deploy/a.yaml', 'deploy/b.yaml'],
          by: 'aki',
          authors: [],
        },
      },
    ]);
    expect(sourceEvent.parse(events[0])).toEqual(events[0]);
  });

  it('to a hook of one repository is about that one alone', () => {
    const [own] = parse('push', push(), 'items').events;
    expect(own).toMatchObject({ commit: { registered: 'items' } });
    // Who knows its secret chooses its delivery ids: they are none of anybody else's.
    expect(own?.id).not.toBe(parse('push', push()).events[0]?.id);
    expect(own?.id).not.toBe(parse('push', push(), 'others').events[0]?.id);
    expect(own?.id).toBe(parse('push', push(), 'items').events[0]?.id);
  });

  it('of an annotated tag is about the commit that the tag names', () => {
    const tagged = { ref: 'refs/tags/v1', before: ZEROS, after: 'a'.repeat(40), head_commit: { id: AFTER } };
    const [event] = parse('push', push({ ...tagged, created: true })).events;
    expect(event).toMatchObject({ commit: { ref: 'refs/tags/v1', after: AFTER } });
  });

  it.each([
    ['one is too long', { added: ['a'.repeat(1_025)] }],
    ['they are too long together', { added: Array.from({ length: 1_000 }, (_, at) => `${at}/${'a'.repeat(300)}`) }],
  ])('tells of no paths where %s to be kept', (_, commit) => {
    const [event] = parse('push', push({ commits: [commit] })).events;
    expect(event).not.toHaveProperty('commit.paths');
  });

  it('that deletes a branch has no commit after it', () => {
    const [event] = parse('push', push({ after: ZEROS, deleted: true, commits: [] })).events;
    expect(event).toMatchObject({ text: 'main deleted from Acme/items' });
    expect(event).not.toHaveProperty('commit.after');
  });

  it.each([
    ['forced', { forced: true }],
    ['the first of its branch', { created: true, before: ZEROS }],
    ['of more commits than GitHub lists', { commits: Array.from({ length: 2_048 }, () => ({ modified: ['a'] })) }],
    ['of more paths than are kept', { commits: [{ modified: Array.from({ length: 3_001 }, (_, i) => `${i}`) }] }],
  ])('does not tell of paths where it may not know all: %s', (_, change) => {
    const [event] = parse('push', push(change)).events;
    expect(event?.type).toBe('commit-pushed');
    expect(event).not.toHaveProperty('commit.paths');
    expect(sourceEvent.parse(event)).toEqual(event);
  });
});

describe('a pull request', () => {
  const changed = (head: object = {}) => ({
    action: 'synchronize',
    number: 7,
    repository,
    sender: { login: 'aki' },
    pull_request: { base: { ref: 'main' }, head: { sha: AFTER, repo: { full_name: 'Acme/items' }, ...head } },
  });

  it('becomes an event', () => {
    const { events } = parse('pull_request', changed());
    expect(events).toMatchObject([
      {
        type: 'pull-request-changed',
        text: 'pull request #7 of Acme/items synchronize',
        pullRequest: {
          repository: 'github.com/acme/items',
          number: 7,
          base: 'main',
          head: AFTER,
          isFork: false,
          by: 'aki',
        },
      },
    ]);
    expect(sourceEvent.parse(events[0])).toEqual(events[0]);
  });

  it.each([{ repo: { full_name: 'mallory/items' } }, { repo: null }])('of a fork is known as one: %j', (head) => {
    expect(parse('pull_request', changed(head)).events).toMatchObject([{ pullRequest: { isFork: true } }]);
  });
});

describe('what is no event of ours', () => {
  it('is counted and passed over', () => {
    expect(parse('ping', { zen: 'Keep it logically awesome.' })).toEqual({ events: [], ignored: 1 });
  });

  it.each([
    ['without a delivery id', { body: push(), delivery: undefined }, /X-GitHub-Delivery/],
    ['with a commit that is none', { body: push({ after: 'main' }), delivery: DELIVERY }, /after/],
    ['without a repository', { body: push({ repository: undefined }), delivery: DELIVERY }, /repository/],
    [
      'of a repository elsewhere',
      { body: push({ repository: { ...repository, clone_url: 'git@x:y' } }), delivery: DELIVERY },
      /clone_url/,
    ],
  ])('is refused: %s', (_, { body, delivery }, message) => {
    const headers = { 'x-github-event': 'push', 'x-github-delivery': delivery };
    const ask = () => github.parse({ body, at: AT, request: request(body, headers) });
    expect(ask).toThrow(BadPayload);
    expect(ask).toThrow(message);
  });
});
