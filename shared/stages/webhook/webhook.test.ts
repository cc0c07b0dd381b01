import { describe, expect, it } from 'vitest';
import type { Input } from '../../core/run.ts';
import { HttpRefused, HttpUnreachable } from '../http-client.ts';
import type { HttpClient, StageContext } from '../kind.ts';
import { prove } from '../proofs.ts';
import { webhook } from './index.ts';
import { type WebhookCursor, webhookParameters } from './schema.ts';

type Sent = { method: string; url: string; headers: { readonly [name: string]: string }; body: string | undefined };
type Reply = { status: number; headers?: { [name: string]: string }; body?: string };

const NOW = Date.parse('2026-05-01T00:00:00Z');
const CALLBACK_URL = 'https://gennaker.example.com/callbacks/e1/notify/1/proof';
const URL_TEXT = 'https://hooks.example.com/deployed?token=visible';

/** A far end that answers one reply after the other, the last one for ever. */
function farEnd(replies: readonly (Reply | Error)[]): { http: HttpClient; sent: Sent[] } {
  const sent: Sent[] = [];
  const http: HttpClient = {
    async request({ method, url, headers, body }) {
      sent.push({ method, url, headers: headers ?? {}, body });
      const reply = replies[Math.min(sent.length, replies.length) - 1];
      if (reply === undefined || reply instanceof Error) throw reply ?? new Error('no reply');
      return { status: reply.status, headers: new Headers(reply.headers), body: reply.body ?? '' };
    },
  };
  return { http, sent };
}

/** A far end that keeps the promise of idempotency keys: each acts once. */
function idempotentWorld(replies: readonly Reply[]) {
  const end = farEnd(replies);
  return {
    http: end.http,
    effects: () => [
      ...new Set(end.sent.map(({ headers, method, url }) => `${headers['idempotency-key']} ${method} ${url}`)),
    ],
  };
}

function context(http: HttpClient, changes: Partial<StageContext> = {}): StageContext {
  const unused = async (): Promise<never> => {
    throw new Error('not used by webhooks');
  };
  return {
    execution: 'e1',
    pipeline: 'items-api',
    stage: 'notify',
    attempt: 1,
    step: 1,
    tries: 1,
    key: 'e1/notify/1/1',
    namespace: 'items',
    images: {},
    deadline: NOW + 50_000,
    signal: new AbortController().signal,
    mayWrite: () => true,
    clock: { now: () => NOW, after: () => () => undefined },
    blobs: { put: unused, get: unused },
    locks: { read: unused, write: unused },
    isAtWork: unused,
    cluster: unused,
    secrets: { get: async ({ name }) => (name === 'hook-token' ? 'Bearer s3cret\n' : undefined) },
    http,
    renderer: { render: unused },
    log: { write: () => undefined },
    report: () => undefined,
    ...changes,
  };
}

async function run(
  parameters: object,
  replies: readonly (Reply | Error)[],
  at: { cursor?: WebhookCursor; input?: Input; changes?: Partial<StageContext> } = {},
) {
  const end = farEnd(replies);
  const outcome = await webhook.step(
    webhookParameters.parse({ url: URL_TEXT, ...parameters }),
    { cursor: at.cursor, input: at.input ?? { by: 'begin' } },
    context(end.http, at.changes),
  );
  return { outcome, sent: end.sent };
}

prove({
  name: 'a request',
  kind: webhook,
  parameters: { url: URL_TEXT },
  world: () => idempotentWorld([{ status: 200, body: 'ok' }]),
});
prove({
  name: 'a far end that asks for patience',
  kind: webhook,
  parameters: { url: URL_TEXT },
  world: () => idempotentWorld([{ status: 503, headers: { 'retry-after': '30' } }, { status: 200 }]),
});
prove({
  name: 'a call-back',
  kind: webhook,
  parameters: { url: URL_TEXT, 'wait-for-callback': true },
  world: () => ({
    ...idempotentWorld([{ status: 202 }]),
    context: { callbackUrl: CALLBACK_URL },
    signal: (name) => ({ id: 's1', name, at: NOW, value: { result: 'succeeded', build: 7 } }),
  }),
});
prove({
  name: 'a call-back that never comes',
  kind: webhook,
  parameters: { url: URL_TEXT, 'wait-for-callback': true },
  world: () => ({ ...idempotentWorld([{ status: 202 }]), context: { callbackUrl: CALLBACK_URL } }),
  ends: 'failed',
});

it('webhook sends nothing where its call-back could never come', async () => {
  const { outcome, sent } = await run({ 'wait-for-callback': true }, [{ status: 202 }]);
  expect(outcome).toMatchObject({ is: 'failed', then: 'giveUp', reason: { code: 'invalid-parameters' } });
  expect(sent).toEqual([]);
});

