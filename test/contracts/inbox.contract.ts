/** What an Inbox must do: keep what arrived under its id, and list the newest first. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Inbox, InboxEntry } from '../../shared/ports/inbox.ts';
import { farFuture, type MakeAdapter, unique } from './samples.ts';

function arrived(id: string, change: Partial<InboxEntry> = {}): InboxEntry {
  return {
    format: 1,
    id,
    receivedAt: 1_700_000_000_000,
    source: 'docker-distribution',
    text: 'image items-api:1.2.3 pushed',
    verdicts: [],
    ...change,
  };
}

export function describeInbox(name: string, makeAdapter: MakeAdapter<Inbox>): void {
  describe(`${name}: Inbox`, () => {
    let inbox: Inbox;
    let close: () => Promise<void>;
    beforeAll(async () => {
      ({ adapter: inbox, close } = await makeAdapter());
    });
    afterAll(() => close());

    it('has nothing under an id that did not arrive', async () => {
      expect(await inbox.get({ id: unique('absent') })).toBeUndefined();
    });

    it('keeps an entry and replaces it', async () => {
      const id = `${unique('delivery')}/with:marks`;
      const first = arrived(id, { event: { repository: 'acme.dev/items', tags: ['1.2.3'], size: null } });
      await inbox.record({ entry: first });
      expect(await inbox.get({ id })).toEqual(first);
      const second = arrived(id, {
        verdicts: [
          { is: 'started', pipeline: 'items-api', execution: 'items-api-1' },
          { is: 'filtered', pipeline: 'likes-api', trigger: 0, text: 'The tag is not wanted.' },
        ],
      });
      await inbox.record({ entry: second });
      expect(await inbox.get({ id })).toEqual(second);
    });

    it('replaces only the entry that was read', async () => {
      const id = unique('merged');
      const first = arrived(id, { changes: ['syncs items'] });
      expect(await inbox.read({ id })).toBeUndefined();
      expect(await inbox.replace({ entry: first, expected: 'absent' })).toBe('recorded');
      expect(await inbox.replace({ entry: arrived(id), expected: 'absent' })).toBe('conflict');
      const found = await inbox.read({ id });
      expect(found?.value).toEqual(first);
      const second = arrived(id, { text: 'again', receivedAt: first.receivedAt + 1 });
      const expected = found?.version ?? 'absent';
      expect(await inbox.replace({ entry: second, expected })).toBe('recorded');
      expect(await inbox.replace({ entry: arrived(id, { text: 'late' }), expected })).toBe('conflict');
      expect(await inbox.get({ id })).toEqual(second);
      // What is written without a condition is another entry too.
      const third = await inbox.read({ id });
      await inbox.record({ entry: first });
      const late = { entry: arrived(id, { text: 'late' }), expected: third?.version ?? 'absent' };
      expect(await inbox.replace(late)).toBe('conflict');
      expect(await inbox.get({ id })).toEqual(first);
    });

    it('lets exactly one of many at once replace an entry', async () => {
      const id = unique('contended');
      await inbox.record({ entry: arrived(id) });
      const expected = (await inbox.read({ id }))?.version ?? 'absent';
      const results = await Promise.all(
        [1, 2, 3, 4, 5].map((number) => inbox.replace({ entry: arrived(id, { text: `${number}` }), expected })),
      );
      expect(results.filter((result) => result === 'recorded')).toHaveLength(1);
    });

    it('keeps what was refused', async () => {
      const entry = arrived(unique('refused'), { refused: 'The signature does not match.' });
      await inbox.record({ entry });
      expect(await inbox.get({ id: entry.id })).toEqual(entry);
    });

    it('lists the newest first, page by page', async () => {
      const prefix = unique('list');
      const base = farFuture();
      for (const offset of [2, 4, 1, 3]) {
        await inbox.record({ entry: arrived(`${prefix}-${offset}`, { receivedAt: base + offset }) });
      }
      const page = await inbox.list({ limit: 2, before: base + 5 });
      expect(page.map(({ id }) => id)).toEqual([`${prefix}-4`, `${prefix}-3`]);
      const next = await inbox.list({ limit: 2, before: base + 3 });
      expect(next.map(({ id }) => id)).toEqual([`${prefix}-2`, `${prefix}-1`]);
      expect((await inbox.list({ limit: 1 })).length).toBe(1);
    });
  });
}
