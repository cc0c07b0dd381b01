import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ApiWorld, startApiWorld } from '../../test/support/api-world.ts';

let world: ApiWorld;
beforeEach(async () => {
  world = await startApiWorld();
});
afterEach(() => world.close());

const send = async (method: string, path: string, body?: unknown) => {
  const response = await world.ask(path, {
    method,
    headers: { 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json() };
};
const registration = { url: 'https://github.com/acme/items', team: 'items' };

describe('the routes of repositories', () => {
  it('hand a registration on with what was left out filled in, and tell why it was refused', async () => {
    const { status, body } = await send('PUT', '/api/repositories/items', registration);
    expect(status).toBe(422);
    expect(body).toEqual({ error: { code: 'invalid-repository', message: 'there is no team "items".' } });
    expect(world.commands).toEqual([
      { name: 'registerRepository', command: { id: 'items', ...registration, branch: 'main', folders: [''] } },
    ]);
  });

  it.each([
    ['a secret that is not meant for repositories', { credentials: 'slack-token' }],
    ['a folder outside', { folders: ['../other'] }],
    ['a folder from the root', { folders: ['/etc'] }],
    ['no folder', { folders: [] }],
    ['a branch that reads as an option', { branch: '--upload-pack=x' }],
    ['a field that there is not', { token: 'x' }],
  ])('refuse %s', async (_, change) => {
    expect((await send('PUT', '/api/repositories/items', { ...registration, ...change })).status).toBe(400);
    expect(world.commands).toEqual([]);
  });

  it('refuse a name that could be no name', async () => {
    expect((await send('PUT', '/api/repositories/Items%2F1', registration)).status).toBe(400);
  });

  it('take a request to sync, and tell which record to wait for', async () => {
    const { status, body } = await send('POST', '/api/repositories/items/sync', { requestId: '1', by: 'aki' });
    expect({ status, body }).toEqual({ status: 202, body: { event: 'manual-1', record: 'sync-items-manual-1' } });
  });

  it('set, list and remove teams', async () => {
    const team = { pipelines: ['items-*'], targets: ['jp'], namespaces: ['items'] };
    expect(await send('PUT', '/api/teams/items', team)).toEqual({
      status: 200,
      body: { change: 'created', team: { name: 'items', ...team } },
    });
    expect((await send('PUT', '/api/teams/items', { targets: ['{a,b}'] })).status).toBe(400);
    expect(await send('GET', '/api/teams')).toEqual({ status: 200, body: { items: [] } });
    expect(await send('DELETE', '/api/teams/items')).toEqual({ status: 200, body: { removed: 'items' } });
  });

  it('are for holders of the token', async () => {
    for (const path of ['/api/repositories', '/api/teams']) {
      expect((await world.ask(path, { headers: { authorization: 'Bearer wrong' } })).status).toBe(401);
    }
  });
});
