/** The state machine of an execution: its graph of stages, its end, and what is announced, as pure functions. */
import { SWEEP_GRACE_MS, SWEEP_LONGEST_MS, SWEEP_QUEUED_MS, SWEEP_RUNNING_MS } from './limits.ts';
import type { Move } from './move.ts';
import type { OnFailure, Plan, StageId, StagePlan } from './plan.ts';
import { isHold, type Reason, type WaitReason } from './reason.ts';
import type {
  Execution,
  ExecutionEnd,
  ExecutionId,
  ExecutionPhase,
  Instant,
  StageStatus,
  StageView,
  Transition,
  TriggerSummary,
} from './run.ts';

/** A plan with the lookups that make a transition's cost independent of the plan's length. */
export type IndexedPlan = {
  readonly hash: string;
  readonly plan: Plan;
  readonly position: ReadonlyMap<StageId, number>;
  /** In the plan's order. */
  readonly nodes: readonly PlanNode[];
};

/** A stage in the graph. */
type PlanNode = {
  readonly stage: StagePlan;
  /** The positions of those that it needs. */
  readonly needs: readonly number[];
  /** The positions of those that must be at rest before. */
  readonly after: readonly number[];
  /** The positions of those that wait for it. */
  readonly dependents: readonly number[];
};

export type ExecutionEvent =
  /** A stage's run changed in a way that people see. `proves` is the revision that the step's work proved to be announced. */
  | {
      readonly is: 'stage';
      readonly at: Instant;
      readonly stage: StageId;
      readonly view: Pick<StageView, 'status' | 'attempts' | 'reason' | 'wakeAt' | 'endedAt'>;
      readonly proves: number;
    }
  | { readonly is: 'stop'; readonly at: Instant; readonly because: Reason; readonly end: 'cancelled' | 'failed' }
  /** A queued execution got its slot. */
  | { readonly is: 'promote'; readonly at: Instant }
  /** The time by which something must have moved is over: somebody looks. */
  | { readonly is: 'sweep'; readonly at: Instant }
  /** Everything that the end caused was sent. */
  | { readonly is: 'settle' };

/** Throws a TypeError where a stage needs one that is not in the plan: a plan that was made by compile never does. */
export function indexPlan(hash: string, plan: Plan): IndexedPlan {
  const position = new Map(plan.stages.map((stage, index) => [stage.id, index]));
  const nodes = plan.stages.map((stage) => {
    const positionsOf = (ids: readonly StageId[]): number[] =>
      ids.map((id) => {
        const index = position.get(id);
        if (index === undefined)
          throw new TypeError(`the plan's stage ${stage.id} needs ${id}, which is not in the plan`);
        return index;
      });
    return {
      stage,
      needs: positionsOf(stage.needs),
      after: positionsOf(stage.after ?? []),
      dependents: [] as number[],
    };
  });
  for (const [index, { needs, after }] of nodes.entries()) {
    for (const before of [...needs, ...after]) nodes[before]?.dependents.push(index);
  }
  return { hash, plan, position, nodes };
}

export function stagePlanOf(indexed: IndexedPlan, stage: StageId): StagePlan | undefined {
  return indexed.plan.stages[positionOf(indexed, stage)];
}

const positionOf = (indexed: IndexedPlan, stage: StageId): number => indexed.position.get(stage) ?? -1;

/** How a new execution begins, as its group decided. */
export type Beginning =
  | { readonly is: 'run' }
  | { readonly is: 'queue'; readonly reason: WaitReason; readonly toStop: readonly ExecutionId[] }
  | { readonly is: 'skip'; readonly reason: Reason };

/** The first state of an execution. Stages that `carried` shows as succeeded or skipped are not run again. */
export function beginExecution(
  indexed: IndexedPlan,
  begin: {
    readonly id: ExecutionId;
    readonly at: Instant;
    readonly trigger: TriggerSummary;
    readonly beginning: Beginning;
    readonly restartOf?: ExecutionId | undefined;
    readonly carried?: ReadonlyMap<StageId, StageView> | undefined;
    readonly trace?: string | undefined;
  },
): Execution {
  const { plan, hash } = indexed;
  const stages = plan.stages.map((stage): StageView => {
    const earlier = begin.carried?.get(stage.id);
    return earlier !== undefined && (earlier.status === 'succeeded' || earlier.status === 'skipped')
      ? earlier
      : { id: stage.id, status: 'pending', attempts: 0 };
  });
  const blank: Execution = {
    format: 1,
    id: begin.id,
    pipeline: plan.pipeline,
    team: plan.team,
    plan: hash,
    revision: 0,
    createdAt: begin.at,
    at: begin.at,
    trigger: begin.trigger,
    ...(begin.restartOf === undefined ? {} : { restartOf: begin.restartOf }),
    group: plan.concurrency.group,
    phase: { is: 'queued', reason: { code: 'queued-behind', text: '', unblock: '' }, toStop: [] },
    stages,
    open: stages.filter((stage) => stage.status === 'pending').length,
    unproven: [],
    ...(begin.trace === undefined ? {} : { trace: begin.trace }),
  };
  const { beginning } = begin;
  switch (beginning.is) {
    case 'run':
      return start(indexed, blank, begin.at);
    case 'queue':
      return commit(blank, begin.at, 0, {
        phase: { is: 'queued', reason: beginning.reason, toStop: beginning.toStop },
        transition: { is: 'queued', status: 'queued', reason: beginning.reason },
      });
    case 'skip':
      abandon(stages, begin.at);
      return finish(blank, begin.at, 0, stages, { end: 'skipped', reason: beginning.reason });
  }
}