describe('webhook sends', () => {
  it('one request with its key, the trace, and what runs', async () => {
    const { outcome, sent } = await run({}, [{ status: 204 }], { changes: { trace: '00-abc-def-01' } });
    expect(outcome).toEqual({ is: 'succeeded', outputs: { status: 204, body: '' } });
    expect(sent).toHaveLength(1);
    expect(sent[0]?.headers).toMatchObject({
      'idempotency-key': 'e1/notify/1/1',
      'gennaker-execution': 'e1',
      traceparent: '00-abc-def-01',
      'content-type': 'application/json',
    });
    expect(JSON.parse(sent[0]?.body ?? '')).toEqual({
      pipeline: 'items-api',
      execution: 'e1',
      stage: 'notify',
      attempt: 1,
      images: {},
    });
  });

  it('secrets by reference, and takes them out of what comes back', async () => {
    const headers = { Authorization: { secret: 'hook-token' } };
    const { outcome, sent } = await run({ headers }, [{ status: 200, body: 'you sent Bearer s3cret' }]);
    expect(sent[0]?.headers.authorization).toBe('Bearer s3cret');
    expect(outcome).toEqual({ is: 'succeeded', outputs: { status: 200, body: 'you sent ***' } });
  });

  it('nothing where a secret is missing', async () => {
    const { outcome, sent } = await run({ headers: { Authorization: { secret: 'nope' } } }, [{ status: 200 }]);
    expect(sent).toEqual([]);
    expect(outcome).toMatchObject({ is: 'failed', then: 'giveUp', reason: { code: 'invalid-parameters' } });
  });

  it('nothing once it no longer holds the step', async () => {
    const { outcome, sent } = await run({}, [{ status: 200 }], { changes: { mayWrite: () => false } });
    expect(sent).toEqual([]);
    expect(outcome).toMatchObject({ is: 'failed', reason: { code: 'fenced-off' } });
  });
});

describe('webhook judges', () => {
  it.each([
    [{ status: 404 }, 'giveUp', 'remote-refused'],
    [{ status: 301 }, 'giveUp', 'remote-refused'],
    [{ status: 408 }, 'sameStep', 'remote-unreachable'],
    [{ status: 425 }, 'sameStep', 'remote-unreachable'],
    [{ status: 429 }, 'sameStep', 'remote-unreachable'],
    [{ status: 500 }, 'sameStep', 'remote-unreachable'],
    [new HttpUnreachable('POST https://hooks.example.com/deployed: no answer'), 'sameStep', 'remote-unreachable'],
    [new HttpRefused('requesting hooks.example.com: not allowed'), 'giveUp', 'remote-refused'],
  ])('%o as %s', async (reply, next, code) => {
    const { outcome } = await run({}, [reply]);
    expect(outcome).toMatchObject({ is: 'failed', then: next, reason: { code } });
  });

  it('by the statuses that the author names', async () => {
    expect((await run({ success: [404] }, [{ status: 404 }])).outcome).toMatchObject({ is: 'succeeded' });
    expect((await run({ success: [404] }, [{ status: 200 }])).outcome).toMatchObject({ is: 'failed', then: 'giveUp' });
  });

  it('without telling what stands in the query', async () => {
    const { outcome } = await run({}, [{ status: 404 }]);
    expect(JSON.stringify(outcome)).not.toContain('visible');
  });

  it('Retry-After as a wait that keeps the key, with a bound', async () => {
    const { outcome } = await run({}, [{ status: 429, headers: { 'retry-after': '86400' } }]);
    expect(outcome).toMatchObject({
      is: 'waiting',
      for: { until: NOW + 10 * 60_000 },
      cursor: { key: 'e1/notify/1/1', requests: 1 },
      reason: { unblock: 'gennaker cancel e1' },
    });
    const cursor: WebhookCursor = { version: 1, is: 'asked-to-wait', key: 'e1/notify/1/1', requests: 9 };
    const last = await run({}, [{ status: 429, headers: { 'retry-after': '1' } }], {
      cursor,
      changes: { key: 'e1/notify/1/10', step: 10 },
    });
    expect(last.sent[0]?.headers['idempotency-key']).toBe('e1/notify/1/1');
    expect(last.outcome).toMatchObject({ is: 'failed', reason: { code: 'retries-exhausted' } });
  });

  it('a long answer by its first 8 KiB, never cutting a character', async () => {
    const { outcome } = await run({}, [{ status: 200, body: `a${'あ'.repeat(5000)}` }]);
    if (outcome.is !== 'succeeded') throw new Error('expected success');
    expect(Buffer.byteLength(outcome.outputs.body)).toBeLessThanOrEqual(8192);
    expect(outcome.outputs.body).toMatch(/^aあ+$/);
  });

  it('a call-back by what it brings', async () => {
    const cursor: WebhookCursor = { version: 1, is: 'waiting-for-callback', until: NOW + 1000, status: 202, body: '' };
    const signal = (value: null | string | { result: string; text?: string }) =>
      run({}, [], { cursor, input: { by: 'signal', signal: { id: 's', name: 'callback', at: NOW, value } } });
    expect((await signal(null)).outcome).toMatchObject({ is: 'succeeded', outputs: { status: 202, callback: null } });
    expect((await signal({ result: 'failed', text: 'no disk' })).outcome).toMatchObject({
      is: 'failed',
      reason: { text: expect.stringContaining('no disk') },
    });
    expect((await signal({ result: 'maybe' })).outcome).toMatchObject({ is: 'failed', then: 'giveUp' });
  });
});

describe('parameters of webhook', () => {
  it.each([
    [{ url: 'hooks.example.com' }, 'must be a URL such as https://hooks.example.com/deployed'],
    [{ url: 'file:///etc/passwd' }, 'must begin with https:// or http://'],
    [
      { url: 'https://a:b@example.com/' },
      'must not carry a password; send it in a header: { authorization: { secret: NAME } }',
    ],
    [{ url: URL_TEXT, headers: { Host: 'x' } }, 'is a header that Gennaker sets itself'],
    [{ url: URL_TEXT, 'request-timeout': '2m' }, 'must be from 1s to 45s, not 2m'],
    [{ url: URL_TEXT, method: 'GET', body: {} }, 'has no meaning for GET'],
  ])('%j is refused', (parameters, message) => {
    const issues = webhookParameters.safeParse(parameters).error?.issues ?? [];
    expect(
      issues.flatMap((issue) => (issue.code === 'invalid_key' ? issue.issues : [issue])).map((issue) => issue.message),
    ).toEqual([message]);
  });
});
