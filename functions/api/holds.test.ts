import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HoldService } from '../../shared/use-cases/holds/service.ts';
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
const unused = async (): Promise<never> => {
  throw new Error('a test used what it does not give');
};
const NO_HOLDING: HoldService = {
  read: unused,
  setWindows: unused,
  addFreeze: unused,
  setFreezes: unused,
  liftFreeze: unused,
  pause: unused,
  resume: unused,
  override: unused,
  skip: unused,
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

  it('take the freezes of a file', async () => {
    const freezes = [{ name: 'golden-week', reason: 'holidays', until: '2027-05-06T00:00:00+09:00' }];
    expect((await send('PUT', '/api/freezes', { freezes, by: 'ci' })).status).toBe(200);
    const until = Date.parse('2027-05-05T15:00:00Z');
    expect(world.commands).toEqual([
      {
        name: 'freezes',
        command: { freezes: [{ id: 'golden-week', scope: 'all', reason: 'holidays', until }], by: 'ci' },
      },
    ]);
  });

  it('say what is not there', async () => {
    const text = 'There is no target jpp; did you mean "jp"?';
    await world.close();
    world = await startApiWorld({ holds: { ...NO_HOLDING, pause: async () => ({ is: 'unknown', text }) } });
    expect(await send('PUT', '/api/pauses/target:jpp', WHO)).toMatchObject({
      status: 404,
      body: { error: { code: 'not-found', message: text } },
    });
  });

  it.each([
    ['PUT', '/api/freezes', { freezes: [{ name: 'A b', reason: 'x' }] }, 400],
    ['PUT', '/api/freezes', { freezes: [{ name: 'a', reason: 'x', until: '2027-05-06' }] }, 400],
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
