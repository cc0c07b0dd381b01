import { describe, expect, it } from 'vitest';
import { manualClock, recordingLog, START } from '../../test/support/execution-fixtures.ts';
import type { InboxEntry } from '../ports/inbox.ts';
import { taking } from './deliveries.ts';
import { PoisonMessage } from './messages.ts';

const DELIVERY = { data: 'x'.repeat(5_000), attributes: {}, messageId: 'm1', subscription: 'advance-execution' };

function world(inboxIsAway = false) {
  const entries: InboxEntry[] = [];
  const log = recordingLog();
  const inbox = {
    record: async ({ entry }: { entry: InboxEntry }) => {
      if (inboxIsAway) throw new Error('the inbox is away');
      entries.push(entry);
    },
    get: async () => undefined,
    list: async () => entries,
  };
  return { entries, log, ports: { inbox, clock: manualClock(), log } };
}

describe('a delivery', () => {
  it.each(['done', 'later'] as const)('is answered as its handler says: %s', async (answer) => {
    const { ports, log } = world();
    expect(await taking(ports, async () => answer)(DELIVERY)).toBe(answer);
    expect(log.lines).toEqual([]);
  });

  it('that fails comes again, and the log says why', async () => {
    const { ports, log, entries } = world();
    const error = new Error('the store is away');
    expect(await taking(ports, () => Promise.reject(error))(DELIVERY)).toBe('later');
    expect(log.lines).toMatchObject([
      { severity: 'WARNING', fields: { subscription: 'advance-execution', messageId: 'm1', error } },
    ]);
    expect(entries).toEqual([]);
  });

  it('that can never be processed is recorded, in part where it is long, and done', async () => {
    const { ports, log, entries } = world();
    const error = new PoisonMessage('the message is not JSON');
    expect(await taking(ports, () => Promise.reject(error))(DELIVERY)).toBe('done');
    expect(entries).toMatchObject([
      {
        id: 'poison-m1',
        receivedAt: START,
        source: 'advance-execution',
        refused: 'the message is not JSON',
        verdicts: [],
      },
    ]);
    expect(entries[0]?.text.length).toBeLessThan(2_100);
    expect(log.lines).toMatchObject([{ severity: 'ERROR', fields: { messageId: 'm1' } }]);
  });

  it('that can never be processed is not done before it is recorded', async () => {
    const { ports } = world(true);
    const take = taking(ports, () => Promise.reject(new PoisonMessage('the message is not JSON')));
    await expect(take(DELIVERY)).rejects.toThrow('the inbox is away');
  });
});
