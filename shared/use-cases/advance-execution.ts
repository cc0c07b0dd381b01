/** The loop's heart: claims a due step, runs it, commits what it came to, and sends what that caused. */
import { type IndexedPlan, moveExecution, stagePlanOf } from '../core/execution.ts';
import type { Refusal } from '../core/move.ts';
import { outstandingOfExecution, outstandingOfRun, startedSince } from '../core/outstanding.ts';
import type { Execution, Instant, Outcome, Run } from '../core/run.ts';
import { moveStage, shownOf, viewOf } from '../core/stage.ts';
import type { Answer } from '../ports/bus.ts';
import type { Versioned } from '../ports/execution-store.ts';
import { type Change, changeOf, commitChange } from './change-execution.ts';
import { type Engine, untilCommitted, wakeName } from './engine.ts';
import type { StopStage, Work, WorkMessage } from './messages.ts';
import { workMessage, workTopic } from './messages.ts';
import { runStep } from './run-step.ts';
import { attend, send, sendChange, senderOf } from './send.ts';
import { stopExecution } from './stop-execution.ts';

/** Does what a message of a work topic says. Throws what is to be delivered again later. */
export async function advanceExecution(engine: Engine, message: WorkMessage): Promise<Answer> {
  switch (message.is) {
    case 'work':
      await advance(engine, message.work);
      return 'done';
    case 'stopStage':
      await stopStage(engine, message.stop);
      return 'done';
    case 'stopExecution':
      await stopExecution(engine, {
        id: message.stop.execution,
        end: 'cancelled',
        because: {
          code: 'superseded-by-newer',
          text: `A newer execution, ${message.stop.for}, takes its place.`,
          unblock: `gennaker restart ${message.stop.execution}`,
        },
      });
      return 'done';
    case 'attend':
      await attend(engine, message.attend.execution);
      return 'done';
  }
}

/** A step that this worker holds. */
type Claimed = { readonly indexed: IndexedPlan; readonly run: Versioned<Run>; readonly at: Instant };

/** The worker came to itself only after the time for its step was over. */
class StepNotBegun extends Error {
  override readonly name = 'StepNotBegun';
  constructor(work: Work) {
    super(`the time for step ${work.step} of ${work.execution}/${work.stage} was over before it was begun`);
  }
}

async function advance(engine: Engine, work: Work): Promise<void> {
  const claimed = await claim(engine, work);
  if (claimed === undefined) return;
  // A worker that was frozen after its claim has lost the time for the step: the message comes again.
  if (engine.clock.now() >= claimed.at + engine.timing.stepMs) throw new StepNotBegun(work);
  const outcome = await runStep(engine, claimed.indexed, claimed.run.value, claimed.at);
  await conclude(engine, claimed, outcome);
}

/** Takes the step, or does what its refusal asks for and returns undefined. */
async function claim(engine: Engine, work: Work): Promise<Claimed | undefined> {
  const by = engine.random.id();
  return untilCommitted(engine, `Claiming ${work.execution}/${work.stage}`, async () => {
    const found = await engine.executions.readRun(work);
    if (found === undefined) {
      engine.log.write('WARNING', 'Work for a stage that never started', { ...work });
      return undefined;
    }
    const indexed = await engine.plans.get(found.value.plan);
    const stage = stagePlanOf(indexed, work.stage);
    if (stage === undefined) return undefined;
    const at = engine.clock.now();
    const until = at + engine.timing.leaseMs;
    const move = moveStage(stage, found.value, { is: 'claim', at, by, until, attempt: work.attempt, step: work.step });
    if (!('moved' in move)) {
      await answerVoidClaim(engine, indexed, found.value, work, move.ignored);
      return undefined;
    }
    if (move.moved.state.is === 'ended') {
      const shown = await commitShown(engine, indexed, found, move.moved);
      if (shown === 'conflict') return 'conflict';
      return undefined;
    }
    const result = await engine.executions.commit({
      writes: [{ document: 'run', value: move.moved, expected: found.version }],
    });
    const version = result.is === 'committed' ? result.versions[0] : undefined;
    return version === undefined ? 'conflict' : { indexed, run: { value: move.moved, version }, at };
  });
}

/** A message for a step that cannot be claimed still proves that somebody may have been lost: what is outstanding is sent again. */
async function answerVoidClaim(
  engine: Engine,
  indexed: IndexedPlan,
  run: Run,
  work: Work,
  because: Refusal,
): Promise<void> {
  const sender = senderOf(indexed, run);
  if (because === 'held' || because === 'notYet') {
    // A wake that came early has used up its name, so the next look has one of its own.
    const now = engine.clock.now();
    for (const effect of outstandingOfRun(run)) {
      if (effect.is !== 'wake') continue;
      await engine.wakeUps.schedule({
        name: wakeName([run.execution, run.stage, run.attempt, run.step, effect.turn, effect.at, engine.random.id()]),
        at: Math.max(effect.at, now + 1),
        topic: workTopic(stagePlanOf(indexed, run.stage)?.target),
        message: workMessage(
          { ...work, attempt: run.attempt, step: run.step },
          {
            pipeline: sender.pipeline,
            at: now,
            trace: sender.trace,
          },
        ),
      });
    }
    return;
  }
  const found = await engine.executions.readExecution({ id: run.execution });
  if (found === undefined) return;
  if (found.value.phase.is === 'ended') {
    if (found.value.sweepAt !== undefined) await attend(engine, run.execution);
    return;
  }
  const announcements = outstandingOfExecution(found.value).filter((effect) => effect.is === 'announce');
  const started = run.state.is === 'ended' ? startedSince(found.value, run.proves) : [];
  // Stops are not among it: a stop that answers a stop would breed.
  await send(engine, sender, [...announcements, ...started, ...outstandingOfRun(run)]);
}

