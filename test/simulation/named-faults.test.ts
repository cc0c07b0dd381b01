import { describe, expect, it } from 'vitest';
import type { Plan } from '../../shared/core/plan.ts';
import { simulate } from './simulate.ts';

const MINUTE = 60_000;
const SEEDS = Array.from({ length: 40 }, (_, seed) => seed);

/** One slot, no queue that replaces, and nothing that fails by itself. */
const calm = (random: Plan): Plan => ({
  ...random,
  stages: random.stages.slice(0, 1).map((stage) => {
    const { skip: _, ...rest } = stage;
    return { ...rest, needs: [], with: { script: ['build', 'again'] } };
  }),
  concurrency: { group: 'one', limit: 1, whenBusy: 'queue' },
});

describe('the faults that delivery systems are known for', () => {
  it('a start message redelivered after the end does not revive the execution', async () => {
    const events = [0, 10, 25, 40].map((minutes) => ({ event: 'the-same', at: minutes * MINUTE }));
    for (const seed of SEEDS) {
      const result = await simulate(seed, { script: { plan: calm, events } });
      expect(result.violations, `seed ${seed}`).toEqual([]);
      expect(result.executions, `seed ${seed}`).toBe(1);
    }
  });

  it('two simultaneous triggers never exceed a limit of one', async () => {
    const events = ['first', 'second'].map((event) => ({ event, at: 0 }));
    for (const seed of SEEDS) {
      const result = await simulate(seed, { script: { plan: calm, events } });
      expect(result.violations, `seed ${seed}`).toEqual([]);
      expect(result.executions, `seed ${seed}`).toBe(2);
    }
  });

  it('the same seed is the same world', async () => {
    const [first, second] = [await simulate(7, { recording: true }), await simulate(7, { recording: true })];
    expect(first.trace.length).toBeGreaterThan(50);
    expect(second.trace).toEqual(first.trace);
  });
});
