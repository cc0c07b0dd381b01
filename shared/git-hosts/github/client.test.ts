import { generateKeyPairSync } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type GitHubServer, startGitHubServer } from '../../../test/support/github-server.ts';
import { systemClock } from '../../adapters/system-clock.ts';
import { readCredentials } from '../../git/credentials.ts';
import type { Repository } from '../../ports/repositories.ts';
import { guardedHttpClient } from '../../stages/http-client.ts';
import { gitHubClients } from './client.ts';
import { GitHubError } from './request.ts';

const COMMIT = '59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5';
const keys = generateKeyPairSync('rsa', {
  modulusLength: 2_048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
});
const APP = JSON.stringify({ appId: 4711, privateKey: keys.privateKey });
const PERSONAL = 'ghp_of-the-test';
const repository: Repository = {
  format: 1,
  id: 'items',
  url: 'https://github.com/acme/items.git',
  branch: 'main',
  folders: [''],
  team: 'items',
  host: 'github',
  pushSecret: 'git-items-push',
  registeredAt: 0,
};
/** Waits of the client end at once, so that a test of pauses takes none. */
const clock = { now: systemClock.now, after: (_: number, run: () => void) => systemClock.after(0, run) };
const signal = () => AbortSignal.timeout(20_000);
const conclusion = {
  commit: COMMIT,
  name: 'gennaker plan',
  conclusion: 'success' as const,
  detailsUrl: 'https://cd.example.com',
};
const text = { title: 'No pipeline would change', summary: 'nothing' };

let github: GitHubServer;
beforeEach(async () => {
  github = await startGitHubServer({
    repository: 'acme/items',
    app: { id: '4711', slug: 'gennaker', publicKey: keys.publicKey },
    token: { value: PERSONAL, login: 'robot' },
  });
});
afterEach(() => github.close());

const clientOf = (secret: string, of: Repository = repository) =>
  gitHubClients({ http: guardedHttpClient({ allow: ['127.0.0.1'] }), clock, apiUrl: github.url }).of(
    of,
    readCredentials('git-items', secret),
  );

describe('as an App', () => {
  it('makes a token for the one repository, and keeps it', async () => {
    const client = clientOf(APP);
    const token = await client.token(signal());
    expect(token).toMatch(/^ghs_/);
    expect(await client.token(signal())).toBe(token);
    expect(github.calls.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'GET /repos/acme/items/installation',
      'POST /app/installations/77/access_tokens',
    ]);
  });

  it('makes one check for a commit, and edits it afterwards', async () => {
    const client = clientOf(APP);
    const id = await client.conclude({ ...conclusion, text, signal: signal() });
    expect(await client.conclude({ ...conclusion, conclusion: 'failure', text, signal: signal() })).toBe(id);
    expect(github.checks).toMatchObject([{ head_sha: COMMIT, status: 'completed', conclusion: 'failure', edits: 1 }]);
  });
});

