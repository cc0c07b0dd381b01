/** How fast the pure core moves, on the mix of moves that an execution makes, and how that grows with the plan. */
import { beginExecution, type IndexedPlan, indexPlan, moveExecution } from '../../shared/core/execution.ts';
import type { Move } from '../../shared/core/move.ts';
import type { StagePlan } from '../../shared/core/plan.ts';
import type { Execution, Run } from '../../shared/core/run.ts';
import { beginRun, moveStage, viewOf } from '../../shared/core/stage.ts';
import { HASH, LEASE_MS } from '../support/core-fixtures.ts';
import { planOf, START, stagePlan } from '../support/execution-fixtures.ts';
import { atLeast, atMost, type Effort, type Measure, measureOf, type Section } from './section.ts';

const SHORT = 10;
const LONG = 100;
const LEAST_PER_SECOND = 50_000;
const MOST_TIMES = 3;
const EFFORTS = { full: { rounds: 30, roundMs: 40 }, brief: { rounds: 2, roundMs: 1 } } as const;

const idOf = (index: number): string => `stage_${index}`;

/** Each stage after the one before. */
const chain = (length: number): StagePlan[] =>
  Array.from({ length }, (_, index) => stagePlan(idOf(index), { needs: index === 0 ? [] : [idOf(index - 1)] }));

/** One stage, then all the others but the last side by side, then one that joins them. */
function fan(length: number): StagePlan[] {
  const last = length - 1;
  return Array.from({ length }, (_, index) => {
    if (index === 0) return stagePlan(idOf(index));
    if (index < last) return stagePlan(idOf(index), { needs: [idOf(0)] });
    return stagePlan(idOf(index), { needs: Array.from({ length: length - 2 }, (_, branch) => idOf(branch + 1)) });
  });
}

/** Takes one execution from its start until it is settled, a step in each stage. Returns how many moves that took. */
function playExecution(indexed: IndexedPlan): number {
  let at = START;
  let moves = 1;
  let execution: Execution = beginExecution(indexed, {
    id: 'bench',
    at,
    trigger: { event: 'bench', source: 'manual', text: 'the benchmark', at },
    beginning: { is: 'run' },
  });
  const begin = (since: number): Run[] =>
    execution.stages.flatMap((view, index) => {
      const stage = indexed.plan.stages[index];
      if (stage === undefined || view.status !== 'running' || (view.startedIn ?? 0) <= since) return [];
      const { id, plan, revision } = execution;
      return [beginRun({ execution: id, plan, stage, at, executionDeadline: at + LEASE_MS, revision })];
    });
  const due = begin(0);
  for (let run = due.shift(); run !== undefined; run = due.shift()) {
    const stage = indexed.plan.stages[indexed.position.get(run.stage) ?? -1];
    if (stage === undefined) throw new Error(`the run's stage ${run.stage} is not in the plan`);
    at += 1;
    const { attempt, step } = run;
    const claim = { is: 'claim', at, by: 'bench', until: at + LEASE_MS, attempt, step } as const;
    const claimed = movedTo(moveStage(stage, run, claim));
    const outcome = { is: 'succeeded', outputs: null } as const;
    const ended = movedTo(moveStage(stage, claimed, { is: 'answer', at, by: 'bench', outcome }));
    const { revision } = execution;
    const view = viewOf(ended);
    execution = movedTo(
      moveExecution(indexed, execution, { is: 'stage', at, stage: run.stage, view, proves: run.proves }),
    );
    due.push(...begin(revision));
    moves += 3;
  }
  execution = movedTo(moveExecution(indexed, execution, { is: 'settle' }));
  if (execution.sweepAt !== undefined || execution.phase.is !== 'ended') throw new Error('the execution has not ended');
  return moves + 1;
}

/** Unlike the one of the tests it freezes nothing: that would be what is measured. */
function movedTo<T>(move: Move<T>): T {
  if ('moved' in move) return move.moved;
  throw new Error(`a move of the benchmark was ignored: ${move.ignored}`);
}

/** Moves per second over at least `roundMs`. */
function rateOf(indexed: IndexedPlan, roundMs: number): number {
  const startedAt = performance.now();
  let moves = 0;
  let tookMs = 0;
  while (tookMs < roundMs) {
    moves += playExecution(indexed);
    tookMs = performance.now() - startedAt;
  }
  return (moves / tookMs) * 1000;
}

async function run(effort: Effort): Promise<readonly Measure[]> {
  const { rounds, roundMs } = EFFORTS[effort];
  const shapes = [
    { name: 'chain', stages: chain },
    { name: 'fan-out', stages: fan },
  ].map(({ name, stages }) => ({
    name,
    short: indexPlan(HASH, planOf({ stages: stages(SHORT) })),
    long: indexPlan(HASH, planOf({ stages: stages(LONG) })),
    shortRates: [] as number[],
    longRates: [] as number[],
  }));
  // The first round lets the compiler finish; it does not count.
  for (let round = 0; round <= rounds; round += 1) {
    for (const { short, long, shortRates, longRates } of shapes) {
      const rates = [rateOf(short, roundMs), rateOf(long, roundMs)] as const;
      if (round === 0) continue;
      shortRates.push(rates[0]);
      longRates.push(rates[1]);
    }
  }
  return shapes.flatMap(({ name, shortRates, longRates }) => [
    measureOf(`${name} of ${SHORT} stages, transitions`, '/s', shortRates, atLeast(LEAST_PER_SECOND)),
    measureOf(`${name} of ${LONG} stages, transitions`, '/s', longRates, atLeast(LEAST_PER_SECOND)),
    measureOf(
      `${name}: a transition of ${LONG} stages to one of ${SHORT}`,
      '×',
      shortRates.map((rate, index) => rate / (longRates[index] ?? Number.NaN)),
      atMost(MOST_TIMES),
    ),
  ]);
}

export const core: Section = { name: 'core', about: 'pure transitions, as one execution makes them', needs: [], run };
