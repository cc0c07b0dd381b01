/** Runs and executions for the tests of the state machine; everything that goes into a move is frozen, so that a move that changes its input throws. */
import {
  type Beginning,
  beginExecution,
  type ExecutionEvent,
  type IndexedPlan,
  indexPlan,
  moveExecution,
} from '../../shared/core/execution.ts';
import type { Move } from '../../shared/core/move.ts';
import type { Plan, StagePlan } from '../../shared/core/plan.ts';
import type { Execution, Instant, Outcome, Run, StageView } from '../../shared/core/run.ts';
import { beginRun, moveStage, type StageEvent } from '../../shared/core/stage.ts';
import { planOf, START, stagePlan } from './execution-fixtures.ts';

export const LEASE_MS = 60_000;
export const HASH = `sha256:${'a'.repeat(64)}`;
export const EXECUTION = 'items-api-7f3k2';
/** The revision that the runs of these tests started in. */
export const FIRST_REVISION = 3;

/** Freezes the value and all that it holds; what is frozen already is left as it is. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const inner of Object.values(value)) deepFreeze(inner);
  return value;
}

/** The state that a move leads to. Throws where the event was ignored. */
export function moved<T>(move: Move<T>): T {
  if ('moved' in move) return deepFreeze(move.moved);
  throw new Error(`the event was ignored: ${move.ignored}`);
}

/** What made the event void, or `moved`. */
export function refusalOf<T>(move: Move<T>): string {
  return 'moved' in move ? 'moved' : move.ignored;
}

export const RELEASE = deepFreeze(stagePlan('release'));

/** A run of `stage` as it is when its stage has just started. */
export function readyRun(stage: StagePlan = RELEASE, more: Partial<Run> = {}): Run {
  const run = beginRun({
    execution: EXECUTION,
    plan: HASH,
    stage,
    at: START,
    executionDeadline: START + 60 * 60_000,
    revision: FIRST_REVISION,
  });
  return deepFreeze({ ...run, ...more });
}

/** The move of a run, with its inputs frozen. */
export const moveRun = (run: Run, event: StageEvent, stage: StagePlan = RELEASE): Move<Run> =>
  moveStage(deepFreeze(stage), deepFreeze(run), deepFreeze(event));

/** A claim of the step that the run is at. */
export const claimOf = (
  run: Run,
  more: Partial<StageEvent & { is: 'claim' }> = {},
): StageEvent & { readonly is: 'claim' } => {
  const { at = run.at } = more;
  return { is: 'claim', at, by: 'worker-1', until: at + LEASE_MS, attempt: run.attempt, step: run.step, ...more };
};

/** The run with its present step claimed by `by` at `at`. */
export const claimed = (run: Run, at: Instant = run.at, by = 'worker-1', stage: StagePlan = RELEASE): Run =>
  moved(moveRun(run, claimOf(run, { at, by }), stage));

/** The claimed run after its holder's answer. */
export function answered(run: Run, outcome: Outcome, at: Instant = run.at, stage: StagePlan = RELEASE): Run {
  const by = run.state.is === 'claimed' ? run.state.by : 'nobody';
  return moved(moveRun(run, { is: 'answer', at, by, outcome }, stage));
}

export const CANCELLED = { code: 'cancelled-by-person', text: 'Aki cancelled it.' } as const;

/** The run told to stop at `at`. */
export const toldToStop = (run: Run, at: Instant = run.at, end: 'cancelled' | 'failed' = 'cancelled'): Run =>
  moved(moveRun(run, { is: 'stop', at, because: CANCELLED, end, revision: 9 }));

/** Outcomes by name. */
export const outcomes = {
  succeeded: { is: 'succeeded', outputs: { url: 'https://items.example' } },
  skipped: { is: 'skipped', reason: { code: 'condition-false', text: 'Nothing changed.' } },
  again: { is: 'again', cursor: { seen: 1 } },
  failed: (then: 'giveUp' | 'newAttempt' | 'sameStep'): Outcome & { is: 'failed' } => ({
    is: 'failed',
    reason: { code: 'remote-unreachable', text: 'The far end did not answer.' },
    then,
  }),
  until: (until: Instant): Outcome & { is: 'waiting' } => ({
    is: 'waiting',
    for: { until },
    cursor: { waits: 'time' },
    reason: { code: 'time-not-reached', text: 'It waits.', unblock: 'gennaker cancel' },
  }),
  signal: (signal: string, until?: Instant): Outcome & { is: 'waiting' } => ({
    is: 'waiting',
    for: until === undefined ? { signal } : { signal, until },
    cursor: { waits: signal },
    reason: { code: 'signal-not-received', text: `It waits for ${signal}.`, unblock: 'gennaker signal' },
  }),
} as const satisfies Record<string, Outcome | ((...given: never[]) => Outcome)>;

/** A plan of these stages, indexed. */
export const indexedOf = (stages: readonly StagePlan[], more: Partial<Plan> = {}): IndexedPlan =>
  indexPlan(HASH, deepFreeze(planOf({ stages, ...more })));

/** The first state of an execution of the plan. */
export const begun = (
  indexed: IndexedPlan,
  more: { beginning?: Beginning; carried?: ReadonlyMap<string, StageView>; restartOf?: string; trace?: string } = {},
): Execution =>
  deepFreeze(
    beginExecution(indexed, {
      id: EXECUTION,
      at: START,
      trigger: deepFreeze({ event: 'event-1', source: 'manual', text: 'a person asked', at: START }),
      beginning: { is: 'run' },
      ...more,
    }),
  );

/** The move of an execution, with its inputs frozen. */
export const moveAll = (indexed: IndexedPlan, now: Execution, event: ExecutionEvent): Move<Execution> =>
  moveExecution(indexed, deepFreeze(now), deepFreeze(event));

/** The execution after a stage's run changed as people see it. */
export const shown = (
  indexed: IndexedPlan,
  now: Execution,
  stage: string,
  view: Partial<StageView> & Pick<StageView, 'status'>,
  more: { at?: Instant; proves?: number } = {},
): Execution =>
  moved(
    moveAll(indexed, now, {
      is: 'stage',
      at: more.at ?? now.at,
      stage,
      view: { attempts: 1, ...view },
      proves: more.proves ?? 0,
    }),
  );

/** The status of each stage, by id. */
export const statuses = (now: Execution): { readonly [stage: string]: string } =>
  Object.fromEntries(now.stages.map(({ id, status }) => [id, status]));
