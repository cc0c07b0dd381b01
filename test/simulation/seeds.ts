/** Many seeds of the code as it is, in a share for each test file, so that several processes work on them. */
import { describe, expect, it } from 'vitest';
import { simulate } from './simulate.ts';

/** How many seeds all shares try together; GENNAKER_SIMULATION_SEEDS asks for more. */
const SEEDS = Number(process.env.GENNAKER_SIMULATION_SEEDS ?? 3_000);
const SHARES = 2;
const BATCH = 100;
const LONGEST_MS = 1_800_000;

/** Seeds that once found a fault. They are tried first. */
const ONCE_FAILED = [41, 48, 73, 103, 229, 266, 317, 1168, 1340, 3759];

export function describeSeeds(share: number): void {
  const own = (seed: number): boolean => seed % SHARES === share;
  const batches = [ONCE_FAILED.filter(own)];
  for (let from = 0; from < SEEDS; from += BATCH) {
    batches.push(Array.from({ length: BATCH }, (_, index) => from + index).filter(own));
  }
  describe('the protocol under a storm', () => {
    it.each(batches.map((seeds) => [seeds[0], seeds.at(-1), seeds] as const))(
      'keeps every invariant in seeds %i to %i',
      async (_first, _last, seeds) => {
        const failing: string[] = [];
        for (const seed of seeds) {
          const { violations } = await simulate(seed);
          if (violations.length === 0) continue;
          failing.push(`${violations.slice(0, 3).join('; ')}\n  replay: node test/simulation/main.ts ${seed}`);
        }
        expect(failing.join('\n')).toBe('');
      },
      LONGEST_MS,
    );
  });
}
