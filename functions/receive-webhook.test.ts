import { createServer, request as rawRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { NO_TEMPLATES } from '../shared/pipeline/template.ts';
import type { InboxEntry } from '../shared/ports/inbox.ts';
import { httpSources } from '../shared/triggers/registry.ts';
import { MAXIMUM_WEBHOOK_BYTES } from '../shared/use-cases/receive-event.ts';
import { recordingLog } from '../test/support/execution-fixtures.ts';
import { webhookHandler } from './receive-webhook.ts';

const SECRET = 'hook-secret-of-the-test';

/** The hooks on a free port, over a bus that works or not. */
async function hooks(options: { isBusAway?: boolean } = {}) {
  const log = recordingLog();
  const entries = new Map<string, InboxEntry>();
  const handle = webhookHandler({
    bus: {
      async publish() {
        if (options.isBusAway === true) throw new Error('the bus is away');
      },
    },
    inbox: {
      record: async ({ entry }) => void entries.set(entry.id, entry),
    },
    secrets: { get: async () => SECRET },
    clock: { now: () => 60_000, after: () => () => undefined },
    log,
    repositories: { read: async () => undefined },
    httpSources: httpSources(),
    messageSources: new Map(),
    pipelines: { get: async () => undefined, triggers: async () => [] },
    lockedTemplates: async () => NO_TEMPLATES,
  });
  const server = createServer((request, response) => void handle(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    log,
    entries,
    /** As fetch cannot: with a path that is sent as it is. */
    post: (path: string, body: string | Buffer = '{}') =>
      new Promise<number | undefined>((resolve, reject) => {
        const headers = { 'content-type': 'application/json' };
        const sent = rawRequest({ host: '127.0.0.1', port, path, headers, method: 'POST' }, (response) => {
          response.resume();
          resolve(response.statusCode);
        });
        sent.on('error', reject).end(body);
      }),
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}

const push = JSON.stringify({
  push_data: { pushed_at: 1, tag: '1.2.3' },
  repository: { repo_name: 'acme/items-api' },
});

describe('hooks', () => {
  it.each(['/hooks/docker-hub/', '/docker-hub/'])('(%s) keep the secret of the path out of the log', async (path) => {
    await using world = await hooks({ isBusAway: true });
    expect(await world.post(path + SECRET, push)).toBe(503);
    expect(world.log.lines.length).toBeGreaterThan(0);
    expect(JSON.stringify(world.log)).not.toContain(SECRET);
  });

  it.each(['//', '/hooks/docker-hub/%zz', '/hooks/'])('answer %s, which is no hook', async (path) => {
    await using world = await hooks();
    expect(await world.post(path)).toBe(404);
    expect(world.log.lines).toEqual([]);
  });

  it('refuse what is too deep to be walked through, and do not ask for it again', async () => {
    await using world = await hooks();
    const deep = `{"push_data":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
    expect(await world.post(`/hooks/docker-hub/${SECRET}`, deep)).toBe(400);
    expect([...world.entries.values()]).toMatchObject([{ refused: expect.stringContaining('100001 deep') }]);
  });

  it('make one entry of what strangers send, whatever its size', async () => {
    await using world = await hooks();
    for (const more of [1, 2, 3]) {
      const status = await world.post('/hooks/docker-hub/wrong', Buffer.alloc(MAXIMUM_WEBHOOK_BYTES + more));
      expect(status).toBe(413);
    }
    const entries = [...world.entries.values()];
    expect(entries).toMatchObject([{ source: 'docker-hub', refused: expect.stringContaining('at most 2097152') }]);
  });
});
