/** The state machine of one stage's run: claims, steps, waits, mail, retries and stopping, as one pure function. */
import {
  MAXIMUM_MAIL,
  MAXIMUM_REPEAT_BACK_OFF_MS,
  MAXIMUM_REPEATS,
  MAXIMUM_TAKEN,
  MAXIMUM_TRIES,
  REPEAT_BACK_OFF_MS,
  STOP_LIMIT_MS,
} from './limits.ts';
import type { Move } from './move.ts';
import type { StagePlan } from './plan.ts';
import { isHold, isWait, type Reason, type WaitReason } from './reason.ts';
import type { ClaimId, Input, Instant, Outcome, Run, RunState, Signal, StageEnd, StageView, Wait } from './run.ts';

export type StageEvent =
  /** A worker has a message that says that this step is to run, and asks for it. */
  | {
      readonly is: 'claim';
      readonly at: Instant;
      readonly by: ClaimId;
      readonly until: Instant;
      readonly attempt: number;
      readonly step: number;
    }
  /** The holder says what the step came to. `revision` is that which a visible change will lead to. */
  | { readonly is: 'answer'; readonly at: Instant; readonly by: ClaimId; readonly outcome: Outcome }
  | { readonly is: 'signal'; readonly at: Instant; readonly signal: Signal }
  /** The execution is being stopped; the announcement of `revision` was sent before. */
  | {
      readonly is: 'stop';
      readonly at: Instant;
      readonly because: Reason;
      readonly end: 'cancelled' | 'failed';
      readonly revision: number;
    };

/** The signal that wakes a stage from any wait, because a person wants to go on without it. */
export const SKIP_SIGNAL = 'skip';

/** The fields of `Run` without those that each state sets for itself. */
type Settled = Omit<Run, 'state'>;

/** Where a run stands that can still move. */
type LiveState = Exclude<RunState, { is: 'ended' }>;

type Stopping = NonNullable<Run['stop']>;

/** Why and until when the run's stop steps run; undefined while it goes forward. */
const stoppingOf = (run: Settled): Stopping | undefined => (run.doing === 'stop' ? run.stop : undefined);

const at = (run: Settled, state: RunState): Run => ({ ...run, state });

const cancelCommand = (run: Settled): string => `gennaker cancel ${run.execution}`;

/** The first run of a stage, ready to begin. */
export function beginRun(begin: {
  execution: string;
  plan: string;
  stage: StagePlan;
  at: Instant;
  executionDeadline: Instant;
  revision: number;
  trace?: string | undefined;
}): Run {
  return {
    format: 1,
    execution: begin.execution,
    stage: begin.stage.id,
    plan: begin.plan,
    doing: 'forward',
    attempt: 1,
    step: 1,
    tries: 0,
    repeats: 0,
    mail: [],
    taken: [],
    deadline: Math.min(begin.at + begin.stage.timeoutMs, begin.executionDeadline),
    shown: shownOf({ status: 'running', attempts: 1 }),
    proves: begin.revision,
    at: begin.at,
    ...(begin.trace === undefined ? {} : { trace: begin.trace }),
    state: { is: 'ready', input: { by: 'begin' } },
  };
}

/** What `event` makes of `run`. The run of a stage that has ended never moves again. */
export function moveStage(stage: StagePlan, run: Run, event: StageEvent): Move<Run> {
  const { state } = run;
  if (state.is === 'ended') return { ignored: 'ended' };
  const now = Math.max(event.at, run.at);
  switch (event.is) {
    case 'claim':
      return claim(stage, run, state, now, event);
    case 'answer':
      return answer(stage, run, now, event);
    case 'signal':
      return receive(run, now, event.signal);
    case 'stop':
      return stop(run, now, event);
  }
}

