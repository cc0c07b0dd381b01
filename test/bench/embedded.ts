/** How fast the embedded system is, on a file that a kill does not hurt: one execution alone, and many at once, beside as many bare transactions. */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type BenchSystem, startBenchSystem } from './embedded-system.ts';
import { emptyPipeline } from './pipelines.ts';
import { atLeast, atMost, type Effort, type Measure, measureOf, type Section } from './section.ts';
import { counting, emptyTally, type Tally } from './tally.ts';

const MOST_MS_TO_END = 15;
const LEAST_STEPS_PER_SECOND = 1_500;
const AT_ONCE = 16;
const STAGES = 3;
const STEPS = 10;
/** About what a document of ours takes. */
const FLOOR_CHARACTERS = 800;
const EFFORTS = {
  full: { warmUps: 30, runs: 200, rounds: 10, executionsInARound: 20 },
  brief: { warmUps: 1, runs: 3, rounds: 1, executionsInARound: 1 },
} as const;

/** Pipelines of their own, as the teams of an installation have them: executions of one share no slot with another's. */
const nameOf = (kind: string, index: number): string => `${kind}-${index}`;

/** Steps per second while `AT_ONCE` executions run at any time. */
async function rateOf(bench: BenchSystem, kind: string, executionsInARound: number, steps: number): Promise<number> {
  const startedAt = performance.now();
  await Promise.all(
    Array.from({ length: AT_ONCE }, async (_, index) => {
      for (let run = 0; run < executionsInARound; run += 1) await bench.run(nameOf(kind, index));
    }),
  );
  return ((AT_ONCE * executionsInARound * steps) / (performance.now() - startedAt)) * 1000;
}

/** As many transactions as a tally of the adapters' calls comes to, those of the acknowledgements included. */
function transactionsOf(tally: Tally): number {
  const topics = [...tally.topics.values()];
  const publications = topics.reduce((sum, topic) => sum + topic.publications, 0);
  // Each topic that is published to here has one subscription.
  const acknowledgements = topics.reduce((sum, topic) => sum + topic.messages, 0);
  const others = ['inbox.record', 'history.record'].map((call) => tally.others.get(call) ?? 0);
  return tally.commits + publications + acknowledgements + others.reduce((sum, calls) => sum + calls, 0);
}

/** A file in which each transaction changes one row of about the size of our documents, and nothing else is done. */
function openFloor(folder: string): Disposable & { transactionsPerSecond(count: number): number } {
  const sqlite = new DatabaseSync(join(folder, 'floor.db'));
  sqlite.exec(`
    PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
    CREATE TABLE rows (id INTEGER PRIMARY KEY, json TEXT NOT NULL);
    INSERT INTO rows VALUES (0, '');
  `);
  const update = sqlite.prepare('UPDATE rows SET json = ? WHERE id = 0');
  return {
    transactionsPerSecond(count) {
      const startedAt = performance.now();
      for (let index = 0; index < count; index += 1) update.run(String(index).padEnd(FLOOR_CHARACTERS));
      return (count / (performance.now() - startedAt)) * 1000;
    },
    [Symbol.dispose]: () => sqlite.close(),
  };
}

async function run(effort: Effort): Promise<readonly Measure[]> {
  const { warmUps, runs, rounds, executionsInARound } = EFFORTS[effort];
  const tally = emptyTally();
  await using bench = await startBenchSystem({ hooks: counting(tally) });
  using floor = openFloor(bench.folder);
  for (let index = 0; index < AT_ONCE; index += 1) {
    await bench.apply(emptyPipeline(nameOf('stages', index), { stages: STAGES }));
    await bench.apply(emptyPipeline(nameOf('steps', index), { stages: 1, steps: STEPS }));
  }
  const alone = nameOf('stages', 0);
  for (let index = 0; index < warmUps; index += 1) await bench.run(alone);
  const begun: number[] = [];
  const ended: number[] = [];
  for (let index = 0; index < runs; index += 1) {
    const { begunMs, endedMs } = await bench.run(alone);
    begun.push(begunMs);
    ended.push(endedMs);
  }
  const transactions = Math.round(transactionsOf(tally) / (warmUps + runs));
  const ofStages: number[] = [];
  const ofSteps: number[] = [];
  const toFloor: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const rate = await rateOf(bench, 'stages', executionsInARound, STAGES);
    const bare = floor.transactionsPerSecond(AT_ONCE * executionsInARound * transactions) / transactions;
    ofStages.push(rate);
    toFloor.push((bare * STAGES) / rate);
    ofSteps.push(await rateOf(bench, 'steps', executionsInARound, STEPS));
  }
  return [
    measureOf('trigger to first stage begun', 'ms', begun),
    measureOf(`trigger to end of ${STAGES} empty stages`, 'ms', ended, atMost(MOST_MS_TO_END)),
    measureOf(
      `steps, ${AT_ONCE} executions of ${STEPS} steps in a stage at once`,
      '/s',
      ofSteps,
      atLeast(LEAST_STEPS_PER_SECOND),
    ),
    measureOf(
      `steps, ${AT_ONCE} executions of ${STAGES} stages at once`,
      '/s',
      ofStages,
      atLeast(LEAST_STEPS_PER_SECOND),
    ),
    measureOf(`time of ${STAGES} stages to that of ${transactions} bare transactions`, '×', toFloor),
  ];
}

export const embedded: Section = {
  name: 'embedded',
  about: 'the system of one process, on a file',
  needs: [],
  run,
};
