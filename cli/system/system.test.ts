import { randomUUID } from 'node:crypto';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jsonLog } from '../../shared/adapters/json-log.ts';
import { systemClock } from '../../shared/adapters/system-clock.ts';
import type { Delivery } from '../../shared/ports/bus.ts';
import { TOPICS } from '../../shared/use-cases/messages.ts';
import { HOOK_SECRET, startMemorySystem, TOKEN } from '../../test/support/memory-system.ts';
import type { System } from './system.ts';

const STAGE_SECRET = 'the-stage-secret-of-this-test';
const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736';
const PATIENCE = { timeout: 15_000, interval: 20 };
const PIPELINE = `
pipeline: traced
images: { api: { repository: registry.example.com/traced, tag: "*" } }
on: [{ push: api }]
notify: [{ pubsub: traced-transitions }]
stages:
  pause: { uses: wait, with: { for: 1s } }
`;

type Refused = { readonly error: { readonly code: string; readonly message: string } };

const lines: string[] = [];
const announced: Delivery[] = [];
const notified: Delivery[] = [];
let system: System;

beforeAll(async () => {
  ({ system } = await startMemorySystem({
    log: jsonLog({ write: (line) => lines.push(line), now: systemClock.now, projectId: 'acme' }),
    environment: { GENNAKER_ALLOWED_HOSTS: '127.0.0.1', GENNAKER_STAGE_SECRET_HOOK: STAGE_SECRET },
  }));
  const listen = (topic: string, into: Delivery[]) =>
    system.ports.subscribe({
      topic,
      name: `test-${topic}`,
      handler: async (delivery) => {
        into.push(delivery);
        return 'done';
      },
      concurrency: 8,
      ackDeadlineMs: 10_000,
      maximumDeliveries: 5,
    });
  await listen(TOPICS.transitions, announced);
  await listen('traced-transitions', notified);
  const applied = await system.apply({ file: 'gennaker.yaml', text: PIPELINE, files: {} });
  expect(applied).toMatchObject({ is: 'applied' });
});

afterAll(() => system?.stop());

function push(headers: { [name: string]: string }): Promise<Response> {
  const target = {
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    repository: 'traced',
    tag: '1.0.0',
    digest: `sha256:${'a'.repeat(64)}`,
  };
  const events = [{ id: randomUUID(), action: 'push', target, request: { host: 'registry.example.com' } }];
  return fetch(`${system.url}/hooks/docker-distribution`, {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.docker.distribution.events.v2+json', ...headers },
    body: JSON.stringify({ events }),
  });
}

const traceIdOf = (delivery: Delivery): string | undefined => JSON.parse(delivery.data).traceparent?.split('-')[1];

