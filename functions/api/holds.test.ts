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
const WHO = { by: 'aki', reason: 'the database moves' };

describe('the routes of windows, freezes and pauses', () => {
  it('show what is held', async () => {
    expect(await send('GET', '/api/holds')).toEqual({ status: 200, body: { windows: {}, freezes: [], pauses: [] } });
  });

  it('hand windows on with what was left out filled in', async () => {
    const windows = [{ hours: '10:00-17:00', timezone: 'Asia/Tokyo' }];
    expect((await send('PUT', '/api/windows/target:jp', { windows, by: 'aki' })).status).toBe(200);
    const days = ['mon', 'tue', 'wed', 'thu', 'fri'];
    expect(world.commands).toEqual([
      {
        name: 'windows',
        command: { scope: 'target:jp', windows: [{ ...windows[0], days, except: [] }], by: 'aki' },
      },
    ]);
  });

  it('take times with their zone', async () => {
    const freeze = { ...WHO, scope: 'all', until: '2027-05-06T00:00:00+09:00' };
    expect((await send('PUT', '/api/freezes/golden-week', freeze)).status).toBe(200);
    const until = Date.parse('2027-05-05T15:00:00Z');
    expect(world.commands).toEqual([{ name: 'freeze', command: { ...freeze, id: 'golden-week', until } }]);
  });

  it.each([
    ['PUT', '/api/windows/all', { windows: [] }, 400],
    ['PUT', '/api/windows/target:jp', { windows: [{ hours: '10-17' }] }, 400],
    ['PUT', '/api/freezes/week', { ...WHO, scope: 'execution:1' }, 400],
    ['PUT', '/api/freezes/week', { ...WHO, scope: 'all', until: '2027-05-06' }, 400],
    ['PUT', '/api/freezes/week', { scope: 'all', by: 'aki' }, 400],
    ['PUT', '/api/pauses/team:items', WHO, 400],
    ['PUT', '/api/pauses/pipeline:items-api', { by: 'aki' }, 400],
    ['POST', '/api/freezes/gone/lift', {}, 404],
    ['POST', '/api/executions/none/stages/a/skip', WHO, 404],
  ])('%s %s with %o is refused', async (method, path, body, status) => {
    expect((await send(method, path, body)).status).toBe(status);
  });

  it.each([
    ['pipeline:items-api', 200],
    ['trigger:items-api/0', 200],
    ['execution:abc', 200],
    ['target:jp', 200],
  ])('pause %s', async (scope, status) => {
    expect((await send('PUT', `/api/pauses/${encodeURIComponent(scope)}`, WHO)).status).toBe(status);
    expect(world.commands).toEqual([{ name: 'pause', command: { ...WHO, scope } }]);
  });
});
