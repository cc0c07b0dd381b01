/** Git as the source of truth, in one process: a real bare repository over HTTP with its own hook, and a strict GitHub. */
import { createHmac, generateKeyPairSync, randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SANDBOX_TARGETS } from '../../cli/system/clusters.ts';
import type { System } from '../../cli/system/system.ts';
import type { InboxEntry } from '../../shared/ports/inbox.ts';
import { type GitServer, hasGitServer, startGitServer } from '../support/git-server.ts';
import { type GitHubServer, startGitHubServer } from '../support/github-server.ts';
import { startMemorySystem, TOKEN } from '../support/memory-system.ts';
import { until } from '../support/until.ts';

const PUSH_SECRET = 'push-secret-of-the-test';

const pipeline = (name: string, wait = '1s', more = ''): string =>
  `pipeline: ${name}\nnamespace: items\n${more}stages:\n  soak:\n    uses: wait\n    with: { for: ${wait} }\n`;

const keys = generateKeyPairSync('rsa', {
  modulusLength: 2_048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
});
const APP = { id: '4711', slug: 'gennaker', publicKey: keys.publicKey };

type World = {
  readonly system: System;
  readonly git: GitServer;
  readonly github: GitHubServer;
  call(method: string, path: string, body?: unknown): Promise<{ status: number; body: { [field: string]: unknown } }>;
  live(): Promise<readonly string[]>;
  record(id: string): Promise<InboxEntry>;
};

