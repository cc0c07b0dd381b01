/** Random numbers that a seed gives again, so that what a random test met can be met once more. */
import { randomInt } from 'node:crypto';

const SEEDS = 2 ** 31;

/** GENNAKER_TEST_SEED gives the seed of an earlier run. `next` gives numbers from 0 up to, but not including, 1. */
export function randomNumbers(): { readonly seed: number; readonly next: () => number } {
  const seed = Number(process.env.GENNAKER_TEST_SEED ?? randomInt(SEEDS));
  return { seed, next: seededRandom(seed) };
}

/** Numbers from 0 up to, but not including, 1; the same for the same seed. */
export function seededRandom(seed: number): () => number {
  let state = seed;
  // mulberry32
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
