import { describe, expect, it } from 'vitest';
import { handClock } from '../../test/support/clocks.ts';
import { repeat } from './repeat.ts';

const EVERY_MS = 60_000;
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Something that runs until the test lets it end. */
function repeated() {
  const clock = handClock();
  const ends: (() => void)[] = [];
  const run = (): Promise<void> =>
    new Promise((resolve) => {
      ends.push(resolve);
    });
  return { clock, ends, stop: repeat({ clock, everyMs: EVERY_MS, run }) };
}

describe('what is repeated', () => {
  it('runs at once, and again on the minute after its end', async () => {
    const { clock, ends } = repeated();
    expect(ends).toHaveLength(1);
    clock.advance(10 * EVERY_MS + 20_000);
    expect(ends, 'never beside itself').toHaveLength(1);
    ends[0]?.();
    await settled();
    clock.advance(39_999);
    expect(ends).toHaveLength(1);
    clock.advance(1);
    expect(ends).toHaveLength(2);
    ends[1]?.();
    await settled();
    clock.advance(EVERY_MS - 1);
    expect(ends).toHaveLength(2);
    clock.advance(1);
    expect(ends).toHaveLength(3);
  });

  it('does not run again once it is stopped', async () => {
    const { clock, ends, stop } = repeated();
    ends[0]?.();
    await settled();
    await stop();
    clock.advance(10 * EVERY_MS);
    expect(ends).toHaveLength(1);
  });

  it('that is stopped while it runs ends before the stop does, and is not run again', async () => {
    const { clock, ends, stop } = repeated();
    let isStopped = false;
    const stopping = stop().then(() => {
      isStopped = true;
    });
    await settled();
    expect(isStopped).toBe(false);
    ends[0]?.();
    await stopping;
    clock.advance(10 * EVERY_MS);
    expect(ends).toHaveLength(1);
  });
});