describe('with a token', () => {
  it('shows a status, because checks are for Apps', async () => {
    await clientOf(PERSONAL).conclude({ ...conclusion, text, signal: signal() });
    expect(github.checks).toEqual([]);
    expect(github.statuses).toEqual([{ sha: COMMIT, state: 'success', context: 'gennaker plan' }]);
  });

  it('finds its own comment on any page, and no other with the same tag', async () => {
    github.setPull({ number: 7, head: COMMIT, files: [] });
    for (let other = 0; other < 230; other += 1) github.comment(7, 'aki', `<!-- tag -->${other}`);
    const client = clientOf(PERSONAL);
    expect(await client.findComment({ number: 7, tag: '<!-- tag -->', signal: signal() })).toBeUndefined();
    const made = await client.createComment({ number: 7, body: '<!-- tag -->ours', signal: signal() });
    expect(await client.findComment({ number: 7, tag: '<!-- tag -->', signal: signal() })).toEqual(made);
    expect(await client.updateComment({ id: made.id, body: '<!-- tag -->new', signal: signal() })).toBeDefined();
    github.deleteComment(made.id);
    expect(await client.updateComment({ id: made.id, body: 'again', signal: signal() })).toBeUndefined();
  });

  it('lists the paths of a pull request, page by page, up to a bound', async () => {
    const files = Array.from({ length: 95 }, (_, index) => `deploy/${index}.yaml`);
    github.setPull({ number: 7, head: COMMIT, files });
    expect(await clientOf(PERSONAL).pullRequestPaths({ number: 7, signal: signal() })).toEqual(files);
    github.setPull({ number: 8, head: COMMIT, files: Array.from({ length: 2_000 }, (_, index) => `${index}`) });
    expect(await clientOf(PERSONAL).pullRequestPaths({ number: 8, signal: signal() })).toBeUndefined();
  });

  it.each([
    [{ headRepository: 'acme/items' }, false],
    [{ headRepository: 'mallory/items' }, true],
    [{ headRepository: null }, true],
  ])('tells whose a pull request is: %j', async (change, isFork) => {
    github.setPull({ number: 7, head: COMMIT, files: [], ...change });
    expect(await clientOf(PERSONAL).pullRequest({ number: 7, signal: signal() })).toEqual({
      isOpen: true,
      head: COMMIT,
      base: 'main',
      isFork,
    });
  });
});

describe('when GitHub is in trouble', () => {
  const pull = 'GET /repos/acme/items/pulls/7';
  const ask = (secret = PERSONAL) => clientOf(secret).pullRequest({ number: 7, signal: signal() });
  beforeEach(() => github.setPull({ number: 7, head: COMMIT, files: [] }));

  it('asks again, a bounded number of times', async () => {
    const away = { is: 'status', status: 502, when: 'before' } as const;
    github.failNext(pull, away, { is: 'hangUp', when: 'before' });
    expect(await ask()).toMatchObject({ head: COMMIT });
    github.failNext(pull, away, away, away, away);
    await expect(ask()).rejects.toMatchObject({ kind: 'later', status: 502 });
  });

  it('waits a short pause out, and leaves a long one to a later delivery', async () => {
    const limited = (seconds: string) =>
      ({ is: 'status', status: 429, when: 'before', headers: { 'retry-after': seconds } }) as const;
    github.failNext(pull, limited('2'));
    expect(await ask()).toMatchObject({ head: COMMIT });
    github.failNext(pull, limited('600'));
    await expect(ask()).rejects.toThrow(
      'asking GitHub for GET /repos/acme/items/pulls/7: GitHub asks for a pause of 600 s',
    );
  });

  it('knows the limit that is told by its headers from a refusal', async () => {
    const reset = String(Math.floor(Date.now() / 1_000) + 900);
    const headers = { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': reset };
    github.failNext(pull, { is: 'status', status: 403, when: 'before', headers });
    await expect(ask()).rejects.toMatchObject({ kind: 'later' });
    github.failNext(pull, { is: 'status', status: 403, when: 'before' });
    await expect(ask()).rejects.toMatchObject({ kind: 'refused', status: 403 });
  });

  it('repeats no POST that may have been done', async () => {
    github.failNext('POST /repos/acme/items/issues/7/comments', { is: 'hangUp', when: 'after' });
    const making = clientOf(PERSONAL).createComment({ number: 7, body: 'once', signal: signal() });
    await expect(making).rejects.toMatchObject({ kind: 'later' });
    expect(github.comments).toHaveLength(1);
  });

  it('says what to do about credentials, and never what they are', async () => {
    const failure = await ask('ghp_wrong').catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(GitHubError);
    expect(String(failure)).toMatch(/401: Bad credentials; store a valid token/);
    expect(String(failure)).not.toContain('ghp_wrong');
    expect(() => readCredentials('git-items', '{"appId": 1, "privateKey": "secret text"}')).toThrow(
      /^reading the secret git-items: it must be a token/,
    );
  });
});