describe('a whole system in one process', () => {
  it('carries the trace of the source event to the last notification, with one line of log for each transition', async () => {
    const response = await push({
      authorization: `Bearer ${HOOK_SECRET}`,
      traceparent: `00-${TRACE_ID}-00f067aa0ba902b7-01`,
    });
    expect(response.status).toBe(202);
    // started, waiting, ended: one revision each.
    await expect.poll(() => new Set(notified.map((one) => JSON.parse(one.data).id)).size, PATIENCE).toBe(3);
    expect(new Set([...announced, ...notified].map(traceIdOf))).toEqual(new Set([TRACE_ID]));

    const moves = lines.map((line) => JSON.parse(line)).filter((line) => line.message === 'An execution moved');
    expect(moves.map((line) => line.revision)).toEqual([1, 2, 3]);
    for (const move of moves) {
      expect(move).toMatchObject({
        severity: 'INFO',
        pipeline: 'traced',
        'logging.googleapis.com/trace': `projects/acme/traces/${TRACE_ID}`,
      });
      expect(Date.parse(move.time)).toBeGreaterThan(0);
    }
  });

  it('records a refused delivery once a minute, however often it comes, and keeps secrets out of the log', async () => {
    for (let times = 0; times < 3; times += 1) {
      expect((await push({ authorization: 'Bearer wrong-secret' })).status).toBe(401);
    }
    const entries = (await system.ports.inbox.list({ limit: 50 })).filter((entry) => entry.refused !== undefined);
    expect(entries.length).toBeGreaterThanOrEqual(1);
    expect(entries.length).toBeLessThanOrEqual(2);
    expect(entries[0]).toMatchObject({ source: 'docker-distribution', verdicts: [] });
    for (const secret of [TOKEN, HOOK_SECRET, STAGE_SECRET, 'wrong-secret'])
      expect(lines.join('\n')).not.toContain(secret);
  });

  it('refuses what is too large, what is not what its type says, and sources that it does not know', async () => {
    const post = (path: string, type: string, body: string) =>
      fetch(`${system.url}${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${HOOK_SECRET}`, 'content-type': type },
        body,
      }).then(async (response) => [response.status, ((await response.json()) as Refused).error.code]);
    const type = 'application/vnd.docker.distribution.events.v1+json';
    expect(await post('/hooks/docker-distribution', type, ' '.repeat(2 * 1024 * 1024 + 1))).toEqual([
      413,
      'body-too-large',
    ]);
    expect(await post('/hooks/docker-distribution', type, '{"events":7}')).toEqual([400, 'bad-body']);
    expect(await post('/hooks/docker-distribution', type, 'not json')).toEqual([400, 'bad-body']);
    expect(await post('/hooks/docker-distribution', 'text/plain', '{"events":[]}')).toEqual([400, 'bad-body']);
    expect(await post('/hooks/nobody', type, '{}')).toEqual([404, 'unknown-source']);
  });

  it('takes a call-back at the address that it gave out, and at no other', async () => {
    const url = system.engine.callbacks?.urlFor({ execution: 'unknown', stage: 'hook', attempt: 1 }) ?? '';
    const call = (address: string) => fetch(address, { method: 'POST' }).then((response) => response.status);
    expect(await call(url)).toBe(404);
    expect(await call(`${url}x`)).toBe(404);
    const told = (await fetch(`${url}x`, { method: 'POST' }).then((response) => response.json())) as Refused;
    expect(told.error.message).toContain('no address that was given out');
  });

  it('calls a web hook with a secret by reference, and goes on when it calls back', async () => {
    const calls: IncomingHttpHeaders[] = [];
    const farEnd = createServer((request, response) => {
      calls.push(request.headers);
      response.writeHead(202).end('taken');
    });
    await new Promise<void>((resolve) => farEnd.listen(0, '127.0.0.1', resolve));
    const { port } = farEnd.address() as AddressInfo;
    const text = `
pipeline: hooked
stages:
  hook:
    uses: webhook
    with:
      url: http://127.0.0.1:${port}/build
      headers: { authorization: { secret: hook } }
      wait-for-callback: true
`;
    try {
      expect(await system.apply({ file: 'gennaker.yaml', text, files: {} })).toMatchObject({ is: 'applied' });
      const answer = await fetch(`${system.url}/api/pipelines/hooked/executions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
        body: JSON.stringify({ requestId: randomUUID() }),
      });
      const { execution } = (await answer.json()) as { execution: string };
      await expect.poll(() => calls.length, PATIENCE).toBe(1);
      expect(calls[0]).toMatchObject({ authorization: STAGE_SECRET, 'idempotency-key': `${execution}/hook/1/1` });
      const callback = String(calls[0]?.['gennaker-callback']);
      const body = JSON.stringify({ result: 'succeeded' });
      const headers = { 'content-type': 'application/json' };
      expect((await fetch(callback, { method: 'POST', headers, body })).status).toBe(202);
      const phase = async () => (await system.ports.executions.readExecution({ id: execution }))?.value.phase;
      await expect.poll(phase, PATIENCE).toMatchObject({ is: 'ended', end: 'succeeded' });
      expect((await fetch(callback, { method: 'POST', headers, body })).status).toBe(409);
      expect(lines.join('\n')).not.toContain(STAGE_SECRET);
    } finally {
      farEnd.close();
    }
  });
});
