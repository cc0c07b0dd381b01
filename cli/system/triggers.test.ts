/** Triggers in the whole system: from what a sender sends to the execution that it starts, once. */
import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { messageSubscriber } from '../../functions/receive-message.ts';
import { jsonLog } from '../../shared/adapters/json-log.ts';
import { systemClock } from '../../shared/adapters/system-clock.ts';
import type { InboxEntry } from '../../shared/ports/inbox.ts';
import { httpSources, messageSources } from '../../shared/triggers/registry.ts';
import { startMemorySystem } from '../../test/support/memory-system.ts';
import type { System } from './system.ts';

const SECRETS = {
  GENNAKER_SECRET_HOOK_CIRCLECI: 'the-circleci-secret-of-this-test',
  GENNAKER_SECRET_HOOK_OTHER: 'the-other-secret-of-this-test',
  GENNAKER_SECRET_GITHUB_WEBHOOK: 'the-github-secret-of-this-test',
  GENNAKER_SECRET_QUAY_WEBHOOK: 'the-quay-secret-of-this-test',
};
const PATIENCE = { timeout: 20_000, interval: 20 };
const COMMIT = '59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5';
const PAUSE = 'stages: { pause: { uses: wait, with: { for: 1s } } }';
const PIPELINES = `
pipeline: from-webhook
inputs: { revision: { type: string, required: true } }
on:
  - webhook:
      path: circleci
      secret: circleci
      signature: { header: circleci-signature, prefix: "v1=" }
      delivery: data.id
      where: data.type == "workflow-completed"
      fields: { revision: data.revision }
    with: { revision: "\${{ trigger.fields.revision }}" }
${PAUSE}
---
pipeline: of-another-team
on: [{ webhook: { path: circleci, secret: other, signature: { header: circleci-signature, prefix: "v1=" } } }]
${PAUSE}
---
pipeline: of-another-delivery
on:
  - webhook:
      path: circleci
      secret: circleci
      signature: { header: circleci-signature, prefix: "v1=" }
      delivery: data.happened.id
${PAUSE}
---
pipeline: from-git
images: { api: { repository: quay.io/acme/items, semver: ">=1.0.0" } }
inputs: { sha: { type: string } }
on:
  - git: { repository: "https://github.com/acme/items", branches: [main], paths: ["services/**"] }
    with: { sha: "\${{ trigger.commit }}" }
${PAUSE}
---
pipeline: from-quay
images: { api: { repository: quay.io/acme/items, tag: "*" } }
on: [{ push: api }]
concurrency: { limit: 50 }
${PAUSE}
---
pipeline: from-messages
inputs: { ticket: { type: string, required: true } }
on:
  - pubsub: { subscription: releases, where: data.status == "READY" }
    with: { ticket: "\${{ trigger.data.ticket }}" }
${PAUSE}
`;

const digests = new Map<string, string>();
const lines: string[] = [];
let system: System;

beforeAll(async () => {
  ({ system } = await startMemorySystem({
    log: jsonLog({ write: (line) => lines.push(line), now: systemClock.now }),
    environment: SECRETS,
    resolver: {
      resolve: async ({ tag }) => ({ digest: digests.get(tag) ?? `sha256:${'a'.repeat(64)}` }),
      list: async () => ['0.9.0', '1.10.0', '1.9.0', 'latest'],
    },
  }));
  const applied = await system.apply({ file: 'gennaker.yaml', text: PIPELINES, files: {} });
  expect(applied).toMatchObject({ is: 'applied' });
});

afterAll(async () => {
  await system?.stop();
  for (const secret of Object.values(SECRETS)) expect(lines.join('\n')).not.toContain(secret);
});

const json = { 'content-type': 'application/json' };
const post = (path: string, body: string, headers: { [name: string]: string } = {}) =>
  fetch(`${system.url}${path}`, { method: 'POST', headers: { ...json, ...headers }, body });
const signed = (body: string, secret: string) => createHmac('sha256', secret).update(body).digest('hex');

async function executionsOf(pipeline: string) {
  const executions = await system.ports.executions.list({ pipeline, limit: 50 });
  return Promise.all(executions.map(async ({ plan }) => (await system.engine.plans.get(plan)).plan));
}

/** The entries of the inbox once all of these events have one. */
async function entriesOf(response: Response): Promise<readonly InboxEntry[]> {
  expect(response.status).toBe(202);
  const { events } = (await response.json()) as { events: string[] };
  return expect
    .poll(() => Promise.all(events.map((id) => system.ports.inbox.get({ id }))), PATIENCE)
    .not.toContain(undefined)
    .then(() => Promise.all(events.map((id) => system.ports.inbox.get({ id }))))
    .then((all) => all.filter((entry) => entry !== undefined));
}