/** What `event` makes of `now`. An execution that has ended only settles. */
export function moveExecution(indexed: IndexedPlan, now: Execution, event: ExecutionEvent): Move<Execution> {
  if (event.is === 'settle') return settle(now);
  // The end of a stage is told by a clock that may be ahead: what it lets start starts no earlier.
  const at = Math.max(event.at, now.at, (event.is === 'stage' ? event.view.endedAt : undefined) ?? 0);
  if (event.is === 'sweep') return sweep(now, at);
  if (now.phase.is === 'ended') return { ignored: 'ended' };
  switch (event.is) {
    case 'promote':
      return now.phase.is === 'queued' ? { moved: start(indexed, now, at) } : { ignored: 'duplicate' };
    case 'stop':
      return now.stop === undefined ? { moved: stop(now, at, event) } : { ignored: 'duplicate' };
    case 'stage':
      return moveView(indexed, now, at, event);
  }
}

function settle(now: Execution): Move<Execution> {
  if (now.phase.is !== 'ended') return { ignored: 'notYet' };
  if (now.sweepAt === undefined) return { ignored: 'duplicate' };
  const { sweepAt: _, ...rest } = now;
  return { moved: { ...rest, unproven: [] } };
}

function sweep(now: Execution, at: Instant): Move<Execution> {
  if (now.sweepAt === undefined) return { ignored: 'ended' };
  if (at < now.sweepAt) return { ignored: 'notYet' };
  // A queued one only waits for its turn: once it was looked at, there is little that could be missing.
  const sweepAt = now.phase.is === 'queued' ? at + SWEEP_QUEUED_MS : nextSweep(now.phase, now.stages, now.stop, at);
  return { moved: { ...now, sweepAt } };
}

/** By when something must have moved: soon while a step or a stop is under way, after a wait's end where the wait is known. */
function nextSweep(
  phase: ExecutionPhase,
  stages: readonly StageView[],
  stop: Execution['stop'] | undefined,
  at: Instant,
): Instant {
  const soon = at + SWEEP_RUNNING_MS;
  if (phase.is !== 'running' || stop !== undefined) return soon;
  let earliest = at + SWEEP_LONGEST_MS;
  for (const stage of stages) {
    if (stage.status === 'running') return soon;
    if (stage.status !== 'waiting') continue;
    // A held stage looks again and again without anyone seeing a difference, so what is known of its wait is old.
    const wakeAt = isHold(stage.reason) ? at + SWEEP_QUEUED_MS : (stage.wakeAt ?? at);
    earliest = Math.min(earliest, wakeAt + SWEEP_GRACE_MS);
  }
  return Math.max(earliest, at + SWEEP_GRACE_MS);
}

type Change = {
  readonly phase?: ExecutionPhase;
  readonly stages?: readonly StageView[];
  readonly open?: number;
  readonly stop?: Execution['stop'];
  readonly transition: Pick<Transition, 'is' | 'status' | 'stage' | 'reason'>;
};

/** The next revision: the change, its transition after those that no answer has proved announced, and the next look. */
function commit(now: Execution, at: Instant, proves: number, change: Change): Execution {
  const revision = now.revision + 1;
  const phase = change.phase ?? now.phase;
  const stages = change.stages ?? now.stages;
  const stop = change.stop ?? now.stop;
  const unproven = now.unproven.filter((one) => one.revision > proves);
  unproven.push({ ...change.transition, revision, at });
  return {
    ...now,
    revision,
    at,
    phase,
    stages,
    open: change.open ?? now.open,
    unproven,
    sweepAt: nextSweep(phase, stages, stop, at),
    ...(stop === undefined ? {} : { stop }),
  };
}

