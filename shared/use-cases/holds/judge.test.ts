import { describe, expect, it } from 'vitest';
import { WEEKDAYS, type Window } from '../../calendar/windows.ts';
import { type Holds, NO_HOLDS } from '../../ports/holds.ts';
import { type Beginner, isHeldThroughout } from './judge.ts';

const MINUTE = 60_000;
const NOON = Date.parse('2026-05-01T12:00:00Z');
const WHO = { by: 'aki', reason: 'the database moves' };
/** A worker that found the stage held was the last to tell; another was lost since. */
const SPAN = { since: NOON, now: NOON + 10 * MINUTE };

const beginner: Beginner = {
  execution: 'e1',
  stage: 'release',
  pipeline: 'items-api',
  team: 'items',
  target: 'jp',
  isFirst: true,
  windows: [],
};
const open = (hours: string): Window => ({ days: WEEKDAYS, hours, timezone: 'UTC', except: [] });
const freeze = { id: 'week', scope: 'all', at: NOON - MINUTE, ...WHO } as const;
const pause = { scope: 'target:jp', at: NOON - MINUTE, ...WHO } as const;

const isHeld = (holds: Partial<Holds>, windows: readonly Window[] = [], isOverridden = false) =>
  isHeldThroughout({ ...NO_HOLDS, ...holds }, { ...beginner, windows }, SPAN, isOverridden);

describe('a stage was held throughout', () => {
  it.each([
    ['a pause', { pauses: [pause] }, []],
    ['a freeze', { freezes: [freeze] }, []],
    ['the windows of its pipeline', {}, [open('13:00-14:00')]],
    ['the windows of its target', { windows: { 'target:jp': [open('13:00-14:00'), open('12:11-14:00')] } }, []],
  ])('by %s that was there before and is there still', (_, holds, windows) => {
    expect(isHeld(holds, windows)).toBe(true);
  });

  it.each([
    ['a pause that was made since', { pauses: [{ ...pause, at: NOON + MINUTE }] }, []],
    ['a freeze that was made since', { freezes: [{ ...freeze, at: NOON + MINUTE }] }, []],
    ['a freeze that was to begin since', { freezes: [{ ...freeze, from: NOON + MINUTE }] }, []],
    ['a freeze that ended since', { freezes: [{ ...freeze, until: NOON + MINUTE }] }, []],
    ['windows that opened and closed again since', {}, [open('12:02-12:04')]],
    [
      'windows that were set since',
      { windows: { 'target:jp': [open('13:00-14:00')] }, windowsSetAt: { 'target:jp': NOON + MINUTE } },
      [],
    ],
    [
      'closed windows and then a pause, between which it could begin',
      { pauses: [{ ...pause, at: NOON + 5 * MINUTE }] },
      [open('12:02-14:00')],
    ],
  ])('not by %s', (_, holds, windows) => {
    expect(isHeld(holds, windows)).toBe(false);
  });

  it('by a pause alone where a person let it begin in spite of the rest', () => {
    expect(isHeld({ freezes: [freeze] }, [open('13:00-14:00')], true)).toBe(false);
    expect(isHeld({ pauses: [pause] }, [], true)).toBe(true);
  });
});
