import { describe, expect, it } from 'vitest';
import { windowsSchema } from '../pipeline/windows-schema.ts';
import { describeWindow, isOpen, nextOpening } from './windows.ts';

const at = (iso: string) => Date.parse(iso);
const windows = (...given: readonly object[]) => windowsSchema.parse(given);
const office = windows({ hours: '10:00-17:00', timezone: 'Asia/Tokyo', except: ['2026-03-03'] });
const night = windows({ days: ['fri'], hours: '22:00-02:00', timezone: 'America/New_York' });

describe('a window', () => {
  it.each([
    ['Monday 10:00 in Tokyo', office, '2026-03-02T01:00:00Z', true],
    ['Monday 09:59', office, '2026-03-02T00:59:00Z', false],
    ['Monday 17:00', office, '2026-03-02T08:00:00Z', false],
    ['a day that is excepted', office, '2026-03-03T02:00:00Z', false],
    ['Sunday', office, '2026-03-01T02:00:00Z', false],
    ['Friday 23:00 in New York', night, '2026-03-07T04:00:00Z', true],
    ['Saturday 01:00 there, still of Friday', night, '2026-03-07T06:00:00Z', true],
    ['Friday 01:00 there, of Thursday', night, '2026-03-06T06:00:00Z', false],
  ])('at %s', (_, given, instant, expected) => {
    expect(isOpen(given, at(instant))).toBe(expected);
  });

  it.each([
    [office, '2026-03-02T08:00:00Z', '2026-03-04T01:00:00.000Z'],
    [office, '2026-03-02T02:00:00Z', '2026-03-04T01:00:00.000Z'],
    [night, '2026-03-02T00:00:00Z', '2026-03-07T03:00:00.000Z'],
    [[...office, ...night], '2026-03-06T09:00:00Z', '2026-03-07T03:00:00.000Z'],
  ])('opens next', (given, instant, expected) => {
    expect(new Date(nextOpening(given, at(instant)) ?? 0).toISOString()).toBe(expected);
  });

  it('that begins in an hour that is skipped opens at the change', () => {
    const early = windows({ days: ['sun'], hours: '02:30-04:00', timezone: 'America/New_York' });
    expect(nextOpening(early, at('2026-03-08T00:00:00Z'))).toBe(at('2026-03-08T07:00:00Z'));
    expect(isOpen(early, at('2026-03-08T07:30:00Z'))).toBe(true);
    expect(isOpen(early, at('2026-03-08T08:00:00Z'))).toBe(false);
  });

  it('is described in few words', () => {
    expect([...office, ...night].map(describeWindow)).toEqual([
      'Mon-Fri 10:00-17:00 Asia/Tokyo',
      'Fri 22:00-02:00 America/New_York',
    ]);
    expect(windows({ days: ['sun', 'mon'], hours: '00:00-24:00' }).map(describeWindow)).toEqual([
      'Mon, Sun 00:00-24:00 UTC',
    ]);
  });

  it.each([
    [{ hours: '10-17' }, 'must be two times of the day, as in 10:00-17:00'],
    [{ hours: '10:00-17:00', timezone: 'Asia/Tokio' }, 'must be the name of a time zone, as in Asia/Tokyo'],
    [{ hours: '10:00-17:00', timezone: '+09:00' }, 'must be the name of a time zone'],
    [{ hours: '10:00-17:00', except: ['2026-02-30x'] }, 'must be a date, as in 2026-12-31'],
    [{ hours: '10:00-17:00', days: [] }, 'expected array to have >=1 items'],
  ])('%o is refused', (given, message) => {
    const result = windowsSchema.safeParse([given]);
    expect(result.error?.issues.map((issue) => issue.message).join()).toContain(message);
  });
});
