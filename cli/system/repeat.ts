/** What the system does by itself, again and again, until it is stopped. */
import type { Clock } from '../../shared/ports/clock.ts';

export type RepeatCommand = {
  readonly clock: Clock;
  /** Each run but the first begins at a whole multiple of it since the epoch, in ms: at 60,000 on the minute. */
  readonly everyMs: number;
  /** Must not throw: whoever asks for it says what becomes of its errors. */
  readonly run: () => Promise<void>;
};

/** Runs it now, and again at the next such moment after each end, never beside itself. The function returned resolves once nothing runs any more, nor will again. */
export function repeat({ clock, everyMs, run }: RepeatCommand): () => Promise<void> {
  let isStopped = false;
  let cancelNext = (): void => undefined;
  const once = async (): Promise<void> => {
    await run();
    if (isStopped) return;
    cancelNext = clock.after(everyMs - (clock.now() % everyMs), () => {
      running = once();
    });
  };
  let running = once();
  return async () => {
    isStopped = true;
    cancelNext();
    await running;
  };
}
