/** Clocks for tests: the machine's own, and one that the test moves. */
import type { Clock } from '../../shared/ports/clock.ts';

export function wallClock(): Clock {
  return {
    now: () => Date.now(),
    after: (ms, run) => {
      const timer = setTimeout(run, ms);
      return () => clearTimeout(timer);
    },
  };
}

export type HandClock = Clock & {
  /** Moves on, running each timer at its time. */
  advance(ms: number): void;
};

/** Time that moves only when the test moves it. */
export function handClock(start = Date.parse('2026-05-01T00:00:00Z')): HandClock {
  let now = start;
  let timers: { at: number; run: () => void }[] = [];
  return {
    now: () => now,
    after: (ms, run) => {
      const timer = { at: now + ms, run };
      timers.push(timer);
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
    advance: (ms) => {
      const end = now + ms;
      for (;;) {
        const [next] = timers.filter(({ at }) => at <= end).sort((one, other) => one.at - other.at);
        if (next === undefined) break;
        timers = timers.filter((timer) => timer !== next);
        now = Math.max(now, next.at);
        next.run();
      }
      now = end;
    },
  };
}
