/** Waits in tests for something that another process will make true, with bounds that a busy machine keeps. */
import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_EVERY_MS = 100;
const DEFAULT_WITHIN_MS = 90_000;
const TOLD_CHARACTERS = 4_000;

/**
 * Asks `look` until it gives something else than undefined. Throws after `withinMs` with what was waited for, with
 * what `state` tells, and with the error of the last look that failed.
 */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined> | T | undefined,
  options: { readonly withinMs?: number; readonly state?: () => unknown } = {},
): Promise<T> {
  const { withinMs = DEFAULT_WITHIN_MS, state } = options;
  const latest = performance.now() + withinMs;
  let cause: unknown;
  for (;;) {
    try {
      const found = await look();
      if (found !== undefined) return found;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (performance.now() > latest) break;
    await sleep(LOOK_EVERY_MS);
  }
  const told = state === undefined ? '' : `; it stands so:\n${tell(state())}`;
  throw new Error(`waiting for ${what}: not within ${withinMs} ms${told}`, { cause });
}

function tell(state: unknown): string {
  const text = typeof state === 'string' ? state : (JSON.stringify(state, null, 1) ?? 'nothing');
  return text.slice(-TOLD_CHARACTERS);
}
