import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ApiWorld, startApiWorld } from '../../test/support/api-world.ts';
import { executionOf, planOf } from '../../test/support/execution-fixtures.ts';
import type { KnownPerson } from '../people.ts';

const known = (name: string, more: Partial<KnownPerson> = {}): KnownPerson => ({
  name,
  groups: [],
  aliases: [],
  isAdmin: false,
  tokenHash: createHash('sha256').update(`token-of-${name}`).digest('hex'),
  ...more,
});

let world: ApiWorld;
beforeEach(async () => {
  world = await startApiWorld({ people: [known('aki'), known('root', { isAdmin: true })] });
  world.put(executionOf({ id: 'e1' }), planOf());
});
afterEach(() => world.close());

const send = (who: string | undefined, method: string, path: string, body?: object) =>
  world.ask(path, {
    method,
    headers: {
      'content-type': 'application/json',
      ...(who === undefined ? {} : { authorization: `Bearer token-of-${who}` }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });

describe('a person', () => {
  it.each([
    ['POST', '/api/pipelines/items-api/executions', { requestId: 'r-12345678' }],
    ['POST', '/api/executions/e1/restart', {}],
    ['POST', '/api/executions/e1/cancel', {}],
    ['PUT', '/api/pauses/pipeline:items-api', { reason: 'the database moves' }],
  ])('is on record by their own name, whatever they claim: %s %s', async (method, path, body) => {
    for (const who of ['aki', 'root', undefined]) await send(who, method, path, { ...body, by: 'somebody else' });
    const recorded = world.commands.map(({ command }) => (command as { by: string }).by);
    expect(recorded).toEqual(['aki', 'root', 'somebody else']);
  });

  it('that is an admin has events replayed, and lets stages go on, by their own name', async () => {
    const paths = ['/api/events/evt-1/replay', '/api/executions/e1/stages/build/skip'];
    for (const path of paths) {
      const body = { by: 'somebody else', ...(path.endsWith('skip') ? { reason: 'agreed' } : {}) };
      expect((await send('root', 'POST', path, body)).status).toBe(202);
      expect((await send('aki', 'POST', path, body)).status).toBe(403);
    }
    expect(world.commands.map(({ command }) => (command as { by: string }).by)).toEqual(['root', 'root']);
  });

  it.each(['/api/events', '/api/executions', '/api/pipelines', '/api/holds', '/api/catalog'])(
    'reads %s',
    async (path) => {
      expect((await send('aki', 'GET', path)).status).toBe(200);
    },
  );

  it('sees what a run would do, and what an event would start', async () => {
    expect((await send('aki', 'POST', '/api/pipelines/items-api/dry-run', {})).status).toBe(200);
    expect((await send('aki', 'POST', '/api/events/explain', { id: 'gone' })).status).toBe(404);
  });

  it.each([
    ['PUT', '/api/pipelines'],
    ['PUT', '/api/windows/target:jp'],
    ['PUT', '/api/freezes'],
    ['POST', '/api/executions/e1/stages/build/override'],
    ['POST', '/api/executions/e1/stages/build/signals'],
    ['GET', '/api/repositories'],
  ])('that is no admin may not %s %s', async (method, path) => {
    const response = await send('aki', method, path, method === 'GET' ? undefined : {});
    expect(response.status).toBe(403);
    expect(world.commands).toEqual([]);
  });
});