function claim(
  stage: StagePlan,
  run: Run,
  state: LiveState,
  now: Instant,
  event: StageEvent & { is: 'claim' },
): Move<Run> {
  if (event.attempt < run.attempt || (event.attempt === run.attempt && event.step < run.step)) {
    return { ignored: 'duplicate' };
  }
  if (event.attempt !== run.attempt || event.step !== run.step) return { ignored: 'notYet' };
  const due = inputOf(run, state, now);
  if (due === undefined) return { ignored: state.is === 'claimed' ? 'held' : 'notYet' };
  const stopping = stoppingOf(run);
  const timed = stopwatch(stage, due.run, state, now);
  if (stopping === undefined) {
    // A signal that came in time counts, however late its step begins.
    const late = due.input.by === 'signal' || mayAwaitMail(due.run, state) ? undefined : lateness(timed, now);
    const because = run.stop ?? late ?? exhaustion(run, now);
    const mayHaveActed = state.is === 'claimed' || run.repeats > 0;
    if (because !== undefined) {
      return { moved: hold(beginStop(run, now, because, mayHaveActed), { by: 'stop' }, now, event) };
    }
  } else if (run.tries >= MAXIMUM_TRIES || now >= stopping.deadline) {
    const text = `${stopping.because.text} It could not be brought to rest: ${run.tries} workers were lost at it, or its time was over.`;
    return { moved: end(run, now, stopping.end, { ...stopping.because, text }) };
  }
  return { moved: hold(timed, due.input, now, event) };
}

/** The run with its whole time still before it, where it has waited to be let begin, however late that is looked at. */
function stopwatch(stage: StagePlan, run: Run, state: LiveState, now: Instant): Run {
  if (state.is !== 'waiting' || !isHold(state.reason)) return run;
  return { ...run, deadline: Math.max(run.deadline, now + stage.timeoutMs) };
}

function hold(run: Settled, input: Input, now: Instant, event: StageEvent & { is: 'claim' }): Run {
  const until = now + (event.until - event.at);
  return at({ ...run, tries: run.tries + 1, at: now }, { is: 'claimed', input, by: event.by, until });
}

/** The input with which the run's step can begin now, and the run without the mail that it takes; undefined while nothing is due. */
function inputOf(run: Run, state: LiveState, now: Instant): { input: Input; run: Run } | undefined {
  switch (state.is) {
    case 'ready':
      return { input: state.input, run };
    case 'claimed':
      return now >= state.until ? { input: state.input, run } : undefined;
    case 'waiting':
      return wakening(run, state, now);
  }
}

function wakening(run: Run, state: RunState & { is: 'waiting' }, now: Instant): { input: Input; run: Run } | undefined {
  const until = endOfWait(run, state.for);
  const signal = timelySignal(run, state.for);
  if (signal !== undefined) {
    const mail = run.mail.filter((one) => one !== signal);
    const taken = [...run.taken, signal.id].slice(-MAXIMUM_TAKEN);
    // A signal may come before the announcement of the wait was sent, so its step's answer proves nothing new.
    return { input: { by: 'signal', signal }, run: { ...run, mail, taken, proves: 0 } };
  }
  return now >= until ? { input: state.input, run } : undefined;
}

/** True where the step may come to wait for what is in the mail already, all of which came in time: its answer tells. */
const mayAwaitMail = ({ mail }: Run, state: LiveState): boolean =>
  mail.length > 0 && !(state.is === 'waiting' && 'signal' in state.for);

const isAwaited = (wait: Wait, signal: Signal): boolean =>
  signal.name === SKIP_SIGNAL || ('signal' in wait && wait.signal === signal.name);

/** The first signal in the mail that is waited for and came before the wait's end. */
function timelySignal(run: Settled, wait: Wait): Signal | undefined {
  const until = endOfWait(run, wait);
  return run.mail.find((one) => isAwaited(wait, one) && one.at < until);
}

/** True while the run waits to be let begin, which takes none of its time, or for what came in time. */
const hasTime = (run: Run): boolean => hasMail(run) || (run.state.is === 'waiting' && isHold(run.state.reason));

/** When a wait ends by itself: at its own time or the stage's limit, whichever comes first. */
export function endOfWait(run: Settled, wait: Wait): Instant {
  const limit = stoppingOf(run)?.deadline ?? run.deadline;
  return Math.min(wait.until ?? limit, limit);
}

function lateness(run: Run, now: Instant): Stopping | undefined {
  if (now < run.deadline) return undefined;
  const because: Reason = {
    code: 'stage-timed-out',
    text: `${run.stage} did not end within its time limit.`,
    unblock: `gennaker restart ${run.execution}`,
  };
  return { because, end: 'failed', deadline: now + STOP_LIMIT_MS };
}

function exhaustion(run: Run, now: Instant): Stopping | undefined {
  if (run.tries < MAXIMUM_TRIES) return undefined;
  const because: Reason = {
    code: 'worker-lost',
    text: `${run.tries} workers in a row were lost at step ${run.step} of ${run.stage}.`,
    unblock: `gennaker restart ${run.execution}`,
  };
  return { because, end: 'failed', deadline: now + STOP_LIMIT_MS };
}

