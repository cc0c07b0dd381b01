import { afterEach, describe, expect, it } from 'vitest';
import type { InboxEntry } from '../../shared/ports/inbox.ts';
import { type ApiWorld, startApiWorld } from '../../test/support/api-world.ts';
import type { ServeApiOptions } from '../serve-api.ts';

let world: ApiWorld;
afterEach(() => world.close());

const pushed = {
  id: 'docker-hub-1',
  type: 'image-pushed',
  source: 'docker-hub',
  at: 1,
  text: 'image items-api:1.0 pushed',
  image: { repository: 'registry.example.com/items-api', tag: '1.0' },
};
const entry = (change: Partial<InboxEntry> = {}): InboxEntry => ({
  format: 1,
  id: pushed.id,
  receivedAt: 1_700_000_000_000,
  source: 'docker-hub',
  text: pushed.text,
  event: pushed,
  verdicts: [],
  ...change,
});
const post = (path: string, body: unknown): Promise<Response> =>
  world.ask(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
const codeOf = async (response: Response): Promise<string> =>
  ((await response.json()) as { error: { code: string } }).error.code;
async function start(more: Partial<ServeApiOptions> = {}, ...entries: readonly InboxEntry[]): Promise<void> {
  world = await startApiWorld(more);
  world.entries.push(...entries);
}

describe('the events of the API', () => {
  it('are narrowed, and a verdict that there is not is refused', async () => {
    await start({}, entry(), entry({ id: 'refused-1', refused: 'no signature', source: 'github' }));
    const found = (await (await world.ask('/api/events?verdict=refused')).json()) as { items: { id: string }[] };
    expect(found.items.map(({ id }) => id)).toEqual(['refused-1']);
    expect((await world.ask('/api/events?verdict=refusd')).status).toBe(400);
  });

  it('tell times as people read them', async () => {
    await start({}, entry({ repeats: { times: 2, lastAt: 1_700_000_001_000 } }));
    expect(await (await world.ask(`/api/events/${pushed.id}`)).json()).toMatchObject({
      receivedAt: '2023-11-14T22:13:20.000Z',
      repeats: { times: 2, lastAt: '2023-11-14T22:13:21.000Z' },
    });
  });

  it('are explained, those of the inbox and others', async () => {
    await start({}, entry(), entry({ id: 'refused-1', event: { any: 'thing' }, refused: 'no signature' }));
    expect((await post('/api/events/explain', { id: pushed.id, pipeline: 'items-api' })).status).toBe(200);
    expect((await post('/api/events/explain', { event: { ...pushed, id: 'docker-hub-2' } })).status).toBe(200);
    expect(world.commands.map(({ command }) => command)).toEqual([
      { event: pushed, pipeline: 'items-api' },
      { event: { ...pushed, id: 'docker-hub-2' }, pipeline: undefined },
    ]);
    const refused = await post('/api/events/explain', { id: 'refused-1' });
    expect([refused.status, await codeOf(refused)]).toEqual([409, 'no-event']);
    expect((await post('/api/events/explain', { id: 'nowhere' })).status).toBe(404);
    expect((await post('/api/events/explain', { event: { ...pushed, type: 'image-pusht' } })).status).toBe(400);
  });

  it('are replayed in the name of whoever asks, or refused with the reason', async () => {
    await start({}, entry());
    const replayed = await post(`/api/events/${pushed.id}/replay`, { by: 'Aki' });
    expect([replayed.status, await replayed.json()]).toEqual([202, { event: 'replay-1', isMasked: false }]);
    expect(world.commands).toEqual([{ name: 'replay', command: { id: pushed.id, by: 'Aki' } }]);
    await world.close();
    await start({ replayEvent: async () => ({ is: 'not-replayable', text: 'no signature' }) }, entry());
    const refused = await post(`/api/events/${pushed.id}/replay`, {});
    expect([refused.status, await codeOf(refused)]).toEqual([409, 'not-replayable']);
    await world.close();
    await start({ replayEvent: async () => ({ is: 'unknown' }) });
    expect((await post('/api/events/nowhere/replay', {})).status).toBe(404);
  });
});

describe('a start by hand', () => {
  it('with wrong inputs is answered with all that is wrong', async () => {
    const problems = ['inputs.size must be a number, not text', 'images.app is not an image'];
    await start({ requestRun: async () => ({ is: 'wrong', problems }) });
    const refused = await post('/api/pipelines/items-api/executions', { requestId: 'r1' });
    expect(refused.status).toBe(422);
    expect(await refused.json()).toMatchObject({
      error: {
        code: 'invalid-run',
        message: [...problems, 'Nothing was started.'].join('\n'),
        problems: [{ path: 'inputs.size' }, { path: 'images.app' }],
      },
    });
  });
});
