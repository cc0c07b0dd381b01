import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkedDurationMs, duration, durationMs, formatDuration } from './duration.ts';

describe('durations', () => {
  it.each([
    ['30s', 30_000],
    ['10m', 600_000],
    ['1h30m', 5_400_000],
    ['2d', 172_800_000],
    ['0s', 0],
  ])('%s is %i ms', (text, ms) => {
    expect(durationMs(text)).toBe(ms);
    expect(formatDuration(ms)).toBe(text);
  });

  it.each(['', '5', 's', '1.5h', '-1s', '1 h', '1m1h', '1ms', '123456789s'])('"%s" is none', (text) => {
    expect(durationMs(text)).toBeUndefined();
    expect(() => checkedDurationMs(text)).toThrow('it is written like 30s');
  });

  it('are written so that they read back', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 30 * 24 * 3600 }), (seconds) => {
        expect(durationMs(formatDuration(seconds * 1000))).toBe(seconds * 1000);
      }),
    );
  });

  it('have bounds, both included', () => {
    const bounded = duration({ minimum: '10s', maximum: '1m' });
    expect(['10s', '60s', '1m'].every((text) => bounded.safeParse(text).success)).toBe(true);
    expect(['9s', '61s', '1h'].some((text) => bounded.safeParse(text).success)).toBe(false);
  });
});
