/** What people and machines get wrong, over real HTTP and the real command line: each with a clear error, and nothing lost. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EventDescription } from '../../cli/api.ts';
import { SLACK_CHANNELS, SLACK_TOKEN } from '../support/delivery.ts';
import { freePort } from '../support/emulators.ts';
import { endOf, executionOf, stageOf } from '../support/face.ts';
import { type LocalSystem, startLocalSystem } from '../support/local-system.ts';
import { type SlackServer, startSlackServer } from '../support/slack-server.ts';
import { until } from '../support/until.ts';

const MEBIBYTE = 1024 * 1024;
const PUSH_TYPE = 'application/vnd.docker.distribution.events.v1+json';

const parts = new AsyncDisposableStack();
let system: LocalSystem;
let slack: SlackServer;
let folder: string;

/** One cluster that nothing answers for. */
async function writeKubeconfig(): Promise<string> {
  const path = join(folder, 'kubeconfig.json');
  const server = `https://127.0.0.1:${await freePort()}`;
  const named = { name: 'away' };
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ ...named, cluster: { server } }],
    users: [{ ...named, user: { token: 'none' } }],
    contexts: [{ ...named, context: { cluster: 'away', user: 'away' } }],
  };
  writeFileSync(path, JSON.stringify(config));
  return path;
}

