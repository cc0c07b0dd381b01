import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from './system-clock.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

describe('the system clock', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('tells the time of the machine', () => {
    vi.setSystemTime(1_700_000_000_000);
    expect(systemClock.now()).toBe(1_700_000_000_000);
  });

  it('runs once, after the delay', () => {
    const run = vi.fn();
    systemClock.after(1000, run);
    vi.advanceTimersByTime(999);
    expect(run).not.toHaveBeenCalled();
    vi.advanceTimersByTime(DAY_MS);
    expect(run).toHaveBeenCalledOnce();
  });

  it('waits for longer than one timer of the platform can', () => {
    const run = vi.fn();
    systemClock.after(60 * DAY_MS, run);
    vi.advanceTimersByTime(60 * DAY_MS - 1);
    expect(run).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(run).toHaveBeenCalledOnce();
  });

  it('does not run what was cancelled, in the first part of a long wait or a later one', () => {
    const run = vi.fn();
    systemClock.after(1000, run)();
    const cancel = systemClock.after(60 * DAY_MS, run);
    vi.advanceTimersByTime(40 * DAY_MS);
    cancel();
    vi.advanceTimersByTime(60 * DAY_MS);
    expect(run).not.toHaveBeenCalled();
  });

  it('refuses a delay that is not a number', () => {
    expect(() => systemClock.after(Number.NaN, () => {})).toThrow('not a number');
  });
});
