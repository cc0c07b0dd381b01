/** Lets only so many pieces of work run at once; the others wait in the order in which they came. */

export type InTurn = <T>(signal: AbortSignal, work: () => Promise<T>) => Promise<T>;

/** Rejects with the signal's reason where it aborts before the work's turn comes. */
export function turns(sideBySide: number): InTurn {
  let running = 0;
  const waiting = new Set<() => void>();
  const turn = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      const begin = (): void => {
        waiting.delete(begin);
        signal.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = (): void => {
        waiting.delete(begin);
        reject(signal.reason);
      };
      waiting.add(begin);
      signal.addEventListener('abort', giveUp, { once: true });
    });
  return async (signal, work) => {
    signal.throwIfAborted();
    // Whoever ends hands its place on, so that nobody who comes later takes it.
    if (running >= sideBySide) await turn(signal);
    else running += 1;
    try {
      return await work();
    } finally {
      const [next] = waiting;
      if (next === undefined) running -= 1;
      else next();
    }
  };
}