/** Runs `gennaker apply` on these files; the first is the pipeline. */
function apply(files: { readonly [name: string]: string }) {
  const own = mkdtempSync(join(folder, 'apply-'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(own, name), text);
  return system.gennaker(['apply', Object.keys(files)[0] ?? ''], own);
}

/** Sends a body to the registries' hook, by default as a registry that knows the secret. */
async function hook(body: string, headers: { readonly [name: string]: string } = {}) {
  const response = await fetch(system.hook.url, {
    method: 'POST',
    headers: { 'content-type': PUSH_TYPE, authorization: `Bearer ${system.hook.secret}`, ...headers },
    body,
  });
  return { status: response.status, text: await response.text() };
}

const refusalsIn = async (): Promise<readonly EventDescription[]> =>
  (await system.api.events({ limit: 100 })).items.filter(({ refused }) => refused !== undefined);

/** The inbox tells of the refusal, and of no event that it became. */
async function expectRecorded(reason: RegExp): Promise<void> {
  const found = await until(`the inbox to tell of ${reason}`, async () =>
    (await refusalsIn()).find(({ refused = '' }) => reason.test(refused)),
  );
  expect(found).toMatchObject({ source: 'docker-distribution', verdicts: [] });
  expect((await system.gennaker(['events'])).stdout).toContain('refused');
}

describe('bad input', () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'gennaker-bad-input-'));
    parts.defer(() => rmSync(folder, { recursive: true, force: true }));
    slack = await startSlackServer({ token: SLACK_TOKEN, channels: SLACK_CHANNELS });
    parts.defer(() => slack.close());
    system = await startLocalSystem({
      args: ['--kubeconfig', await writeKubeconfig(), '--context', 'away=jp'],
      env: { GENNAKER_SECRET_SLACK_TOKEN: SLACK_TOKEN, GENNAKER_SLACK_API_URL: slack.url },
    });
    parts.defer(() => system.stop());
  });
  afterAll(() => parts.disposeAsync());

  it.each([
    ['malformed YAML', 'pipeline: items\nstages: {\n', /^gennaker\.yaml:\d+:\d+ {2}/],
    [
      'an unknown field',
      'pipeline: items\nstages:\n  pause:\n    uses: wait\n    wiht: { for: 1s }\n',
      /^gennaker\.yaml:5:5 .*wiht.*did you mean "with"\?/m,
    ],
    [
      'a cycle',
      'pipeline: items\nstages:\n  a: { needs: b, uses: wait, with: { for: 1s } }\n  b: { needs: a, uses: wait, with: { for: 1s } }\n',
      /^gennaker\.yaml:\d+:\d+ .*(a.*b|b.*a)/,
    ],
    [
      'an unknown target',
      'pipeline: items\nmanifests: { files: ["a.json"] }\nstages:\n  release: { uses: deploy, target: us }\n',
      /^gennaker\.yaml:\d+:\d+ .*no target is called "us"; there are jp/,
    ],
  ])('%s is told with file, line and column, and nothing is applied', async (_what, text, told) => {
    const manifest = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } };
    const applied = await apply({ 'gennaker.yaml': text, 'a.json': JSON.stringify(manifest) });
    expect(applied.exit).toBe(1);
    expect(applied.stderr).toMatch(told);
    expect(applied.stderr).toContain('Nothing was applied.');
    // Whoever calls the API without the command line is told the same.
    const response = await fetch(`${system.url}/api/pipelines`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${system.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ file: 'gennaker.yaml', text, files: { 'a.json': JSON.stringify(manifest) } }),
    });
    expect(response.status).toBe(422);
    const { error } = (await response.json()) as { error: { problems: { line: number; message: string }[] } };
    expect(error.problems.length).toBeGreaterThan(0);
    expect((await system.api.pipelines()).items.map(({ name }) => name)).not.toContain('items');
  });

  it('an unknown pipeline is told with the nearest one', async () => {
    const text = 'pipeline: likes-api\nstages:\n  pause: { uses: wait, with: { for: 1s } }\n';
    expect(await apply({ 'gennaker.yaml': text })).toMatchObject({ exit: 0 });
    const run = await system.gennaker(['run', 'like-api']);
    expect(run.exit).toBe(1);
    expect(run.stderr).toContain('There is no pipeline "like-api"; did you mean "likes-api"?');
  });

  it('a wrong secret is refused with 401 and recorded', async () => {
    const answer = await hook('{"events":[]}', { authorization: 'Bearer guessed' });
    expect(answer).toMatchObject({ status: 401, text: expect.stringContaining('"code":"unauthorized"') });
    expect(answer.text).not.toContain(system.hook.secret);
    await expectRecorded(/Authorization/);
  });

  it.each([
    ['no JSON', 'not json', /not JSON/],
    ['no body of its type', '{"events":[{"action":"push"}]}', /events\[0\]\.id/],
  ])('%s is refused with 400 and recorded', async (_what, body, reason) => {
    expect(await hook(body)).toMatchObject({ status: 400, text: expect.stringContaining('"code":"bad-body"') });
    await expectRecorded(reason);
  });

  it('an oversized body is refused with 413 and recorded', async () => {
    const answer = await hook(JSON.stringify({ events: [], padding: 'x'.repeat(3 * MEBIBYTE) }));
    expect(answer).toMatchObject({ status: 413, text: expect.stringContaining('"code":"body-too-large"') });
    await expectRecorded(/bytes/);
  });

  it('a request without the token is refused with 401', async () => {
    const response = await fetch(`${system.url}/api/executions`, { headers: { authorization: 'Bearer guessed' } });
    expect(response.status).toBe(401);
  });

  it('a cluster that does not answer is waited for, why says so, and cancel ends it', async () => {
    const manifest = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings' }, data: { mode: 'a' } };
    const text =
      'pipeline: far-away\nmanifests: { files: ["a.json"] }\nstages:\n  release: { uses: deploy, target: jp }\n';
    expect(await apply({ 'gennaker.yaml': text, 'a.json': JSON.stringify(manifest) })).toMatchObject({ exit: 0 });
    expect(await system.gennaker(['run', 'far-away'])).toMatchObject({ exit: 0 });
    const waiting = await executionOf(system, 'far-away', (execution) => execution.status === 'waiting');
    expect(stageOf(waiting, 'release')).toMatchObject({
      status: 'waiting',
      reason: { code: 'cluster-unreachable', unblock: expect.stringContaining('gennaker cancel') },
    });
    const why = await system.gennaker(['why', waiting.id]);
    expect(why.exit).toBe(0);
    expect(why.stdout.replaceAll(/\s+/g, ' ')).toContain('The cluster jp cannot be reached');
    expect(why.stdout).toContain('gennaker cancel');
    expect(await system.gennaker(['cancel', waiting.id])).toMatchObject({ exit: 0 });
    expect(await endOf(system, waiting.id)).toMatchObject({ status: 'cancelled' });
  });

  it('Slack refusing is told in the log and hurts no execution', async () => {
    const text =
      'pipeline: unheard\nnotify:\n  - slack: "#no-such-channel"\nstages:\n  pause: { uses: wait, with: { for: 1s } }\n';
    expect(await apply({ 'gennaker.yaml': text })).toMatchObject({ exit: 0 });
    const run = await system.gennaker(['run', 'unheard', '--wait']);
    expect(run.exit).toBe(0);
    const { id } = await executionOf(system, 'unheard');
    const told = () =>
      system
        .lines()
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line) as { [field: string]: unknown })
        .find(({ execution, message }) => execution === id && message === 'a notification was not sent');
    const line = await until('the log to tell of Slack', told, { state: () => system.lines().join('\n') });
    expect(line).toMatchObject({ severity: 'WARNING', code: 'channel_not_found', channel: '#no-such-channel' });
    expect(JSON.stringify(system.lines())).not.toContain(SLACK_TOKEN);
    expect(slack.messages()).toEqual([]);
  });
});
