/** What Cells must do: a document that only the one who read it last can change. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Cells, ListedCells, Lock, NotificationState } from '../../shared/ports/cells.ts';
import { type MakeAdapter, unique } from './samples.ts';

const WRITERS = 20;
const ALL = 100;

const LOCKS: readonly [Lock, Lock, Lock] = [
  { format: 1, turn: 1, holder: { execution: 'items-api-1', stage: 'release-jp', attempt: 2 } },
  { format: 1, turn: 1 },
  { format: 1, turn: 2, holder: { execution: 'items-api-2', stage: 'release-jp', attempt: 1 } },
];

const NOTIFICATION_STATES: readonly [NotificationState, NotificationState, NotificationState] = [
  { format: 1, revision: 0, tries: 1, claim: { by: 'worker-1', until: 1_700_000_060_000 }, details: [] },
  { format: 1, revision: 4, tries: 1, posted: { channel: 'C024BE91L', ts: '1700000000.000200' }, details: [3] },
  { format: 1, revision: 6, tries: 2, posted: { channel: 'C024BE91L', ts: '1700000000.000200' }, details: [3, 5] },
];

export function describeLocks(name: string, makeAdapter: MakeAdapter<Cells<Lock>>): void {
  describeCells(`${name}: Cells of locks`, LOCKS, makeAdapter);
}

export function describeNotificationStates(name: string, makeAdapter: MakeAdapter<Cells<NotificationState>>): void {
  describeCells(`${name}: Cells of notification states`, NOTIFICATION_STATES, makeAdapter);
}

/** What ListedCells must do besides. */
export function describeListedCells<T extends object>(
  name: string,
  [first, second]: readonly [T, T],
  makeAdapter: MakeAdapter<ListedCells<T>>,
): void {
  describe(`${name}: cells that are listed`, () => {
    let cells: ListedCells<T>;
    let close: () => Promise<void>;
    beforeAll(async () => {
      ({ adapter: cells, close } = await makeAdapter());
    });
    afterAll(() => close());

    const put = async (key: string, value: T) => {
      const version = await cells.write({ key, value, expected: 'absent' });
      if (version === 'conflict') throw new Error(`the key ${key} is not new`);
      return version;
    };

    it('come in the order of their keys, page by page', async () => {
      const id = unique('page');
      const keys = [`${id}-B`, `${id}-a`, `${id}-a/b`, `${id}-é`, `${id}-\u{1F600}`];
      for (const key of keys.toReversed()) await put(key, first);
      const written = await cells.write({
        key: `${id}-a`,
        value: second,
        expected: (await cells.read({ key: `${id}-a` }))?.version ?? 'absent',
      });

      const whole = (await cells.list({ limit: ALL, after: id })).filter(({ key }) => key.startsWith(id));
      expect(whole.map(({ key }) => key)).toEqual(keys);
      expect(whole[1]).toEqual({ key: `${id}-a`, value: second, version: written });

      const [one, two] = await cells.list({ limit: 2, after: `${id}-a` });
      expect([one?.key, two?.key]).toEqual([`${id}-a/b`, `${id}-é`]);
      expect((await cells.list({ limit: 1 })).length).toBe(1);
    });

    it('are deleted on the version that was read, and are new again after that', async () => {
      const key = unique('deleted');
      const created = await put(key, first);
      const changed = await cells.write({ key, value: second, expected: created });
      expect(changed).not.toBe('conflict');

      expect(await cells.delete({ key, expected: created })).toBe('conflict');
      expect((await cells.read({ key }))?.value).toEqual(second);

      expect(await cells.delete({ key, expected: changed })).toBe('deleted');
      expect(await cells.read({ key })).toBeUndefined();
      expect(await cells.list({ limit: ALL, after: key })).not.toContainEqual(expect.objectContaining({ key }));
      expect(await cells.delete({ key, expected: changed })).toBe('deleted');
      expect(await cells.write({ key, value: second, expected: changed })).toBe('conflict');
      expect(await cells.write({ key, value: first, expected: 'absent' })).not.toBe('conflict');
    });
  });
}

function describeCells<T>(
  title: string,
  [first, second, third]: readonly [T, T, T],
  makeAdapter: MakeAdapter<Cells<T>>,
): void {
  describe(title, () => {
    let cells: Cells<T>;
    let close: () => Promise<void>;
    beforeAll(async () => {
      ({ adapter: cells, close } = await makeAdapter());
    });
    afterAll(() => close());

    it('has nothing where nothing was written', async () => {
      expect(await cells.read({ key: unique('absent') })).toBeUndefined();
    });

    it('is written on each version once', async () => {
      const key = unique('cell');
      const created = await cells.write({ key, value: first, expected: 'absent' });
      expect(created).not.toBe('conflict');
      expect(await cells.read({ key })).toEqual({ value: first, version: created });

      const changed = await cells.write({ key, value: second, expected: created });
      expect(changed).not.toBe('conflict');
      expect(await cells.write({ key, value: third, expected: created })).toBe('conflict');
      expect(await cells.write({ key, value: third, expected: 'absent' })).toBe('conflict');
      expect(await cells.read({ key })).toEqual({ value: second, version: changed });

      expect(await cells.write({ key, value: third, expected: changed })).not.toBe('conflict');
      expect((await cells.read({ key }))?.value).toEqual(third);
    });

    it('is not changed where there is none', async () => {
      const [key, other] = [unique('missing'), unique('other')];
      const version = await cells.write({ key: other, value: first, expected: 'absent' });
      expect(await cells.write({ key, value: second, expected: version })).toBe('conflict');
      expect(await cells.read({ key })).toBeUndefined();
    });

    it('keeps keys apart whatever characters they have', async () => {
      const id = unique('key');
      const keys = [`${id}/jp/items-api`, `${id}%2Fjp/items-api`, `${id}/jp`, `${id}#é ✓`];
      for (const key of keys) expect(await cells.write({ key, value: first, expected: 'absent' })).not.toBe('conflict');
      expect(await cells.read({ key: `${id}/jp/items` })).toBeUndefined();
    });

    it(`lets one of ${WRITERS} writers at once win`, async () => {
      const key = unique('contended');
      for (const value of [first, second, third]) {
        const expected = (await cells.read({ key }))?.version ?? 'absent';
        const results = await Promise.all(Array.from({ length: WRITERS }, () => cells.write({ key, value, expected })));
        expect(results.filter((result) => result !== 'conflict')).toHaveLength(1);
        expect((await cells.read({ key }))?.value).toEqual(value);
      }
    });
  });
}