/** Commits what the step came to, as long as this worker holds it, and sends what that caused. */
async function conclude(engine: Engine, claimed: Claimed, outcome: Outcome): Promise<void> {
  const { indexed } = claimed;
  const held = claimed.run.value;
  const stage = stagePlanOf(indexed, held.stage);
  const by = held.state.is === 'claimed' ? held.state.by : '';
  if (stage === undefined) return;
  let known: Versioned<Run> | undefined = claimed.run;
  await untilCommitted(engine, `Committing ${held.execution}/${held.stage}`, async () => {
    const current: Versioned<Run> | undefined =
      known ?? (await engine.executions.readRun({ execution: held.execution, stage: held.stage }));
    known = undefined;
    if (current === undefined) return 'gone';
    const move = moveStage(stage, current.value, { is: 'answer', at: engine.clock.now(), by, outcome });
    if (!('moved' in move)) {
      engine.log.write('INFO', 'The answer of a step came after another worker had taken it over', {
        execution: held.execution,
        stage: held.stage,
      });
      // This may be the last delivery of the message with which the other works: it must not be lost with that worker.
      const { execution, stage: id, attempt, step } = current.value;
      await answerVoidClaim(engine, indexed, current.value, { execution, stage: id, attempt, step }, move.ignored);
      return 'superseded';
    }
    return commitShown(engine, indexed, current, move.moved);
  });
}

/** Commits a moved run, with the execution where people see a difference, and sends what is outstanding then. */
async function commitShown(
  engine: Engine,
  indexed: IndexedPlan,
  before: Versioned<Run>,
  moved: Run,
): Promise<'sent' | 'conflict'> {
  const view = viewOf(moved);
  const shown = shownOf(view);
  if (shown === before.value.shown) {
    const result = await engine.executions.commit({
      writes: [{ document: 'run', value: moved, expected: before.version }],
    });
    if (result.is === 'conflict') return 'conflict';
    await send(engine, senderOf(indexed, moved), outstandingOfRun(moved));
    return 'sent';
  }
  const found = await engine.executions.readExecution({ id: moved.execution });
  const next = found === undefined ? undefined : showIn(indexed, found.value, moved, before.value.proves);
  if (found === undefined || next === undefined) {
    // The execution does not take it: the stage was at rest for it already. The run comes to rest by itself.
    const result = await engine.executions.commit({
      writes: [{ document: 'run', value: { ...moved, shown }, expected: before.version }],
    });
    return result.is === 'conflict' ? 'conflict' : 'sent';
  }
  // An ended run's duplicates look for what started since the work that it answered; and the message of a step
  // that is repeated may be the one that was there before this revision, so its answer will prove nothing new.
  const proves = moved.state.is === 'ended' || moved.repeats > 0 ? before.value.proves : next.revision;
  const run: Run = { ...moved, shown, proves };
  const change: Change = await changeOf(engine, indexed, found, next);
  const changed = await commitChange(engine, change, [{ document: 'run', value: run, expected: before.version }]);
  if (changed === 'conflict') return 'conflict';
  await sendChange(engine, changed, [run]);
  return 'sent';
}

function showIn(indexed: IndexedPlan, execution: Execution, run: Run, proves: number): Execution | undefined {
  const move = moveExecution(indexed, execution, {
    is: 'stage',
    at: run.at,
    stage: run.stage,
    view: viewOf(run),
    proves,
  });
  return 'moved' in move ? move.moved : undefined;
}

/** Turns a stage to its stop steps, and runs the first at once where nobody holds the stage. */
async function stopStage(engine: Engine, command: StopStage): Promise<void> {
  const run = await untilCommitted(engine, `Stopping ${command.execution}/${command.stage}`, async () => {
    const [found, execution] = await Promise.all([
      engine.executions.readRun(command),
      engine.executions.readExecution({ id: command.execution }),
    ]);
    const stop = execution?.value.stop;
    if (found === undefined || stop === undefined) return undefined;
    const indexed = await engine.plans.get(found.value.plan);
    const stage = stagePlanOf(indexed, command.stage);
    if (stage === undefined) return undefined;
    const move = moveStage(stage, found.value, {
      is: 'stop',
      at: engine.clock.now(),
      because: stop.because,
      end: 'cancelled',
      revision: stop.revision,
    });
    if (!('moved' in move)) {
      // It is stopping already. This message proves nothing of what the stage has come to since: all of that is sent again.
      const { attempt, step } = found.value;
      await answerVoidClaim(engine, indexed, found.value, { ...command, attempt, step }, 'duplicate');
      return undefined;
    }
    const result = await engine.executions.commit({
      writes: [{ document: 'run', value: move.moved, expected: found.version }],
    });
    return result.is === 'conflict' ? 'conflict' : move.moved;
  });
  if (run === undefined) return;
  await advance(engine, { execution: run.execution, stage: run.stage, attempt: run.attempt, step: run.step });
}
