import { describe, expect, it } from 'vitest';
import { MUTANTS } from './mutants.ts';
import { runMutant } from './run-mutant.ts';

/** Seeds that are tried, from where the mutant says. */
const SEEDS = 1_500;
const LONGEST_MS = 240_000;

// Two at once, as the project's maxConcurrency says: each is a process that keeps a core busy.
describe.concurrent('the simulation notices', () => {
  it.each(MUTANTS.map((mutant) => [mutant.name, mutant.without, mutant] as const))(
    '%s: %s',
    async (name, _without, { from, scene }) => {
      const { exit, said } = await runMutant({ name, from, seeds: SEEDS, scene, longestMs: LONGEST_MS });
      expect(said).toMatch(/^seed \d+: /m);
      expect(exit, said).toBe(1);
    },
    LONGEST_MS + 10_000,
  );
});
