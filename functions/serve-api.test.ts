import { request as rawRequest } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { callbacksOf } from '../shared/use-cases/callbacks.ts';
import { API_TOKEN, type ApiWorld, startApiWorld } from '../test/support/api-world.ts';
import { executionOf, planOf, START, stagePlan, transitionOf } from '../test/support/execution-fixtures.ts';
import { MAXIMUM_BODY_BYTES } from './api/http.ts';
import type { ServeApiOptions } from './serve-api.ts';

let world: ApiWorld;
afterEach(() => world.close());

async function start(more: Partial<ServeApiOptions> = {}) {
  world = await startApiWorld(more);
  world.put(executionOf({}, { migrate: { status: 'running', attempts: 1, startedAt: START } }), planOf());
  return world;
}

const post = (path: string, body: unknown, init: RequestInit = {}) =>
  world.ask(path, {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...init,
    headers: { 'content-type': 'application/json', ...init.headers },
  });

const errorOf = async (response: Response) =>
  ((await response.json()) as { error: { code: string; message: string; problems?: unknown[] } }).error;

/** As fetch cannot: with a Host header of one's own. */
function statusFor(port: number, headers: Record<string, string>, path = '/healthz'): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    rawRequest({ host: '127.0.0.1', port, path, headers }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .on('error', reject)
      .end();
  });
}

