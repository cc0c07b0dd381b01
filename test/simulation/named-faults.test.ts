import { describe, expect, it } from 'vitest';
import { runMutant } from './run-mutant.ts';
import { SCENES } from './scenes.ts';
import { type Result, simulate } from './simulate.ts';

const SEEDS = 40;
const LONGEST_MS = 120_000;

/** Each scene by its name, with what it must have come to and the mutant that brings its fault back. */
const FAULTS = [
  {
    name: 'a start message redelivered after the end does not revive the execution',
    scene: 'redelivered-start',
    executions: 1,
    mutant: 'execution-id',
    says: /moved after its end/,
  },
  {
    name: 'two simultaneous triggers never exceed a limit of one',
    scene: 'simultaneous-triggers',
    executions: 2,
    mutant: 'slot-condition',
    says: /group one: running \w+,\w+ but holders \w+$|group one: running \w+,\w+ but holders \w+;/m,
  },
  {
    name: 'the slot of an execution whose workers crash comes back, and those that wait for it run in turn',
    scene: 'crashed-holder',
    executions: 4,
    mutant: 'group-condition',
    says: /group one: /,
  },
  {
    name: 'a step that kills its workers is given up after five claims',
    scene: 'poisoned-step',
    executions: 1,
    mutant: 'tries',
    says: /was claimed \d+ times, and 5 are allowed/,
  },
  {
    name: 'a stage that a freeze holds begins after it, however long that is, and never before',
    scene: 'frozen',
    executions: 2,
    mutant: 'frozen',
    says: /began while all was frozen/,
  },
  {
    name: 'time limits do not run while a stage is held',
    scene: 'frozen',
    executions: 2,
    mutant: 'held-time',
    says: /took too long before it was let begin/,
  },
] as const;

async function play(scene: string, seed: number): Promise<Result> {
  const script = SCENES.get(scene);
  if (script === undefined) throw new Error(`no scene is called ${scene}`);
  return simulate(seed, { script });
}

describe('the faults that delivery systems are known for', () => {
  it.each(FAULTS)('$name', async ({ scene, executions }) => {
    for (let seed = 0; seed < SEEDS; seed += 1) {
      const result = await play(scene, seed);
      expect(result.violations, `node test/simulation/main.ts ${seed} --scene=${scene}`).toEqual([]);
      expect(result.executions, `seed ${seed}`).toBe(executions);
    }
  });

  it.each(FAULTS)(
    'without its mend, not: $name',
    async ({ scene, mutant, says }) => {
      const { exit, said } = await runMutant({ name: mutant, seeds: SEEDS, scene, longestMs: LONGEST_MS });
      expect(said).toMatch(says);
      expect(exit).toBe(1);
    },
    LONGEST_MS + 10_000,
  );
});

describe('a scene that it takes to meet a rare fault', () => {
  it.each(['taken-over', 'slow-clocks'])('%s is clean with every mend', async (scene) => {
    for (let seed = 0; seed < SEEDS * 5; seed += 1) {
      const { violations } = await play(scene, seed);
      expect(violations, `node test/simulation/main.ts ${seed} --scene=${scene}`).toEqual([]);
    }
  });
});

describe('a seed', () => {
  it('is the same world twice', async () => {
    for (const seed of [7, 11]) {
      const first = await simulate(seed, { recording: true });
      const second = await simulate(seed, { recording: true });
      expect(first.trace.length).toBeGreaterThan(50);
      expect(second.trace).toEqual(first.trace);
    }
  });
});