/**
 * The run turned to its stop steps. A new step number, because the stop's side effects are others than the step's.
 * `mayHaveActed`: the step before was begun, and its cursor does not tell of it.
 */
function beginStop(run: Settled, now: Instant, because: Stopping, mayHaveActed: boolean): Settled {
  const stop: Stopping = mayHaveActed ? { ...because, mayHaveActed: true } : because;
  return { ...run, doing: 'stop', stop, step: run.step + 1, tries: 0, repeats: 0, at: now };
}

function readyToStop(run: Settled, now: Instant, because: Stopping, mayHaveActed: boolean): Run {
  return at(beginStop(run, now, because, mayHaveActed), { is: 'ready', input: { by: 'stop' } });
}

function end(run: Settled, now: Instant, how: StageEnd, reason?: Reason, outputs?: Outcome & { is: 'succeeded' }): Run {
  const { cursor: _, ...rest } = run;
  return at(
    { ...rest, mail: [], at: now },
    {
      is: 'ended',
      end: how,
      ...(reason === undefined ? {} : { reason }),
      ...(outputs === undefined ? {} : { outputs: outputs.outputs }),
    },
  );
}

function answer(stage: StagePlan, run: Run, now: Instant, event: StageEvent & { is: 'answer' }): Move<Run> {
  if (run.state.is !== 'claimed' || run.state.by !== event.by) return { ignored: 'superseded' };
  const { outcome } = event;
  const stopping = stoppingOf(run);
  const moved =
    stopping === undefined
      ? goForward(stage, run, run.state.input, now, outcome)
      : comeToRest(run, stopping, run.state.input, now, outcome);
  return { moved };
}

function goForward(stage: StagePlan, run: Run, input: Input, now: Instant, outcome: Outcome): Run {
  switch (outcome.is) {
    case 'succeeded':
      return end(run, now, 'succeeded', undefined, outcome);
    case 'skipped':
      return end(run, now, 'skipped', outcome.reason);
    case 'again':
    case 'waiting': {
      const next: Settled = { ...run, cursor: outcome.cursor, at: now };
      if (run.stop !== undefined) return readyToStop(next, now, run.stop, false);
      const gone = goOn(next, outcome);
      const late = hasTime(gone) ? undefined : lateness(run, now);
      return late === undefined ? gone : readyToStop(next, now, late, false);
    }
    case 'failed': {
      if (run.stop !== undefined) return readyToStop(run, now, run.stop, true);
      if (outcome.then === 'sameStep' && run.repeats < MAXIMUM_REPEATS) return repeat(run, input, now, outcome.reason);
      if (outcome.then === 'giveUp') return end(run, now, 'failed', outcome.reason);
      if (run.attempt >= stage.retry.attempts) {
        return end(run, now, 'failed', stage.retry.attempts > 1 ? afterAttempts(outcome.reason, run) : outcome.reason);
      }
      return nextAttempt(stage, run, now, outcome.reason);
    }
  }
}

const afterAttempts = (reason: Reason, run: Run): Reason => ({
  ...reason,
  text: `${reason.text} That was attempt ${run.attempt}, the last that its retry policy allows.`,
});

/** The stop steps' answers. They end with what the stop wanted, whatever the step found. */
function comeToRest(run: Run, stopping: Stopping, input: Input, now: Instant, outcome: Outcome): Run {
  const { because } = stopping;
  switch (outcome.is) {
    case 'succeeded':
    case 'skipped':
      return end(run, now, stopping.end, because);
    case 'again':
    case 'waiting':
      return goOn({ ...run, cursor: outcome.cursor, at: now }, outcome);
    case 'failed': {
      if (outcome.then !== 'giveUp' && run.repeats < MAXIMUM_REPEATS) return repeat(run, input, now, outcome.reason);
      const text = `${because.text} Stopping it failed: ${outcome.reason.text}`;
      return end(run, now, stopping.end, { ...because, text });
    }
  }
}

function goOn(run: Settled, outcome: Outcome & { is: 'again' | 'waiting' }): Run {
  const next: Settled = { ...run, step: run.step + 1, tries: 0, repeats: 0 };
  if (outcome.is === 'again') return at(next, { is: 'ready', input: { by: 'again' } });
  return at(next, { is: 'waiting', for: outcome.for, reason: outcome.reason, input: { by: 'time' } });
}