function start(indexed: IndexedPlan, now: Execution, at: Instant): Execution {
  const deadline = at + indexed.plan.timeoutMs;
  const stages = [...now.stages];
  const every = stages.map((_, index) => index);
  const closed = spread(indexed, stages, every, now.revision + 1, at);
  const open = now.open - closed;
  if (open === 0) return finish(now, at, 0, stages, { end: outcomeOf(indexed, stages) });
  return commit(now, at, 0, {
    phase: { is: 'running', startedAt: at, deadline },
    stages,
    open,
    transition: { is: 'started', status: 'running' },
  });
}

const isAtRest = (status: StageStatus): boolean => status !== 'pending' && status !== 'running' && status !== 'waiting';

/** True where the stages after this one may go on as if it had succeeded. */
function isSatisfied(view: StageView, plan: StagePlan | undefined): boolean {
  if (view.status === 'succeeded') return true;
  if (view.status === 'skipped') return view.reason?.code !== 'not-reached';
  return view.status === 'failed' && plan?.onFailure.then === 'continue';
}

/**
 * Decides the pending stages at `candidates` whose needs are all at rest, and then those that this decides in turn.
 * Changes `stages` in place and returns how many came to rest.
 */
function spread(
  indexed: IndexedPlan,
  stages: StageView[],
  candidates: readonly number[],
  revision: number,
  at: Instant,
): number {
  let closed = 0;
  const queue = [...candidates];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const view = stages[next];
    const node = indexed.nodes[next];
    if (view === undefined || node === undefined || view.status !== 'pending') continue;
    const decided = decide(indexed, stages, node);
    if (decided === 'wait') continue;
    if (decided === 'start') {
      stages[next] = { id: view.id, status: 'running', attempts: 1, startedAt: at, startedIn: revision };
      continue;
    }
    stages[next] = { id: view.id, status: 'skipped', attempts: 0, reason: decided, endedAt: at };
    closed += 1;
    queue.push(...node.dependents);
  }
  return closed;
}

function decide(indexed: IndexedPlan, stages: readonly StageView[], node: PlanNode): 'wait' | 'start' | Reason {
  let blockedBy: StageId | undefined;
  for (const need of node.needs) {
    const view = stages[need];
    if (view === undefined || !isAtRest(view.status)) return 'wait';
    if (!isSatisfied(view, indexed.plan.stages[need])) blockedBy ??= view.id;
  }
  for (const before of node.after) {
    const view = stages[before];
    if (view === undefined || !isAtRest(view.status)) return 'wait';
  }
  if (blockedBy !== undefined) return { code: 'not-reached', text: `${blockedBy}, which it needs, did not succeed.` };
  const { skip } = node.stage;
  return skip === undefined ? 'start' : { code: 'condition-false', text: skip };
}

function moveView(
  indexed: IndexedPlan,
  now: Execution,
  at: Instant,
  event: ExecutionEvent & { is: 'stage' },
): Move<Execution> {
  const index = positionOf(indexed, event.stage);
  const node = indexed.nodes[index];
  const before = now.stages[index];
  if (node === undefined || before === undefined || now.phase.is !== 'running') return { ignored: 'superseded' };
  if (before.status === 'pending') return { ignored: 'notYet' };
  if (isAtRest(before.status)) return { ignored: 'ended' };
  const { reason: _reason, wakeAt: _wakeAt, ...kept } = before;
  const stages = [...now.stages];
  stages[index] = { ...kept, ...event.view };
  const transition: Change['transition'] = {
    is: 'stage',
    stage: event.stage,
    status: event.view.status,
    ...(event.view.reason === undefined ? {} : { reason: event.view.reason }),
  };
  const phase =
    isHold(before.reason) && !isHold(event.view.reason) ? released(indexed, now.phase, before, at) : now.phase;
  if (!isAtRest(event.view.status)) return { moved: commit(now, at, event.proves, { phase, stages, transition }) };

  const isOver = at >= phase.deadline && event.view.reason?.code === 'stage-timed-out';
  const stops = now.stop === undefined && (isOver || failsNow(event.view.status, node.stage.onFailure));
  const because: Reason = {
    ...(isOver
      ? { code: 'execution-timed-out', text: `It did not end within its time limit; ${event.stage} was under way.` }
      : { code: 'stage-failed', text: sentenceOf(event.stage, event.view) }),
    unblock: `gennaker restart ${now.id}`,
  };
  const stopping = stops ? { because, end: 'failed' as const, revision: now.revision + 1 } : now.stop;
  const closed =
    stopping === undefined ? spread(indexed, stages, node.dependents, now.revision + 1, at) : abandon(stages, at);
  const open = now.open - 1 - closed;
  if (open === 0) {
    const end = stopping?.end ?? outcomeOf(indexed, stages);
    const reason = stopping?.because ?? (end === 'failed' ? firstFailure(now.id, indexed, stages) : undefined);
    return { moved: finish(now, at, event.proves, stages, { end, stage: event.stage, reason, stop: stopping }) };
  }
  return {
    moved: commit(now, at, event.proves, {
      phase,
      stages,
      open,
      stop: stopping,
      transition: stops ? { is: 'stopping', status: 'running', stage: event.stage, reason: because } : transition,
    }),
  };
}

