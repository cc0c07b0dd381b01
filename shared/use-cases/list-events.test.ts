import { expect, it } from 'vitest';
import type { Inbox, InboxEntry, Verdict } from '../ports/inbox.ts';
import { listEvents } from './list-events.ts';

const started = (pipeline: string): Verdict => ({ is: 'started', pipeline, execution: `${pipeline}-1` });
const filtered = (pipeline: string): Verdict => ({ is: 'filtered', pipeline, trigger: 0, text: 'no' });

function inboxOf(entries: readonly Partial<InboxEntry>[]): Pick<Inbox, 'list'> & { readonly asked: () => number } {
  let asked = 0;
  const all = entries.map((entry, index): InboxEntry => {
    const common = { format: 1, id: `event-${index}`, receivedAt: entries.length - index } as const;
    return { ...common, source: 'docker-hub', text: 'came', verdicts: [], ...entry };
  });
  return {
    asked: () => asked,
    async list({ limit, before = Number.POSITIVE_INFINITY }) {
      asked += 1;
      return all.filter(({ receivedAt }) => receivedAt < before).slice(0, limit);
    },
  };
}
const idsOf = async (...given: Parameters<typeof listEvents>): Promise<string[]> =>
  (await listEvents(...given)).entries.map(({ id }) => id);

it('finds by pipeline, source and verdict, all of which must fit the same verdict', async () => {
  const inbox = inboxOf([
    { verdicts: [started('a'), filtered('b')] },
    { verdicts: [filtered('a')], source: 'github' },
    { refused: 'the signature does not fit' },
    {},
  ]);
  expect(await idsOf(inbox, { limit: 10 })).toHaveLength(4);
  expect(await idsOf(inbox, { limit: 10, pipeline: 'a' })).toEqual(['event-0', 'event-1']);
  expect(await idsOf(inbox, { limit: 10, pipeline: 'b', verdict: 'started' })).toEqual([]);
  expect(await idsOf(inbox, { limit: 10, verdict: 'filtered', source: 'github' })).toEqual(['event-1']);
  expect(await idsOf(inbox, { limit: 10, verdict: 'refused' })).toEqual(['event-2']);
  expect(await idsOf(inbox, { limit: 10, verdict: 'none' })).toEqual(['event-3']);
});

it('goes on through pages for what is rare, and says how far back it looked where it gave up', async () => {
  const many = Array.from({ length: 900 }, () => ({ verdicts: [filtered('a')] }));
  const rare = inboxOf([...many, { verdicts: [started('a')] }]);
  expect(await listEvents(rare, { limit: 1, verdict: 'started' })).toEqual({
    entries: [expect.objectContaining({ id: 'event-900' })],
    seenBackTo: 1,
  });
  const endless = inboxOf(Array.from({ length: 7_000 }, () => ({ verdicts: [filtered('a')] })));
  expect(await listEvents(endless, { limit: 1, verdict: 'started' })).toEqual({ entries: [], seenBackTo: 2_001 });
  expect(endless.asked()).toBe(25);
});
