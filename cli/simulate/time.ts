/** Virtual time: it stands still while anything is left to do, then jumps to the next timer, so that days pass in milliseconds. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Later } from '../../shared/adapters/embedded/index.ts';
import type { Clock } from '../../shared/ports/clock.ts';

/** Turns of a simulation. A day of a busy pipeline takes some ten thousand. */
const MAXIMUM_TURNS = 5_000_000;
/** How long a piece of work may take of real time without waiting for the clock, in ms. */
const PATIENCE_MS = 120_000;
const LOOK_EVERY_MS = 2;

/** The simulation cannot go on; the sentence says why. */
export class SimulationStuck extends Error {
  override readonly name = 'SimulationStuck';
}

type Timer = { readonly at: number; readonly run: () => void; isCancelled: boolean };

/** A piece of work, such as a step, whose doings are not all seen by the clock. */
export type Work = {
  /** Lets time go on while something waits on it. */
  readonly clock: Clock;
  end(): void;
};

export class VirtualTime {
  readonly clock: Clock;
  readonly later: Later;
  #now: number;
  /** By the time at which they ring; of one time, in the order in which they were set. */
  readonly #timers: Timer[] = [];
  /** What is to run in turns of its own, first the first. */
  #turns: (() => void)[] = [];
  /** By name, the work that is neither at its end nor waiting for the clock. */
  readonly #busy = new Map<symbol, string>();
  /** Real work is done one after the other, or its end would decide the order of everything after it. */
  #lastWork: Promise<unknown> = Promise.resolve();
  #atRealWork = 0;

  /** `start` is in epoch ms. */
  constructor(start: number) {
    this.#now = start;
    this.clock = { now: () => this.#now, after: (ms, run) => this.#after(ms, run) };
    this.later = (run) => {
      this.#turns.push(run);
    };
  }

  /** Begins a piece of work for which time stands still, except while it waits for the clock that is returned. */
  begin(name: string): Work {
    const key = Symbol(name);
    let waiting = 0;
    this.#busy.set(key, name);
    const wait = (change: 1 | -1): void => {
      waiting += change;
      if (waiting > 0) this.#busy.delete(key);
      else this.#busy.set(key, name);
    };
    let hasEnded = false;
    return {
      clock: {
        now: () => this.#now,
        after: (ms, run) => {
          let isOpen = !hasEnded;
          if (isOpen) wait(1);
          const settle = (): void => {
            if (isOpen && !hasEnded) wait(-1);
            isOpen = false;
          };
          const cancel = this.#after(ms, () => {
            settle();
            run();
          });
          return () => {
            settle();
            cancel();
          };
        },
      },
      end: () => {
        hasEnded = true;
        this.#busy.delete(key);
      },
    };
  }

  /** Runs work that takes real time, such as a program that renders; meanwhile virtual time and everything else stand still. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    this.#atRealWork += 1;
    const result = this.#lastWork.then(work);
    this.#lastWork = result.then(
      () => undefined,
      () => undefined,
    );
    try {
      return await result;
    } finally {
      this.#atRealWork -= 1;
    }
  }

  /** True where only time can bring anything new. */
  isQuiet(): boolean {
    return this.#turns.length === 0 && this.#busy.size === 0 && this.#atRealWork === 0;
  }

  /**
   * Goes on until `isOver`, which is asked whenever something may have happened, until there is nothing that could
   * happen any more, or until the next thing would be later than `until` (epoch ms). Throws SimulationStuck, and the
   * signal's reason.
   */
  async run(command: {
    readonly isOver: () => boolean;
    readonly until: number;
    readonly signal: AbortSignal;
  }): Promise<void> {
    const { isOver, until, signal } = command;
    for (let turn = 0; turn < MAXIMUM_TURNS; turn += 1) {
      // By the next turn of the real event loop, every promise that was resolved has been taken up.
      await new Promise<void>((resolve) => setImmediate(resolve));
      signal.throwIfAborted();
      if (isOver()) return;
      const next = this.#atRealWork > 0 ? undefined : this.#turns.shift();
      if (next !== undefined) next();
      else if (this.#atRealWork > 0) await sleep(LOOK_EVERY_MS, undefined, { signal });
      else if (this.#busy.size > 0) await this.#patience(signal);
      else if (!this.#jump(until)) return;
    }
    throw new SimulationStuck(
      `The simulation did not come to an end within ${MAXIMUM_TURNS} turns; it stands at ${new Date(this.#now).toISOString()}.`,
    );
  }

  async #patience(signal: AbortSignal): Promise<void> {
    const latest = performance.now() + PATIENCE_MS;
    while (this.#busy.size > 0 && this.#turns.length === 0) {
      if (performance.now() > latest) {
        const names = [...this.#busy.values()].join(', ');
        throw new SimulationStuck(
          `${names} neither ended nor waited for the clock within ${PATIENCE_MS / 1000} s of real time.`,
        );
      }
      await sleep(LOOK_EVERY_MS, undefined, { signal });
    }
  }

  /** Rings the next timer at its time. False where none is set up to `until`. */
  #jump(until: number): boolean {
    for (let timer = this.#timers[0]; timer !== undefined; timer = this.#timers[0]) {
      if (timer.at > until) return false;
      this.#timers.shift();
      if (timer.isCancelled) continue;
      this.#now = Math.max(this.#now, timer.at);
      timer.run();
      return true;
    }
    return false;
  }

  #after(ms: number, run: () => void): () => void {
    const timer: Timer = { at: this.#now + Math.max(0, Math.ceil(ms)), run, isCancelled: false };
    if (!Number.isFinite(timer.at)) return () => undefined;
    let low = 0;
    let high = this.#timers.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#timers[middle]?.at ?? 0) <= timer.at) low = middle + 1;
      else high = middle;
    }
    this.#timers.splice(low, 0, timer);
    return () => {
      timer.isCancelled = true;
    };
  }
}