/** The phase with the time that the stage was held put to its end, which is never further off than for a new execution. */
function released(
  { plan }: IndexedPlan,
  phase: ExecutionPhase & { is: 'running' },
  { startedAt }: StageView,
  at: Instant,
): ExecutionPhase & { is: 'running' } {
  const held = at - (startedAt ?? at);
  return { ...phase, deadline: Math.max(phase.deadline, Math.min(phase.deadline + held, at + plan.timeoutMs)) };
}

function sentenceOf(stage: StageId, view: Pick<StageView, 'status' | 'reason'>): string {
  const how = view.status === 'cancelled' ? 'was cancelled' : 'failed';
  return `${stage} ${how}: ${view.reason?.text ?? 'no reason was given.'}`;
}

const failsNow = (status: StageStatus, policy: OnFailure): boolean =>
  (status === 'failed' || status === 'cancelled') && policy.then === 'fail' && policy.others === 'cancel';

/** Lays every pending stage to rest. Changes `stages` in place and returns how many it were. */
function abandon(stages: StageView[], at: Instant): number {
  let closed = 0;
  for (const [index, view] of stages.entries()) {
    if (view.status !== 'pending') continue;
    const reason: Reason = { code: 'not-reached', text: 'It was not reached: the execution came to its end before.' };
    stages[index] = { id: view.id, status: 'skipped', attempts: 0, reason, endedAt: at };
    closed += 1;
  }
  return closed;
}

function outcomeOf(indexed: IndexedPlan, stages: readonly StageView[]): ExecutionEnd {
  const failed = stages.some(
    (view, index) =>
      (view.status === 'failed' || view.status === 'cancelled') &&
      indexed.plan.stages[index]?.onFailure.then !== 'continue',
  );
  return failed ? 'failed' : 'succeeded';
}

function firstFailure(id: ExecutionId, indexed: IndexedPlan, stages: readonly StageView[]): Reason {
  const failed = stages.find(
    (view, index) => view.status === 'failed' && indexed.plan.stages[index]?.onFailure.then !== 'continue',
  );
  return {
    code: 'stage-failed',
    text: `${failed?.id ?? 'A stage'} failed: ${failed?.reason?.text ?? 'no reason was given.'}`,
    unblock: `gennaker restart ${id}`,
  };
}

function stop(now: Execution, at: Instant, event: ExecutionEvent & { is: 'stop' }): Execution {
  const stages = [...now.stages];
  const open = now.open - abandon(stages, at);
  const stopping = { because: event.because, end: event.end, revision: now.revision + 1 };
  if (open === 0) return finish(now, at, 0, stages, { end: event.end, reason: event.because, stop: stopping });
  return commit(now, at, 0, {
    stages,
    open,
    stop: stopping,
    transition: { is: 'stopping', status: 'running', reason: event.because },
  });
}

/** The end, where every stage is at rest. */
function finish(
  now: Execution,
  at: Instant,
  proves: number,
  stages: readonly StageView[],
  how: {
    readonly end: ExecutionEnd;
    readonly stage?: StageId;
    readonly reason?: Reason | undefined;
    readonly stop?: Execution['stop'];
  },
): Execution {
  const reason = how.reason === undefined ? {} : { reason: how.reason };
  const startedAt = now.phase.is === 'running' ? { startedAt: now.phase.startedAt } : {};
  return commit(now, at, proves, {
    phase: { is: 'ended', end: how.end, at, promoted: [], ...startedAt, ...reason },
    stages,
    open: 0,
    stop: how.stop,
    transition: {
      is: 'ended',
      status: how.end,
      ...(how.stage === undefined ? {} : { stage: how.stage }),
      ...reason,
    },
  });
}

/** The ended execution with the names of those that got its slot in the same commit. */
export function withPromoted(ended: Execution, promoted: readonly ExecutionId[]): Execution {
  return ended.phase.is === 'ended' ? { ...ended, phase: { ...ended.phase, promoted } } : ended;
}

export type ExecutionStatus = 'queued' | 'running' | 'waiting' | ExecutionEnd;

/** One word for where the execution is: `waiting` when every stage under way waits. */
export function statusOf(execution: Execution): ExecutionStatus {
  const { phase } = execution;
  switch (phase.is) {
    case 'queued':
      return 'queued';
    case 'ended':
      return phase.end;
    case 'running': {
      const active = execution.stages.filter((one) => one.status === 'running' || one.status === 'waiting');
      return active.length > 0 && active.every((one) => one.status === 'waiting') ? 'waiting' : 'running';
    }
  }
}
