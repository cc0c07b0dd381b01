import { describe, expect, it } from 'vitest';
import { BadCron, nextFiring, parseCron } from './cron.ts';
import { firstInstantOf, wallOf } from './zone.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const at = (iso: string) => Date.parse(iso);

/** The firings after `from` and up to `to`, as ISO texts. */
function firings(expression: string, zone: string, from: string, to: string): string[] {
  const cron = parseCron(expression);
  const found: string[] = [];
  for (let next = nextFiring(cron, zone, at(from)); next <= at(to); next = nextFiring(cron, zone, next)) {
    found.push(new Date(next).toISOString().replace('.000Z', 'Z'));
    if (found.length > 10_000) throw new Error('too many firings');
  }
  return found;
}

describe('a cron expression', () => {
  it.each([
    ['0 10 * * 1-5', '2026-03-06T10:00:00Z', ['2026-03-09T10:00:00Z', '2026-03-10T10:00:00Z']],
    ['0 10 * * MON-FRI', '2026-03-06T10:00:00Z', ['2026-03-09T10:00:00Z', '2026-03-10T10:00:00Z']],
    ['30 0 10 * * 1', '2026-03-06T10:00:00Z', ['2026-03-09T10:00:30Z']],
    [
      '5/25 23 10 3 *',
      '2026-03-06T10:00:00Z',
      ['2026-03-10T23:05:00Z', '2026-03-10T23:30:00Z', '2026-03-10T23:55:00Z'],
    ],
    ['0 0 13 * 5', '2026-03-05T12:00:00Z', ['2026-03-06T00:00:00Z']],
    ['0 0 * * 7', '2026-03-06T00:00:00Z', ['2026-03-08T00:00:00Z']],
    ['@daily', '2026-03-08T01:00:00Z', ['2026-03-09T00:00:00Z', '2026-03-10T00:00:00Z']],
  ])('%s after %s', (expression, from, expected) => {
    expect(firings(expression, 'UTC', from, '2026-03-11T00:00:00Z').slice(0, expected.length)).toEqual(expected);
  });

  it('waits years for 29 February', () => {
    expect(new Date(nextFiring(parseCron('0 0 29 2 *'), 'UTC', at('2026-01-01T00:00:00Z'))).toISOString()).toBe(
      '2028-02-29T00:00:00.000Z',
    );
  });

  it.each([
    ['* * * *', /five fields .* not 4/],
    ['60 * * * *', /"60" is no minute: it is from 0 to 59/],
    ['* * * * mo', /"mo" is no day of the week/],
    ['*/0 * * * *', /step 0 for the minute/],
    ['5-1 * * * *', /goes backwards/],
    ['0 0 30 2 *', /a day that never comes/],
    ['@often', /"@often" is no name of a schedule; there are @yearly/],
    ['x'.repeat(201), /more than 200 characters/],
    ['* '.repeat(90), /five fields/],
    ['1,,2 * * * *', /"" is no minute/],
  ])('%s is refused', (expression, message) => {
    expect(() => parseCron(expression)).toThrow(BadCron);
    expect(() => parseCron(expression)).toThrow(message);
  });
});

