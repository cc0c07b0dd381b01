import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { pause } from '../../shared/use-cases/engine.ts';
import { VirtualTime } from './time.ts';

const START = Date.parse('2026-05-01T00:00:00Z');
const DAY_MS = 24 * 60 * 60_000;
const { signal } = new AbortController();

function timeWithNotes() {
  const time = new VirtualTime(START);
  const notes: string[] = [];
  const note = (text: string) => () => void notes.push(`${time.clock.now() - START} ${text}`);
  const run = (until = Number.POSITIVE_INFINITY) => time.run({ isOver: () => false, until, signal });
  return { time, notes, note, run };
}

describe('virtual time', () => {
  it('rings timers in the order of their times, those of one time in the order of their setting', async () => {
    const { time, notes, note, run } = timeWithNotes();
    time.clock.after(DAY_MS, note('tomorrow'));
    time.clock.after(10, note('first of two'));
    time.clock.after(9.2, note('second of two'));
    time.clock.after(5, note('cancelled'))();
    time.clock.after(-3, note('at once'));
    await run();
    expect(notes).toEqual(['0 at once', '10 first of two', '10 second of two', `${DAY_MS} tomorrow`]);
  });

  it('stands still while there are turns to take and promises to keep', async () => {
    const { time, notes, note, run } = timeWithNotes();
    time.clock.after(1, note('timer'));
    time.later(() => {
      note('a turn')();
      Promise.resolve()
        .then(() => time.later(note('a turn after a promise')))
        .catch(note('never'));
    });
    await run();
    expect(notes).toEqual(['0 a turn', '0 a turn after a promise', '1 timer']);
  });

  it('stands still for work of its own, unless that waits for the clock', async () => {
    const { time, notes, note, run } = timeWithNotes();
    const busy = time.begin('a step');
    const work = async () => {
      await sleep(20);
      note('after real time')();
      await pause(busy.clock, 50);
      note('after virtual time')();
      await sleep(20);
      busy.end();
    };
    time.clock.after(10, note('timer'));
    time.clock.after(60, note('later timer'));
    await Promise.all([work(), run()]);
    expect(notes).toEqual(['0 after real time', '10 timer', '50 after virtual time', '60 later timer']);
  });

  it('does real work one after the other, and nothing else meanwhile', async () => {
    const { time, notes, note, run } = timeWithNotes();
    const slow = time.during(() => sleep(30)).then(note('slow'));
    const fast = time.during(async () => undefined).then(note('fast'));
    time.later(note('a turn'));
    time.clock.after(1, note('timer'));
    await run();
    await Promise.all([slow, fast]);
    expect(notes).toEqual(['0 slow', '0 fast', '0 a turn', '1 timer']);
  });

  it('stops where it is told to, and when its user does', async () => {
    const { time, notes, note, run } = timeWithNotes();
    time.clock.after(10, note('near'));
    time.clock.after(30, note('far'));
    await run(START + 20);
    expect(notes).toEqual(['10 near']);
    const aborted = AbortSignal.abort(new Error('enough'));
    await expect(time.run({ isOver: () => false, until: Number.POSITIVE_INFINITY, signal: aborted })).rejects.toThrow(
      'enough',
    );
    expect(notes).toEqual(['10 near']);
  });
});