function repeat(run: Run, input: Input, now: Instant, reason: Reason): Run {
  const until = now + Math.min(REPEAT_BACK_OFF_MS * 2 ** run.repeats, MAXIMUM_REPEAT_BACK_OFF_MS);
  const wait: WaitReason = {
    code: isWait(reason.code) ? reason.code : 'retry-back-off',
    text: reason.text,
    unblock: reason.unblock ?? cancelCommand(run),
  };
  // The tries go on counting from 1, so that the step looks first: the one before may have acted.
  return at(
    { ...run, repeats: run.repeats + 1, tries: 1, at: now },
    { is: 'waiting', for: { until }, reason: wait, input },
  );
}

function nextAttempt(stage: StagePlan, run: Run, now: Instant, reason: Reason): Run {
  const { backOffMs, maximumBackOffMs, attempts } = stage.retry;
  const until = now + Math.min(backOffMs * 2 ** (run.attempt - 1), maximumBackOffMs);
  const { cursor: _, ...rest } = run;
  const wait: WaitReason = {
    code: 'retry-back-off',
    text: `Attempt ${run.attempt} of ${attempts} failed: ${reason.text} The next one begins after a pause.`,
    unblock: cancelCommand(run),
  };
  return at(
    { ...rest, attempt: run.attempt + 1, step: 1, tries: 0, repeats: 0, mail: [], taken: [], at: now },
    { is: 'waiting', for: { until }, reason: wait, input: { by: 'begin' } },
  );
}

function receive(run: Run, now: Instant, signal: Signal): Move<Run> {
  if (run.taken.includes(signal.id) || run.mail.some((one) => one.id === signal.id)) return { ignored: 'duplicate' };
  // No step that could take it will come: after the holder's answer the stop steps run.
  if (run.stop !== undefined) return { ignored: 'tooLate' };
  if (run.state.is === 'waiting' && isAwaited(run.state.for, signal)) {
    if (now >= endOfWait(run, run.state.for)) return { ignored: 'tooLate' };
  } else if (now >= run.deadline) return { ignored: 'tooLate' };
  if (run.mail.length >= MAXIMUM_MAIL) return { ignored: 'full' };
  return { moved: { ...run, mail: [...run.mail, { ...signal, at: now }], at: now } };
}

function stop(run: Run, now: Instant, event: StageEvent & { is: 'stop' }): Move<Run> {
  if (run.stop !== undefined) return { ignored: 'duplicate' };
  const because: Stopping = { because: event.because, end: event.end, deadline: now + STOP_LIMIT_MS };
  // The holder's answer is still wanted: its cursor tells what there is to undo.
  if (run.state.is === 'claimed') return { moved: { ...run, stop: because, at: now } };
  return { moved: readyToStop({ ...run, proves: event.revision }, now, because, run.repeats > 0) };
}

/** What people see of the run: the fields of its stage's view that the run decides. */
export function viewOf(run: Run): Pick<StageView, 'status' | 'attempts' | 'reason' | 'wakeAt' | 'endedAt'> {
  const { state } = run;
  const attempts = run.attempt;
  switch (state.is) {
    case 'ready':
    case 'claimed':
      return run.stop === undefined
        ? { status: 'running', attempts }
        : { status: 'running', attempts, reason: run.stop.because };
    case 'waiting':
      return { status: 'waiting', attempts, reason: state.reason, wakeAt: endOfWait(run, state.for) };
    case 'ended':
      return {
        status: state.end,
        attempts,
        endedAt: run.at,
        ...(state.reason === undefined ? {} : { reason: state.reason }),
      };
  }
}

/**
 * True while the waiting run has in its mail what it waits for, so that its step can begin at once. What came after the
 * wait's end does not count: work for it would begin the step by time, and prove an announcement that was never sent.
 */
export function hasMail(run: Run): boolean {
  return run.state.is === 'waiting' && timelySignal(run, run.state.for) !== undefined;
}

/** A view in short: two views with the same are the same to people. */
export function shownOf(view: Pick<StageView, 'status' | 'attempts' | 'reason'>): string {
  return `${view.status} ${view.attempts} ${view.reason?.code ?? ''} ${view.reason?.text ?? ''}`;
}
