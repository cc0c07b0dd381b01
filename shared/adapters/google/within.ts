/** Ends a wait for an answer that may never come. */
import type { Clock } from '../../ports/clock.ts';

/** What `promise` brings within `ms`; after that, what `otherwise` returns or throws. The promise goes on by itself. */
export async function within<T>(options: {
  clock: Clock;
  ms: number;
  promise: Promise<T>;
  otherwise: () => T;
}): Promise<T> {
  const { clock, ms, promise, otherwise } = options;
  const { promise: lateness, resolve } = Promise.withResolvers<void>();
  const cancel = clock.after(ms, resolve);
  try {
    return await Promise.race([promise, lateness.then(otherwise)]);
  } finally {
    cancel();
  }
}
