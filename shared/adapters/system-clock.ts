/** The machine's own time. */
import type { Clock } from '../ports/clock.ts';

/** The longest delay that setTimeout takes; it fires at once for a longer one. */
const MAXIMUM_TIMER_MS = 2 ** 31 - 1;

/** The Clock of the machine. A delay may be of any length; Infinity never ends. */
export const systemClock: Clock = {
  now: () => Date.now(),

  after(ms, run) {
    if (Number.isNaN(ms)) throw new Error('Setting a timer: the delay is not a number of milliseconds.');
    let remainingMs = ms;
    let timer: NodeJS.Timeout;
    const wait = () => {
      const partMs = Math.min(remainingMs, MAXIMUM_TIMER_MS);
      remainingMs -= partMs;
      timer = setTimeout(remainingMs > 0 ? wait : run, partMs);
    };
    wait();
    return () => clearTimeout(timer);
  },
};
