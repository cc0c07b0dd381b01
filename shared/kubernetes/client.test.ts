import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { MAXIMUM_LOG_BYTES } from '../ports/cluster.ts';
import { type KubernetesCluster, openCluster } from './client.ts';

/** A server that answers like an API server, as far as one test needs it. */
type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const open: { server: Server; cluster: KubernetesCluster }[] = [];

afterEach(async () => {
  for (const { server, cluster } of open.splice(0)) {
    cluster.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

async function clusterOf(answer: Answer, more: { requestTimeoutMs?: number; token?: () => Promise<string> } = {}) {
  const seen = { requests: [] as string[], connections: 0 };
  const server = createServer((request, response) => {
    seen.requests.push(`${request.method} ${request.url}`);
    if (request.url === '/api/v1') return json(response, 200, { resources: [resource('ConfigMap', 'configmaps')] });
    answer(request, response);
  });
  server.on('connection', () => {
    seen.connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const { requestTimeoutMs = 2_000, token = async () => 'token' } = more;
  const cluster = openCluster({ access: { server: `http://127.0.0.1:${port}`, token }, requestTimeoutMs });
  open.push({ server, cluster });
  return { cluster, seen };
}

const resource = (kind: string, name: string) => ({ kind, name, namespaced: true });
const status = (code: number, reason: string, message = reason) => ({ kind: 'Status', code, reason, message });
const object = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'one', namespace: 'shop', resourceVersion: '7' },
};
const ref = { apiVersion: 'v1', kind: 'ConfigMap', name: 'one', namespace: 'shop' };
const selection = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'shop', resourceVersion: '5' };

function json(response: ServerResponse, code: number, body: unknown): void {
  response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

async function eventsOf(cluster: KubernetesCluster, limit = 1): Promise<string[]> {
  const stop = new AbortController();
  const types: string[] = [];
  for await (const event of cluster.watch({ ...selection, signal: stop.signal })) {
    types.push(event.type);
    if (types.length === limit) stop.abort();
  }
  return types;
}

describe('the client of an API server', () => {
  it('sends everything over one pool of kept connections, and asks for the kinds once', async () => {
    const { cluster, seen } = await clusterOf((_, response) => json(response, 200, object));
    for (let time = 0; time < 20; time++) await cluster.get({ ref });
    expect(seen.connections).toBe(1);
    expect(seen.requests.filter((request) => request === 'GET /api/v1')).toHaveLength(1);
    expect(seen.requests).toHaveLength(21);
  });

  it.each([
    [400, 'BadRequest', 'invalid', false],
    [401, 'Unauthorized', 'unauthorized', false],
    [403, 'Forbidden', 'forbidden', false],
    [409, 'AlreadyExists', 'alreadyExists', true],
    [409, 'Conflict', 'conflict', true],
    [422, 'Invalid', 'invalid', false],
    [429, 'TooManyRequests', 'unreachable', true],
    [500, 'InternalError', 'unreachable', true],
    [503, 'ServiceUnavailable', 'unreachable', true],
    [418, 'Teapot', 'other', false],
  ])('tells what %i %s means', async (code, reason, expected, retryable) => {
    const { cluster } = await clusterOf((_, response) => json(response, code, status(code, reason)));
    const message = expect.stringMatching(new RegExp(`^could not read ConfigMap shop/one: ${code} ${reason}$`));
    await expect(cluster.get({ ref })).rejects.toMatchObject({ code: expected, retryable, message });
  });

  describe('the log of a container', () => {
    const query = { pod: { name: 'one', namespace: 'shop' }, container: 'main', lines: 2 };

    it('is asked for in bounds, and stays text where it looks like JSON', async () => {
      const { cluster, seen } = await clusterOf((_, response) => response.writeHead(200).end('{"level":"info"}'));
      expect(await cluster.logs(query)).toEqual(['{"level":"info"}']);
      const path = '/api/v1/namespaces/shop/pods/one/log?container=main&tailLines=2&limitBytes=32768';
      expect(seen.requests).toEqual([`GET ${path}`]);
    });

    it('has only whole lines, where the limit has cut it', async () => {
      const long = `first\n${'x'.repeat(MAXIMUM_LOG_BYTES)}`.slice(0, MAXIMUM_LOG_BYTES);
      const { cluster } = await clusterOf((_, response) => response.writeHead(200).end(long));
      expect(await cluster.logs(query)).toEqual(['first']);
    });

    it('is empty before the container has started, and a refusal stays one', async () => {
      const message = 'container "main" in pod "one" is waiting to start: ContainerCreating';
      const early = await clusterOf((_, response) => json(response, 400, status(400, 'BadRequest', message)));
      expect(await early.cluster.logs(query)).toEqual([]);
      const gone = await clusterOf((_, response) => json(response, 404, status(404, 'NotFound')));
      expect(await gone.cluster.logs(query)).toBeUndefined();
      const closed = await clusterOf((_, response) => json(response, 403, status(403, 'Forbidden')));
      await expect(closed.cluster.logs(query)).rejects.toMatchObject({ code: 'forbidden' });
    });
  });

  it('keeps what a proxy says in plain text', async () => {
    const { cluster } = await clusterOf((_, response) => response.writeHead(502).end('<h1>Bad Gateway</h1>'));
    await expect(cluster.get({ ref })).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('Bad Gateway'),
    });
  });

  it('gives up on an answer that does not come, or comes only in part', async () => {
    const silent = await clusterOf(() => undefined, { requestTimeoutMs: 100 });
    const message = expect.stringContaining('no answer within 100 ms');
    await expect(silent.cluster.get({ ref })).rejects.toMatchObject({ code: 'unreachable', message });
    const partial = await clusterOf((_, response) => response.writeHead(200).write('{'), { requestTimeoutMs: 100 });
    await expect(partial.cluster.get({ ref })).rejects.toMatchObject({ code: 'unreachable' });
  });

  it('throws what the signal was aborted with', async () => {
    const { cluster } = await clusterOf(() => undefined);
    const stop = new AbortController();
    const asked = cluster.get({ ref, signal: stop.signal });
    setTimeout(() => stop.abort(new Error('enough')), 50);
    await expect(asked).rejects.toThrow('enough');
  });

  it('asks once for new credentials when they are refused', async () => {
    let given = 0;
    const token = async () => `token-${++given}`;
    const answer: Answer = (request, response) => {
      if (request.headers.authorization === 'Bearer token-2') json(response, 200, object);
      else json(response, 401, status(401, 'Unauthorized'));
    };
    const { cluster } = await clusterOf(answer, { token });
    expect(await cluster.get({ ref })).toMatchObject({ metadata: { name: 'one' } });
    expect(given).toBe(2);
  });

  it('reads long lists page by page', async () => {
    const { cluster, seen } = await clusterOf((request, response) => {
      const next = request.url?.includes('continue=') ? {} : { continue: 'more' };
      json(response, 200, { metadata: { resourceVersion: '9', ...next }, items: [object] });
    });
    const { items, resourceVersion } = await cluster.list(selection);
    expect(items).toHaveLength(2);
    expect(resourceVersion).toBe('9');
    expect(seen.requests.at(-1)).toContain('continue=more');
  });

  it('calls a watch expired, whether the head or an event says so', async () => {
    const head = await clusterOf((_, response) => json(response, 410, status(410, 'Expired')));
    await expect(eventsOf(head.cluster)).rejects.toMatchObject({ code: 'expired' });
    const event = { type: 'ERROR', object: status(410, 'Expired') };
    const inside = await clusterOf((_, response) => response.writeHead(200).end(`${JSON.stringify(event)}\n`));
    await expect(eventsOf(inside.cluster)).rejects.toMatchObject({ code: 'expired' });
  });

  it('resumes a watch that the server ended, from the last version seen, bookmarks included', async () => {
    const lines = [
      [{ type: 'ADDED', object }],
      [{ type: 'BOOKMARK', object: { metadata: { resourceVersion: '42' } } }],
      [{ type: 'MODIFIED', object: { ...object, metadata: { ...object.metadata, resourceVersion: '43' } } }],
    ];
    const { cluster, seen } = await clusterOf((_, response) => {
      response.writeHead(200);
      // In two pieces, as the network may deliver it.
      const text = `${(lines.shift() ?? []).map((line) => JSON.stringify(line)).join('\n')}\n`;
      response.write(text.slice(0, 10));
      setTimeout(() => response.end(text.slice(10)), 10);
    });
    expect(await eventsOf(cluster, 3)).toEqual(['ADDED', 'BOOKMARK', 'MODIFIED']);
    const versions = seen.requests.flatMap((request) => /resourceVersion=(\d+)/.exec(request)?.[1] ?? []);
    expect(versions).toEqual(['5', '7', '42']);
  });

  it('calls a lost connection unreachable, and so a server that ends every watch at once', async () => {
    const lost = await clusterOf((_, response) => {
      response.writeHead(200).write(`${JSON.stringify({ type: 'ADDED', object })}\n`);
      setTimeout(() => response.destroy(), 20);
    });
    await expect(eventsOf(lost.cluster, 9)).rejects.toMatchObject({ code: 'unreachable', retryable: true });
    const closing = await clusterOf((_, response) => response.writeHead(200).end());
    await expect(eventsOf(closing.cluster)).rejects.toMatchObject({ code: 'unreachable' });
  });
});