describe('who may ask', () => {
  it('answers the API to the bearer of the token only', async () => {
    const { url } = await start();
    for (const authorization of ['', 'Bearer ', 'Bearer wrong', `Basic ${API_TOKEN}`, `Bearer ${API_TOKEN}x`]) {
      const response = await fetch(`${url}/api/executions`, { headers: { authorization } });
      expect(response.status).toBe(401);
      expect(response.headers.get('www-authenticate')).toContain('Bearer');
      expect(await errorOf(response)).toMatchObject({ code: 'unauthorized' });
    }
    expect((await fetch(`${url}/api/nothing`)).status).toBe(401);
    expect((await world.ask('/api/executions')).status).toBe(200);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });

  it('shows open pages to anyone, and closed ones after signing in', async () => {
    await start();
    expect((await fetch(`${world.url}/`)).status).toBe(200);
    await world.close();
    await start({ pages: 'token' });
    const html = { accept: 'text/html' };
    const refused = await fetch(`${world.url}/executions/items-api-7f3k2`, { headers: html });
    expect(refused.status).toBe(401);
    expect(await refused.text()).toContain('name="token"');
    const signIn = (token: string, returnTo: string) =>
      fetch(`${world.url}/sign-in`, {
        method: 'POST',
        redirect: 'manual',
        body: new URLSearchParams({ token, returnTo }),
      });
    expect((await signIn('wrong', '/')).status).toBe(401);
    const signedIn = await signIn(API_TOKEN, '/executions/items-api-7f3k2');
    expect(signedIn.status).toBe(303);
    expect(signedIn.headers.get('location')).toBe('/executions/items-api-7f3k2');
    expect((await signIn(API_TOKEN, '//evil.example')).headers.get('location')).toBe('/');
    const cookie = signedIn.headers.get('set-cookie') ?? '';
    expect(cookie).toMatch(/HttpOnly; SameSite=/);
    expect(cookie).not.toContain(API_TOKEN);
    const session = { cookie: cookie.split(';')[0] ?? '' };
    expect((await fetch(`${world.url}/`, { headers: session })).status).toBe(200);
    expect((await fetch(`${world.url}/api/executions`, { headers: session })).status).toBe(401);
  });

  it('answers under its own name only where it listens on loopback', async () => {
    const { port } = await start();
    expect(await statusFor(port, { host: 'evil.example' })).toBe(421);
    expect(await statusFor(port, { host: `localhost:${port}` })).toBe(200);
    expect(await statusFor(port, { host: `[::1]:${port}` })).toBe(200);
    await world.close();
    const open = await start({ isLoopback: false });
    expect(await statusFor(open.port, { host: 'cd.example' })).toBe(200);
  });

  it('lets no other site act, frame or read', async () => {
    await start();
    const response = await world.ask('/', { headers: { origin: 'https://evil.example' } });
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    expect(response.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    expect(response.headers.get('content-security-policy')).not.toContain('unsafe');
  });
});

describe('bad requests', () => {
  it('says what is not there and what is not allowed', async () => {
    await start();
    expect((await world.ask('/api/nothing')).status).toBe(404);
    const method = await world.ask('/api/executions', { method: 'DELETE' });
    expect(method.status).toBe(405);
    expect(method.headers.get('allow')).toBe('GET');
    expect((await world.ask('/api/executions/%')).status).toBe(404);
    expect(
      (await world.ask('/executions/nope', { headers: { accept: 'text/html' } })).headers.get('content-type'),
    ).toContain('text/html');
  });

  it.each([
    ['malformed JSON', '{"a":', 400, 'malformed-json'],
    ['a wrong field', '{"reason":1}', 400, 'invalid-body'],
    ['an unknown field', '{"reasons":"x"}', 400, 'invalid-body'],
    ['an array', '[]', 400, 'invalid-body'],
  ])('refuses %s', async (_, body, status, code) => {
    await start();
    const response = await post('/api/executions/items-api-7f3k2/cancel', body);
    expect(response.status).toBe(status);
    expect(await errorOf(response)).toMatchObject({ code });
    expect(world.commands).toEqual([]);
  });

  it('names the fields that are wrong', async () => {
    await start();
    const response = await post('/api/pipelines/items-api/executions', { requestId: 'r', images: { api: 5 } });
    const error = await errorOf(response);
    expect(error.problems).toMatchObject([{ path: 'images.api' }]);
    expect(error.message).toContain('images.api');
  });

  it('refuses a body that is too large, whether it says so or not', async () => {
    await start();
    const large = 'x'.repeat(MAXIMUM_BODY_BYTES + 1);
    expect((await post('/api/executions/items-api-7f3k2/cancel', large)).status).toBe(413);
    const chunked = new ReadableStream({
      pull(controller) {
        controller.enqueue(new TextEncoder().encode('x'.repeat(64 * 1024)));
      },
    });
    const init = { method: 'POST', body: chunked, duplex: 'half' } as const;
    const answer = await world.ask('/api/executions/items-api-7f3k2/cancel', init).then(
      ({ status }) => status,
      () => 'cut off',
    );
    expect([413, 'cut off']).toContain(answer);
    expect(world.commands).toEqual([]);
  });

  it('refuses a type that is not JSON and a query that is not known', async () => {
    await start();
    const headers = { 'content-type': 'text/plain' };
    expect((await post('/api/executions/items-api-7f3k2/cancel', '{}', { headers })).status).toBe(415);
    for (const query of ['limit=0', 'limit=100000', 'limit=x', 'before=yesterday', 'bogus=1', 'limit=1&limit=2']) {
      expect((await world.ask(`/api/executions?${query}`)).status).toBe(400);
    }
  });

  it('tells a failure of its own without its inside', async () => {
    await start({ history: { read: () => Promise.reject(new Error('password=hunter2')) } });
    const response = await world.ask('/api/executions/items-api-7f3k2/history');
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain('hunter2');
    expect(world.log.lines).toMatchObject([{ severity: 'ERROR' }]);
  });
});

describe('executions', () => {
  it('are listed with the fields that scripts rely on', async () => {
    await start();
    const { items } = (await (await world.ask('/api/executions?limit=5')).json()) as { items: unknown[] };
    expect(items).toMatchObject([
      {
        id: 'items-api-7f3k2',
        pipeline: 'items-api',
        status: 'running',
        startedAt: '2026-03-02T09:00:00.000Z',
        endedAt: null,
        trigger: { source: 'docker-distribution', by: 'Aki' },
      },
    ]);
    expect(items[0]).toHaveProperty('stages.0', {
      id: 'migrate',
      kind: 'deploy',
      target: 'jp',
      status: 'running',
      attempts: 1,
      reason: null,
    });
  });

  it('are found by a beginning of the id that no other has', async () => {
    const { put } = await start();
    put(executionOf({ id: 'items-api-9zzzz' }), planOf());
    expect(await (await world.ask('/api/executions/items-api-7')).json()).toMatchObject({ id: 'items-api-7f3k2' });
    const ambiguous = await world.ask('/api/executions/items');
    expect(ambiguous.status).toBe(409);
    expect((await errorOf(ambiguous)).message).toContain('items-api-9zzzz');
    expect((await world.ask('/api/executions/other')).status).toBe(404);
  });

  it('tell their history', async () => {
    const { histories } = await start();
    histories.set('items-api-7f3k2', [transitionOf(1)]);
    const answer = await (await world.ask('/api/executions/items-api-7f3k2/history')).json();
    expect(answer).toMatchObject({ items: [{ revision: 1, at: '2026-03-02T09:00:01.000Z' }] });
  });

  it('are followed until they end, progress included', async () => {
    const { progress, put } = await start();
    const response = await world.ask('/api/executions/items-api-7f3k2/events');
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    const reader = (response.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream()).getReader();
    let seen = '';
    const until = async (text: string) => {
      while (!seen.includes(text)) {
        const { value, done } = await reader.read();
        if (done) throw new Error(`the stream ended before ${text}: ${seen}`);
        seen += value;
      }
    };
    await until('id: 1\nevent: execution\ndata: {');
    progress.set('items-api-7f3k2', [{ stage: 'migrate', attempt: 1, step: 1, at: START, lines: ['new 1/3 ready'] }]);
    await until('new 1/3 ready');
    const ended = { is: 'ended', end: 'succeeded', at: START + 9, startedAt: START, promoted: [] } as const;
    put(executionOf({ revision: 2, phase: ended }), planOf());
    await until('id: 2');
    expect((await reader.read()).done).toBe(true);
  });

  it('are cancelled, restarted and signalled', async () => {
    await start();
    expect((await post('/api/executions/items-api-7/cancel', { reason: 'wrong version' })).status).toBe(202);
    expect((await post('/api/executions/items-api-7/restart', '')).status).toBe(202);
    const signal = { id: 's1', name: 'approve', value: { ok: true } };
    expect((await post('/api/executions/items-api-7/stages/approve/signals', signal)).status).toBe(200);
    expect(world.commands).toMatchObject([
      { name: 'cancel', command: { id: 'items-api-7f3k2', reason: 'wrong version' } },
      { name: 'restart', command: { id: 'items-api-7f3k2' } },
      { name: 'signal', command: { execution: 'items-api-7f3k2', stage: 'approve', signal } },
    ]);
  });

  it('refuse a signal that would fill the document of its stage', async () => {
    await start();
    const signal = { id: 's1', name: 'approve', value: 'x'.repeat(8 * 1024) };
    const refused = await post('/api/executions/items-api-7/stages/approve/signals', signal);
    expect(refused.status).toBe(400);
    expect((await errorOf(refused)).message).toContain('value: has more than 8192 bytes');
    expect(world.commands).toEqual([]);
  });

  it('are not restarted where their team may not run them any more', async () => {
    const text = 'items-api claims what its team may not have: "us" is not among its targets.';
    await start({ restartExecution: async () => ({ is: 'refused', text }) });
    const answer = await post('/api/executions/items-api-7/restart', {});
    expect(answer.status).toBe(409);
    expect(await errorOf(answer)).toMatchObject({ code: 'refused', message: text });
  });

  it('that ended are not cancelled, and late signals are told so', async () => {
    await start({
      cancelExecution: async () => ({ is: 'already-ended', status: 'succeeded' }),
      signalStage: async () => ({ is: 'tooLate' }),
      restartExecution: async () => ({ is: 'still-running' }),
    });
    expect((await post('/api/executions/items-api-7/cancel', {})).status).toBe(409);
    expect((await post('/api/executions/items-api-7/restart', {})).status).toBe(409);
    const late = await post('/api/executions/items-api-7/stages/approve/signals', { id: 's', name: 'approve' });
    expect(await errorOf(late)).toMatchObject({ code: 'too-late' });
  });
});

describe('a request that makes no sense', () => {
  it('is answered, not broken off', async () => {
    await start();
    expect(await statusFor(world.port, {}, '//')).toBe(404);
  });

  it('never leaves the proof of a call-back in the log', async () => {
    const callbacks = callbacksOf({ baseUrl: 'https://gennaker.example.com', key: 'key' });
    const place = { execution: 'e1', stage: 'notify', attempt: 1 };
    await start({ callbacks, signalStage: () => Promise.reject(new Error('the database is away')) });
    const { pathname } = new URL(callbacks.urlFor(place));
    expect((await post(pathname, {})).status).toBe(500);
    const proof = pathname.slice(pathname.lastIndexOf('/') + 1);
    expect(JSON.stringify(world.log)).toContain('/callbacks/e1/notify/1');
    expect(JSON.stringify(world.log)).not.toContain(proof);
  });
});

describe('pipelines and events', () => {
  it('are applied, or refused with file, line and column', async () => {
    await start();
    const put = (body: unknown) =>
      world.ask('/api/pipelines', {
        method: 'PUT',
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json' },
      });
    const upload = { file: 'gennaker.yaml', text: 'pipeline: items-api', files: { 'a.yaml': 'kind: Service' } };
    expect(await (await put(upload)).json()).toEqual({
      pipelines: [{ name: 'items-api', change: 'created' }],
      notes: [],
    });
    await world.close();
    const problem = { file: 'gennaker.yaml', line: 3, column: 5, message: 'stpes is not a field' };
    await start({ applyPipelines: async () => ({ is: 'refused', problems: [problem] }) });
    const refused = await put(upload);
    expect(refused.status).toBe(422);
    expect(await errorOf(refused)).toMatchObject({ problems: [problem], message: '1 problem. Nothing was applied.' });
  });

  it('are started by hand, and the nearest name is offered for an unknown one', async () => {
    await start();
    const accepted = await post('/api/pipelines/items-api/executions', {
      requestId: 'r1',
      images: { api: '1.2.3' },
      by: 'Aki',
    });
    expect(accepted.status).toBe(202);
    expect(world.commands).toMatchObject([{ name: 'run', command: { pipeline: 'items-api', by: 'Aki', inputs: {} } }]);
    await world.close();
    await start({ requestRun: async () => ({ is: 'unknown', nearest: 'items-api' }) });
    const unknown = await post('/api/pipelines/item-api/executions', { requestId: 'r1' });
    expect(unknown.status).toBe(404);
    expect((await errorOf(unknown)).message).toContain('did you mean "items-api"?');
  });

  it.each(['bad tag!', 'registry.example.com/items-api', ''])('are not started with the image "%s"', async (image) => {
    await start();
    const refused = await post('/api/pipelines/items-api/executions', { requestId: 'r1', images: { api: image } });
    expect(refused.status).toBe(400);
    expect((await errorOf(refused)).message).toContain('images.api: ');
    expect(world.commands).toEqual([]);
  });

  it('are listed and read', async () => {
    const { applied, entries } = await start();
    const definition = {
      stages: { deploy: { uses: 'deploy', targets: ['jp', 'us'], with: {} }, soak: { uses: 'wait' } },
    };
    applied.push({
      format: 1,
      file: 'gennaker.yaml',
      name: 'items-api',
      team: 'items',
      definition,
      appliedAt: START,
      generation: 2,
    });
    entries.push({ format: 1, id: 'a/b', receivedAt: START, source: 'manual', text: 'Aki asked', verdicts: [] });
    const { items } = (await (await world.ask('/api/pipelines')).json()) as { items: unknown[] };
    expect(items).toMatchObject([
      {
        name: 'items-api',
        generation: 2,
        stages: [
          { id: 'deploy', kind: 'deploy', targets: ['jp', 'us'] },
          { id: 'soak', targets: [] },
        ],
      },
    ]);
    expect((await world.ask('/api/pipelines/items-api')).status).toBe(200);
    expect((await world.ask('/api/pipelines/nope')).status).toBe(404);
    expect(await (await world.ask('/api/events')).json()).toMatchObject({
      items: [{ id: 'a/b', receivedAt: '2026-03-02T09:00:00.000Z' }],
    });
    expect((await world.ask('/api/events/a%2Fb')).status).toBe(200);
    expect((await world.ask('/api/events/none')).status).toBe(404);
  });
});

describe('pages', () => {
  it('escape everything that came from outside', async () => {
    const evil = '<script>alert(1)</script>"\'&';
    const { put, url, histories } = await start();
    const reason = { code: 'crash-loop', text: evil, unblock: `gennaker ${evil}` } as const;
    const plan = planOf({
      pipeline: evil,
      images: { [evil]: { repository: evil, tag: evil, digest: `sha256:${evil}` } },
      stages: [stagePlan('a', { declaredAs: evil, target: evil, kind: evil })],
    });
    const more = { id: 'evil', trigger: { event: evil, source: evil, text: evil, by: evil, at: START }, plan: 'evil' };
    put(executionOf(more, { a: { status: 'waiting', attempts: 2, reason } }, plan), plan);
    histories.set('evil', [transitionOf(1, { is: 'stage', stage: evil, status: 'failed', reason })]);
    for (const path of ['/', '/executions/evil', `/?pipeline=${encodeURIComponent(evil)}`]) {
      const text = await (await fetch(`${url}${path}`)).text();
      expect(text).not.toContain('<script>alert');
      expect(text).not.toContain(`"'&`);
      expect(text).toContain('&lt;script&gt;');
    }
  });

  it('carry assets that may be kept for ever', async () => {
    await start();
    const page = await (await world.ask('/')).text();
    const addresses = [...page.matchAll(/"(\/assets\/[^"]+)"/g)].map(([, address]) => address ?? '');
    expect(addresses).toHaveLength(3);
    for (const address of addresses) {
      const response = await fetch(`${world.url}${address}`);
      expect(response.status).toBe(200);
      expect(response.headers.get('cache-control')).toContain('immutable');
    }
    expect((await fetch(`${world.url}/assets/..%2f..%2fpackage.json`)).status).toBe(404);
  });

  it('say what to type when there is nothing yet', async () => {
    world = await startApiWorld();
    expect(await (await fetch(`${world.url}/`)).text()).toContain('gennaker apply');
    world.applied.push({
      format: 1,
      file: 'gennaker.yaml',
      name: 'items-api',
      team: 'items',
      definition: {},
      appliedAt: START,
      generation: 1,
    });
    expect(await (await fetch(`${world.url}/`)).text()).toContain('gennaker run items-api');
  });
});