describe.runIf(hasGitServer())('Git as the source of truth', () => {
  let parts: AsyncDisposableStack;
  let world: World;

  beforeEach(async () => {
    parts = new AsyncDisposableStack();
    const git = await startGitServer({ name: 'acme/items' });
    parts.defer(() => git.stop());
    const github = await startGitHubServer({ repository: 'acme/items', app: APP });
    parts.defer(() => github.close());
    const { system } = await startMemorySystem({
      environment: {
        GENNAKER_ALLOWED_HOSTS: '127.0.0.1',
        GENNAKER_GITHUB_API_URL: github.url,
        GENNAKER_SECRET_GIT_ITEMS_PUSH: PUSH_SECRET,
        GENNAKER_SECRET_GIT_APP: JSON.stringify({ appId: APP.id, privateKey: keys.privateKey }),
      },
    });
    parts.defer(() => system.stop());
    const call: World['call'] = async (method, path, body) => {
      const response = await fetch(`${system.url}${path}`, {
        method,
        headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { status: response.status, body: (await response.json()) as { [field: string]: unknown } };
    };
    world = {
      system,
      git,
      github,
      call,
      live: async () => (await system.ports.pipelines.list({ limit: 50 })).map(({ name }) => name),
      record: (id) => until(`the record ${id}`, () => system.ports.inbox.get({ id })),
    };
    const team = { pipelines: ['items-*'], targets: ['jp'], namespaces: ['items'] };
    expect((await call('PUT', '/api/teams/items', team)).status).toBe(200);
  });
  afterEach(() => parts.disposeAsync());

  const register = async (change: object = {}): Promise<void> => {
    const body = { url: world.git.url, folders: ['deploy'], team: 'items', ...change };
    const { status, body: answer } = await world.call('PUT', '/api/repositories/items', body);
    expect(answer, JSON.stringify(answer)).toMatchObject({ change: 'created' });
    expect(status).toBe(200);
  };
  const sync = async (): Promise<InboxEntry> => {
    const { body } = await world.call('POST', '/api/repositories/items/sync', { requestId: randomUUID(), by: 'aki' });
    return world.record(String(body.record));
  };

  it('a push to the branch makes its pipelines live, by the hook of a bare repository', async () => {
    await register();
    const hook = [
      '#!/bin/sh',
      'while read -r before after ref; do',
      `  printf '{"delivery":"%s","ref":"%s","before":"%s","after":"%s"}' "$after-$$" "$ref" "$before" "$after" |`,
      `    curl --silent --fail --max-time 20 -H 'Authorization: Bearer ${PUSH_SECRET}' -H 'Content-Type: application/json' \\`,
      `      --data-binary @- '${world.system.url}/hooks/git/items' > /dev/null || echo 'gennaker was not told' >&2`,
      'done',
      '',
    ].join('\n');
    await world.git.setHook(hook);

    const first = await world.git.push({
      files: { 'deploy/api.yaml': pipeline('items-api'), 'deploy/batch.yaml': pipeline('items-batch') },
    });
    expect(world.git.hookOutput()).not.toContain('was not told');
    await until('the first push', async () => ((await world.live()).length === 2 ? true : undefined));
    const { pipelines } = world.system.ports;
    expect(await pipelines.get({ name: 'items-api' })).toMatchObject({
      team: 'items',
      file: 'deploy/api.yaml',
      managed: { repository: 'items', commit: first },
    });

    await world.git.push({ files: { 'deploy/api.yaml': pipeline('items-api', '2s'), 'deploy/batch.yaml': null } });
    await until('the second push', async () => ((await world.live()).length === 1 ? true : undefined));
    expect(await world.live()).toEqual(['items-api']);
    const entries = await world.system.ports.inbox.list({ limit: 50 });
    expect(entries.flatMap(({ changes = [] }) => changes)).toEqual(
      expect.arrayContaining(['items-api created', 'items-batch created', 'items-api changed', 'items-batch removed']),
    );
  });

  it('a broken push changes nothing and says why, everything at once', async () => {
    await register();
    await world.git.push({ files: { 'deploy/api.yaml': pipeline('items-api') } });
    expect(await sync()).toMatchObject({ changes: ['items-api created'] });
    const before = await world.system.ports.pipelines.get({ name: 'items-api' });

    await world.git.push({
      files: {
        'deploy/api.yaml': pipeline('items-api', '5s'),
        'deploy/new.yaml': pipeline('items-new').replace('uses: wait', 'uses: wiat'),
        'deploy/claims.yaml': pipeline('likes-api', '1s', 'team: social\n')
          .replace('namespace: items', 'namespace: social')
          .replace('uses: wait', 'uses: wait\n    target: us'),
      },
    });
    const refused = await sync();
    expect(refused.refused?.split('\n')).toEqual([
      'deploy/claims.yaml:1:11  pipeline  "likes-api" is not among the names of the team "items"; it may use items-*',
      'deploy/claims.yaml:2:12  namespace  "social" is not among the namespaces of the team "items"; it may use items',
      'deploy/claims.yaml:3:7  team  "social" is not the team that the repository is bound to, "items"',
      'deploy/claims.yaml:7:5  stages.soak.target  has no meaning for wait, which touches no cluster',
      'deploy/claims.yaml:7:13  stages.soak.target  "us" is not among the targets of the team "items"; it may use jp',
      'deploy/new.yaml:5:11  stages.soak.uses  "wiat": no such stage kind; did you mean "wait"?',
      'Nothing was changed.',
    ]);
    expect(await world.live()).toEqual(['items-api']);
    expect(await world.system.ports.pipelines.get({ name: 'items-api' })).toEqual(before);
    const list = await world.call('GET', '/api/repositories');
    expect(list.body.items).toMatchObject([{ id: 'items', isSyncing: false, outcome: { is: 'refused' } }]);
  });

  it('brings a template in with the pipeline that uses it, or neither', async () => {
    await register();
    const template = [
      'template: items-soak',
      'version: 1.0.0',
      'owner: items',
      'description: Waits.',
      'stages:',
      '  soak:',
      '    uses: wait',
      '    with: { for: 1s }',
      '',
    ].join('\n');
    const using = pipeline('items-api')
      .replace('uses: wait', 'uses: items-soak@1')
      .replace(/ {4}with.*\n/, '');
    await world.git.push({
      files: { 'deploy/template.yaml': template, 'deploy/api.yaml': using, 'deploy/bad.yaml': 'pipeline: items-bad\n' },
    });
    expect(await sync()).toMatchObject({ refused: expect.stringContaining('deploy/bad.yaml') });
    expect(await world.system.templates.list()).toEqual([]);

    await world.git.push({ files: { 'deploy/bad.yaml': null } });
    expect(await sync()).toMatchObject({ changes: ['items-api created', 'template items-soak 1.0.0 published'] });
    expect(await world.system.ports.pipelines.get({ name: 'items-api' })).toMatchObject({
      templates: { 'items-soak': '1.0.0' },
    });
  });

  it('what a pipeline only claims when it is planned is refused as soon as it is known', async () => {
    await register();
    const claims = [
      'pipeline: items-api',
      'namespace: items',
      'inputs: { where: { type: string, default: jp } }',
      'manifests: { files: [service.yaml] }',
      'stages:',
      `  release: { uses: deploy, target: "\${{ inputs.where }}" }`,
      '',
    ].join('\n');
    const service = 'apiVersion: v1\nkind: Service\nmetadata: { name: items }\nspec: { ports: [{ port: 80 }] }\n';
    const beyond = 'deploy/api.yaml:1:11  pipeline  claims what its team may not have: ';
    const refused = (text: string) => ({ refused: expect.stringContaining(`${beyond}${text}`) });
    const elsewhere = claims.replace('default: jp', 'default: us');
    await world.git.push({ files: { 'deploy/api.yaml': elsewhere, 'deploy/service.yaml': service } });
    expect(await sync()).toMatchObject(refused('"us" is not among the targets of the team "items"'));
    await world.git.push({ files: { 'deploy/api.yaml': claims } });
    expect(await sync()).toMatchObject({ changes: ['items-api created'] });
    const run = async (inputs: object): Promise<InboxEntry> => {
      const body = { requestId: randomUUID(), inputs, images: {}, by: 'aki' };
      const started = await world.call('POST', '/api/pipelines/items-api/executions', body);
      return world.record(String(started.body.event));
    };
    expect((await run({ where: 'us' })).verdicts).toMatchObject([
      {
        is: 'failed',
        text: expect.stringContaining('"us" is not among the targets of the team "items"; it may use jp'),
      },
    ]);
    expect((await run({})).verdicts).toMatchObject([{ is: 'started' }]);

    await world.git.push({
      files: { 'deploy/service.yaml': service.replace('items }', 'items, namespace: social }') },
    });
    expect(await sync()).toMatchObject(refused('Service items: "social" is not among the namespaces'));
  });

  it('what Git manages is not applied by hand, unless somebody says why', async () => {
    await register();
    await world.git.push({ files: { 'deploy/api.yaml': pipeline('items-api') } });
    await sync();
    const upload = { file: 'mine.yaml', text: pipeline('items-api', '9s', 'team: items\n'), files: {}, by: 'aki' };
    const refused = await world.call('PUT', '/api/pipelines', upload);
    expect(refused.status).toBe(422);
    expect(JSON.stringify(refused.body)).toMatch(/managed by the repository items: push the change to its branch main/);

    const forced = await world.call('PUT', '/api/pipelines', { ...upload, override: { reason: 'the host is down' } });
    expect(forced.body).toEqual({ pipelines: [{ name: 'items-api', change: 'changed' }], notes: [] });
    expect(await world.system.ports.pipelines.get({ name: 'items-api' })).toMatchObject({
      override: { by: 'aki', reason: 'the host is down' },
      managed: { repository: 'items' },
    });

    await world.git.push({ files: { 'deploy/other.yaml': pipeline('items-other') } });
    expect(await sync()).toMatchObject({
      changes: [
        'items-api changed',
        'items-other created',
        'items-api: what aki applied by hand (the host is down) ends',
      ],
    });

    expect((await world.call('DELETE', '/api/repositories/items')).status).toBe(200);
    expect((await world.call('PUT', '/api/pipelines', upload)).status).toBe(200);
  });

  it('takes what the branch is now, whatever order pushes are told in and however often', async () => {
    await register();
    const commits: string[] = [];
    for (const wait of ['1s', '2s', '3s']) {
      commits.push(await world.git.push({ files: { 'deploy/api.yaml': pipeline('items-api', wait) } }));
    }
    const tell = (delivery: number): Promise<Response> =>
      fetch(`${world.system.url}/hooks/git/items`, {
        method: 'POST',
        headers: { authorization: `Bearer ${PUSH_SECRET}`, 'content-type': 'application/json' },
        body: JSON.stringify({ delivery: `delivery-${delivery}`, ref: 'refs/heads/main', after: commits[delivery] }),
      });
    const answers = await Promise.all([2, 0, 1, 0, 2, 1].map(tell));
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202, 202, 202, 202]);
    await until('the sync', async () => {
      const repository = await world.system.ports.repositories.read({ key: 'items' });
      const { live, claim } = repository?.value ?? {};
      return live?.commit === commits[2] && claim === undefined ? true : undefined;
    });
    expect(await world.system.ports.pipelines.get({ name: 'items-api' })).toMatchObject({ generation: 1 });
  });

  it('refuses hooks of strangers, and of those whose secret is for another repository', async () => {
    await register();
    const tell = (path: string, secret: string): Promise<Response> =>
      fetch(`${world.system.url}${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
        body: JSON.stringify({ delivery: 'one', ref: 'refs/heads/main' }),
      });
    expect((await tell('/hooks/git/items', 'wrong')).status).toBe(401);
    expect((await tell('/hooks/git/others', PUSH_SECRET)).status).toBe(401);
    expect((await tell('/hooks/git', PUSH_SECRET)).status).toBe(401);
  });

  describe('a pull request', () => {
    const deliver = async (event: string, body: object): Promise<void> => {
      const text = JSON.stringify(body);
      const response = await fetch(`${world.system.url}/hooks/github/items`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'x-github-event': event,
          'x-github-delivery': randomUUID(),
          'x-hub-signature-256': `sha256=${createHmac('sha256', PUSH_SECRET).update(text).digest('hex')}`,
        },
        body: text,
      });
      expect(response.status, await response.text()).toBe(202);
    };
    const tellOfPull = (action: string, head: string, from = 'acme/items'): Promise<void> =>
      deliver('pull_request', {
        action,
        number: 7,
        repository: { clone_url: world.git.url, full_name: 'acme/items' },
        sender: { login: 'aki' },
        pull_request: { base: { ref: 'main' }, head: { sha: head, repo: { full_name: from } } },
      });
    const pushPull = (files: { [path: string]: string | null }): Promise<string> =>
      world.git.push({ files, branch: 'topic', ref: 'refs/pull/7/head' });
    const reviewed = (commit: string): Promise<true> =>
      until(
        `the review of ${commit}`,
        () =>
          world.github.checks.some((run) => run.head_sha === commit && run.status === 'completed') ? true : undefined,
        { state: () => world.github.calls },
      );

    beforeEach(async () => {
      await register({ host: 'github', credentials: 'git-app' });
      await world.git.push({
        files: { 'deploy/api.yaml': pipeline('items-api'), 'deploy/batch.yaml': pipeline('items-batch') },
      });
      await sync();
    });

    it('gets one check and one comment, edited on the second push', async () => {
      const first = await pushPull({ 'deploy/api.yaml': pipeline('items-api', '7s') });
      world.github.setPull({ number: 7, head: first, files: ['deploy/api.yaml'] });
      await Promise.all([tellOfPull('opened', first), tellOfPull('synchronize', first)]);
      await reviewed(first);
      expect(world.github.comments).toHaveLength(1);
      const [comment] = world.github.comments;
      expect(comment?.body).toMatch(/^<!-- gennaker:plan items -->\n### Gennaker: 1 pipeline would change/);
      expect(comment?.body).toMatch(/soak\.with\.for {2}1s -> 7s/);
      expect(comment?.body).toMatch(/<details><summary>1 pipeline without a change<\/summary>\n\n`items-batch`/);
      expect(world.github.checks).toMatchObject([
        { head_sha: first, name: 'gennaker plan', status: 'completed', conclusion: 'success' },
      ]);

      const second = await pushPull({ 'deploy/new.yaml': 'pipeline: items-new\nstages: 5\n' });
      world.github.setPull({ number: 7, head: second, files: ['deploy/api.yaml', 'deploy/new.yaml'] });
      await tellOfPull('synchronize', second);
      await reviewed(second);
      expect(world.github.comments).toHaveLength(1);
      expect(world.github.comments[0]?.body).toMatch(/\*\*Problems\*\*\n\n```diff\ndeploy\/new.yaml:2:9/);
      expect(world.github.comments[0]?.edits).toBeGreaterThan(0);
      expect(world.github.checks.filter((run) => run.head_sha === second)).toMatchObject([{ conclusion: 'failure' }]);
      expect(await world.live()).toEqual(['items-api', 'items-batch']);
      expect(world.github.calls.filter(({ status }) => status >= 400)).toEqual([]);
    });

    it('finds its comment again where the answer to making it was lost', async () => {
      const commit = await pushPull({ 'deploy/api.yaml': pipeline('items-api', '7s') });
      world.github.setPull({ number: 7, head: commit, files: ['deploy/api.yaml'] });
      world.github.comment(7, 'mallory', '<!-- gennaker:plan items -->\nnot ours');
      for (let other = 0; other < 120; other += 1) world.github.comment(7, 'aki', `remark ${other}`);
      world.github.failNext('POST /repos/acme/items/issues/7/comments', { is: 'hangUp', when: 'after' });
      await tellOfPull('opened', commit);
      await reviewed(commit);
      const ours = world.github.comments.filter(({ user }) => user === 'gennaker[bot]');
      expect(ours).toHaveLength(1);
      expect(world.github.comments.find(({ user }) => user === 'mallory')?.edits).toBe(0);
    });

    it('is left alone where it changes nothing in the folder, or is for another branch', async () => {
      const commit = await pushPull({ 'readme.md': 'hello\n' });
      world.github.setPull({ number: 7, head: commit, files: ['readme.md'] });
      await tellOfPull('opened', commit);
      await until('the question', () =>
        world.github.calls.some(({ path }) => path.includes('/files')) ? true : undefined,
      );
      expect(world.github.comments).toEqual([]);
      expect(world.github.checks).toEqual([]);
    });

    it('from a fork is planned without any cluster', async () => {
      const asked: string[] = [];
      for (const target of SANDBOX_TARGETS) {
        const cluster = await world.system.engine.clusterOf(target);
        for (const method of ['get', 'list'] as const) {
          const real = cluster[method].bind(cluster) as (query: unknown) => Promise<unknown>;
          Object.assign(cluster, {
            [method]: (query: unknown) => {
              asked.push(method);
              return real(query);
            },
          });
        }
      }
      const commit = await pushPull({ 'deploy/api.yaml': pipeline('items-api', '7s') });
      world.github.setPull({ number: 7, head: commit, files: ['deploy/api.yaml'], headRepository: 'mallory/items' });
      await tellOfPull('opened', commit, 'mallory/items');
      await reviewed(commit);
      expect(world.github.comments[0]?.body).toContain('from a fork: compared without any cluster');
      expect(asked).toEqual([]);
    });
  });
});