describe("a webhook of a team's own", () => {
  const body = JSON.stringify({ id: 'delivery-0001', type: 'workflow-completed', revision: COMMIT });
  const call = (text = body, secret = SECRETS.GENNAKER_SECRET_HOOK_CIRCLECI) =>
    post('/hooks/webhook/circleci', text, { 'circleci-signature': `v1=${signed(text, secret)}` });

  it('starts what trusts its sender, once, with what was picked out of the body', async () => {
    const [entry] = await entriesOf(await call());
    expect(entry?.verdicts).toMatchObject([{ is: 'started', pipeline: 'from-webhook' }]);
    expect((await executionsOf('from-webhook')).map(({ inputs }) => inputs)).toEqual([{ revision: COMMIT }]);
    await entriesOf(await call());
    expect(await executionsOf('from-webhook')).toHaveLength(1);
    expect(await executionsOf('of-another-team')).toHaveLength(0);
  });

  it('starts the others where one pipeline asks for what is not in the body, and tells of that', async () => {
    const answer = await call(JSON.stringify({ id: 'delivery-0003', type: 'workflow-completed', revision: COMMIT }));
    expect(await answer.json()).toEqual({ events: [expect.any(String)], ignored: 1 });
    const entries = await system.ports.inbox.list({ limit: 50 });
    expect(entries.map(({ refused }) => refused)).toContainEqual(
      'reading a call of the webhook circleci: delivery: data.happened.id is not there',
    );
  });

  it('says what kept it from starting anything', async () => {
    const other = JSON.stringify({ id: 'delivery-0002', type: 'job-completed' });
    const [entry] = await entriesOf(await call(other));
    expect(entry?.verdicts).toMatchObject([
      { is: 'filtered', compared: [{ condition: 'where', got: 'data.type is "job-completed"', met: false }] },
    ]);
  });

  it('is refused from who does not know the secret', async () => {
    expect((await call(body, 'a guess')).status).toBe(401);
    expect((await post('/hooks/webhook/circleci', body)).status).toBe(401);
    expect((await post('/hooks/webhook/nobody', body)).status).toBe(401);
    expect((await post('/hooks/quay/a/b', body)).status).toBe(404);
  });
});

describe('a push to a Git repository', () => {
  const push = (delivery: string, change: object) => {
    const body = JSON.stringify({
      ref: 'refs/heads/main',
      before: '6113728f27ae82c7b1a177c8d03f9e96e0adf246',
      after: COMMIT,
      repository: { full_name: 'acme/items', clone_url: 'https://github.com/acme/items.git' },
      commits: [{ modified: ['services/items/main.go'] }],
      ...change,
    });
    const signature = `sha256=${signed(body, SECRETS.GENNAKER_SECRET_GITHUB_WEBHOOK)}`;
    const headers = { 'x-github-event': 'push', 'x-github-delivery': delivery, 'x-hub-signature-256': signature };
    return post('/hooks/github', body, headers);
  };

  it('starts a pipeline with the newest image that matches', async () => {
    await push('delivery-0001', {});
    await expect.poll(() => executionsOf('from-git'), PATIENCE).toHaveLength(1);
    expect(await executionsOf('from-git')).toMatchObject([
      { inputs: { sha: COMMIT }, images: { api: { repository: 'quay.io/acme/items', tag: '1.10.0' } } },
    ]);
  });

  it('of which not all commits are told may have changed the path', async () => {
    await push('delivery-0002', { commits: [{ modified: ['README.md'] }] });
    await push('delivery-0003', { commits: [], forced: true });
    await expect.poll(() => executionsOf('from-git'), PATIENCE).toHaveLength(2);
  });
});

describe('several tags of one digest', () => {
  const push = (...tags: string[]) =>
    post(
      `/hooks/quay/${SECRETS.GENNAKER_SECRET_QUAY_WEBHOOK}`,
      JSON.stringify({ name: 'items', docker_url: 'quay.io/acme/items', updated_tags: tags }),
    );

  it('start one execution; a tag that moves away and back starts three', async () => {
    const [a, b] = ['a', 'b'].map((digit) => `sha256:${digit.repeat(64)}`);
    await entriesOf(await push('1.2.3', '1.2', 'latest'));
    expect(await executionsOf('from-quay')).toHaveLength(1);
    await entriesOf(await push('1.2.3'));
    expect(await executionsOf('from-quay')).toHaveLength(1);
    digests.set('latest', b ?? '');
    await entriesOf(await push('latest'));
    digests.set('latest', a ?? '');
    const [entry] = await entriesOf(await push('latest'));
    expect(entry?.verdicts).toMatchObject([{ is: expect.stringMatching(/started|queued/) }]);
    const plans = await executionsOf('from-quay');
    expect(plans.map(({ images }) => images.api?.digest).sort()).toEqual([a, a, b]);
  });
});

it("a message of a user's own topic starts what its constraint takes, once", async () => {
  const handle = messageSubscriber({
    ...system.ports,
    secrets: system.engine.secrets,
    clock: systemClock,
    log: system.engine.log,
    httpSources: httpSources(),
    messageSources: messageSources(),
  });
  const send = (messageId: string, data: object) =>
    handle({
      messageId,
      subscription: 'projects/acme/subscriptions/gennaker-pubsub-releases',
      data: JSON.stringify(data),
      attributes: {},
    });
  const ready = { status: 'READY', ticket: 'CHG-1' };
  for (const id of ['10000001', '10000001']) expect(await send(id, ready)).toBe('done');
  expect(await send('10000002', { status: 'DRAFT' })).toBe('done');
  await expect.poll(() => executionsOf('from-messages'), PATIENCE).toHaveLength(1);
  expect((await executionsOf('from-messages'))[0]?.inputs).toEqual({ ticket: 'CHG-1' });
});