describe('a clock change', () => {
  it.each([
    // New York skips from 02:00 to 03:00 on 8 March 2026, at 07:00 UTC, and repeats 01:00 to 02:00 on 1 November.
    ['30 2 * * *', 'America/New_York', '2026-03-08T05:00:00Z', '2026-03-08T12:00:00Z', ['2026-03-08T07:00:00Z']],
    ['0,30 2 * * *', 'America/New_York', '2026-03-08T05:00:00Z', '2026-03-08T12:00:00Z', ['2026-03-08T07:00:00Z']],
    ['30 1 * * *', 'America/New_York', '2026-11-01T04:00:00Z', '2026-11-01T12:00:00Z', ['2026-11-01T05:30:00Z']],
    [
      '0 * * * *',
      'America/New_York',
      '2026-11-01T04:30:00Z',
      '2026-11-01T07:30:00Z',
      ['2026-11-01T05:00:00Z', '2026-11-01T06:00:00Z', '2026-11-01T07:00:00Z'],
    ],
    [
      '0 * * * *',
      'America/New_York',
      '2026-03-08T05:30:00Z',
      '2026-03-08T08:30:00Z',
      ['2026-03-08T06:00:00Z', '2026-03-08T07:00:00Z', '2026-03-08T08:00:00Z'],
    ],
    // London skips from 01:00 to 02:00 on 29 March 2026 and repeats the hour on 25 October.
    ['15 1 * * *', 'Europe/London', '2026-03-28T23:00:00Z', '2026-03-29T12:00:00Z', ['2026-03-29T01:00:00Z']],
    ['15 1 * * *', 'Europe/London', '2026-10-24T23:00:00Z', '2026-10-25T12:00:00Z', ['2026-10-25T00:15:00Z']],
    // Lord Howe moves by half an hour: 02:00 to 02:30 is skipped on 4 October 2026, 01:30 to 02:00 repeated on 5 April.
    ['10 2 * * *', 'Australia/Lord_Howe', '2026-10-03T12:00:00Z', '2026-10-04T00:00:00Z', ['2026-10-03T15:30:00Z']],
    ['45 1 * * *', 'Australia/Lord_Howe', '2026-04-04T12:00:00Z', '2026-04-05T00:00:00Z', ['2026-04-04T14:45:00Z']],
    [
      '45 * * * *',
      'Australia/Lord_Howe',
      '2026-04-04T14:00:00Z',
      '2026-04-04T16:30:00Z',
      ['2026-04-04T14:45:00Z', '2026-04-04T15:15:00Z', '2026-04-04T16:15:00Z'],
    ],
  ])('%s in %s', (expression, zone, from, to, expected) => {
    expect(firings(expression, zone, from, to)).toEqual(expected);
  });

  /** What a year must have: for each local day the time once, wherever the search begins. */
  it.each(['Asia/Tokyo', 'America/New_York', 'Europe/London', 'Australia/Lord_Howe'])(
    'each local day of a year in %s has each of its times once',
    (zone) => {
      for (const [expression, times] of [
        ['30 2 * * *', 1],
        ['45 1 * * *', 1],
        ['10,50 0-3 * * *', 8],
      ] as const) {
        const found = firings(expression, zone, '2025-12-31T00:00:00Z', '2027-01-02T00:00:00Z').map(at);
        expect(found).toEqual([...new Set(found)].sort((a, b) => a - b));
        const perDay = new Map<number, number>();
        for (const one of found) {
          const day = Math.floor(wallOf(zone, one) / DAY_MS);
          perDay.set(day, (perDay.get(day) ?? 0) + 1);
        }
        const first = Date.UTC(2026, 0, 1) / DAY_MS;
        for (let day = first; day < first + 365; day += 1) {
          const count = perDay.get(day) ?? 0;
          // Times that are skipped are due together, so that day has fewer; no day has more.
          const isChanged = firstInstantOf(zone, (day + 1) * DAY_MS) - firstInstantOf(zone, day * DAY_MS) !== DAY_MS;
          if (times === 1 || !isChanged) expect([zone, expression, day, count]).toEqual([zone, expression, day, times]);
          else expect(count).toBeLessThanOrEqual(times);
        }
      }
    },
  );

  it('the next firing does not depend on from where it was looked for', () => {
    const cron = parseCron('10,40 */1 * * *');
    for (const zone of ['America/New_York', 'Australia/Lord_Howe']) {
      const from = at(zone === 'America/New_York' ? '2026-11-01T03:00:00Z' : '2026-04-04T13:00:00Z');
      for (let start = from; start < from + 5 * 60 * 60_000; start += 7 * 60_000) {
        const next = nextFiring(cron, zone, start);
        expect(nextFiring(cron, zone, next - 1)).toBe(next);
        expect(nextFiring(cron, zone, next - 1000)).toBe(next);
      }
    }
  });
});
