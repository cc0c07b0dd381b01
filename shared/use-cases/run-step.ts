/** Runs one step of a stage within its time, and turns whatever happens into an outcome. */
import { z } from 'zod';
import { type IndexedPlan, stagePlanOf } from '../core/execution.ts';
import type { Json } from '../core/json.ts';
import type { Input, Instant, Outcome, Run } from '../core/run.ts';
import { SKIP_SIGNAL } from '../core/stage.ts';
import { type StageContext, type StageKind, TerminalError } from '../stages/kind.ts';
import { type Engine, pause } from './engine.ts';
import { admitStep, afterLayingToRest } from './holds/before-step.ts';
import { ownOthers, ownStores, StoreTrouble } from './own-stores.ts';
import { stageParameters } from './stage-parameters.ts';

/** The longest interval between two shows of progress, in ms: more often would cost writes that nobody sees. */
const REPORT_INTERVAL_MS = 500;
/** How long a step that was told to stop at its deadline may take to do so, in ms. */
const ABORT_GRACE_MS = 2_000;
/** What a reason's sentence keeps, in characters: it stands in several documents, announcements and messages at once. */
const MAXIMUM_REASON_CHARACTERS = 2_000;
/** What a cursor or outputs may take, in characters of JSON. */
const MAXIMUM_CURSOR_CHARACTERS = 64 * 1024;

/** The outcome of the claimed step of `run`. `claimedAt` is when the claim was sent, from which its time counts. */
export async function runStep(engine: Engine, indexed: IndexedPlan, run: Run, claimedAt: Instant): Promise<Outcome> {
  const stage = stagePlanOf(indexed, run.stage);
  const kind = stage === undefined ? undefined : engine.kinds.get(stage.kind);
  if (stage === undefined || kind === undefined) {
    return giveUp(`No stage kind is called ${stage?.kind ?? run.stage} in this installation.`);
  }
  const resolved = await stageParameters(engine, indexed, run);
  if (resolved.is === 'unusable') return { is: 'failed', reason: resolved.reason, then: 'giveUp' };
  if (resolved.is === 'skip') return { is: 'skipped', reason: resolved.reason };
  const admitted = await admitStep(engine, indexed, run);
  if (admitted.is === 'answer') return admitted.outcome;
  const isLaidToRest = admitted.is === 'lay-to-rest';
  const asked: Run = isLaidToRest ? { ...admitted.run, doing: 'stop' } : admitted.run;
  const deadline = claimedAt + engine.timing.stepMs;
  // Reading what it needs may have taken until another was allowed to begin.
  if (engine.clock.now() >= deadline) return tooLong(engine);
  const over = new AbortController();
  const cancelTimer = engine.clock.after(Math.max(0, deadline - engine.clock.now()), () => over.abort());
  const held = { still: true };
  try {
    const context = contextOf(engine, indexed, run, { deadline, signal: over.signal, held });
    const outcome = bounded(
      await Promise.race([perform(engine, kind, asked, resolved.parameters, context), cutOff(engine, over.signal)]),
    );
    return isLaidToRest ? afterLayingToRest(outcome, admitted.wish, run) : outcome;
  } finally {
    held.still = false;
    cancelTimer();
  }
}

/** The outcome with a sentence that people can read: clusters and far ends may say as much as they like. */
function bounded(outcome: Outcome): Outcome {
  if (!('reason' in outcome) || outcome.reason.text.length <= MAXIMUM_REASON_CHARACTERS) return outcome;
  const text = `${outcome.reason.text.slice(0, MAXIMUM_REASON_CHARACTERS).toWellFormed()}…`;
  if (outcome.is === 'waiting') return { ...outcome, reason: { ...outcome.reason, text } };
  return { ...outcome, reason: { ...outcome.reason, text } };
}

/** The outcome of a step that does not end though it was told to. */
async function cutOff(engine: Engine, signal: AbortSignal): Promise<Outcome> {
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  await pause(engine.clock, ABORT_GRACE_MS);
  return tooLong(engine);
}

function tooLong(engine: Engine): Outcome {
  const seconds = Math.round(engine.timing.stepMs / 1000);
  return {
    is: 'failed',
    reason: { code: 'step-too-long', text: `A step did not end within ${seconds} s and was told to stop.` },
    then: 'sameStep',
  };
}

async function perform(
  engine: Engine,
  kind: StageKind,
  run: Run,
  parameters: Json,
  context: StageContext,
): Promise<Outcome> {
  if (run.state.is !== 'claimed') return giveUp('The step was not claimed.');
  try {
    const given = kind.with.parse(parameters);
    const cursor = run.cursor === undefined ? undefined : kind.cursor.parse(run.cursor);
    const at = { cursor, input: run.doing === 'stop' ? stopInput(run.state.input) : run.state.input };
    const outcome = run.doing === 'forward' ? await kind.step(given, at, context) : await kind.stop(given, at, context);
    return checked(kind, run, given, outcome);
  } catch (error) {
    context.log.write('WARNING', 'A step of a stage failed', { kind: kind.kind, error });
    return outcomeOfError(engine, error, context.signal);
  }
}

/** A stage that is skipped is brought to rest by the person's signal, of which its kind knows nothing. */
function stopInput(input: Input): Input {
  return input.by === 'signal' && input.signal.name === SKIP_SIGNAL ? { by: 'stop' } : input;
}

/** The outcome with its cursor or outputs checked by the kind's own schemas, and their size bounded. */
function checked(kind: StageKind, run: Run, given: unknown, outcome: Outcome<unknown, unknown>): Outcome {
  switch (outcome.is) {
    case 'succeeded': {
      const outputs = kind.outputsOf?.(given) ?? kind.outputs;
      return { is: 'succeeded', outputs: run.doing === 'forward' ? stored(outputs, outcome.outputs) : null };
    }
    case 'again':
      return { is: 'again', cursor: stored(kind.cursor, outcome.cursor) };
    case 'waiting':
      return { ...outcome, cursor: stored(kind.cursor, outcome.cursor) };
    case 'failed':
    case 'skipped':
      return outcome;
  }
}

function stored(schema: z.ZodType, value: unknown): Json {
  const text = JSON.stringify(schema.parse(value)) ?? 'null';
  if (text.length > MAXIMUM_CURSOR_CHARACTERS) {
    throw new TerminalError(`The stage's state is ${text.length} characters long; ${MAXIMUM_CURSOR_CHARACTERS} fit.`);
  }
  return JSON.parse(text) as Json;
}

/** The one place that tells the two sorts of failure apart: what no retry can mend, and what one may. */
function outcomeOfError(engine: Engine, error: unknown, signal: AbortSignal): Outcome {
  if (error instanceof z.ZodError) {
    const text = `The stage's parameters or its state do not fit its kind: ${z.prettifyError(error)}`;
    return { is: 'failed', reason: { code: 'invalid-parameters', text }, then: 'giveUp' };
  }
  const text = error instanceof Error ? error.message : String(error);
  if (error instanceof TerminalError) return giveUp(text);
  if (error instanceof StoreTrouble) {
    return { is: 'failed', reason: { code: 'store-unreachable', text }, then: 'sameStep' };
  }
  // What a step throws after it was told to stop is how it stops, not what it found.
  if (signal.aborted) return tooLong(engine);
  return { is: 'failed', reason: { code: 'stage-failed', text }, then: 'newAttempt' };
}

const giveUp = (text: string): Outcome => ({
  is: 'failed',
  reason: { code: 'stage-failed', text },
  then: 'giveUp',
});

function contextOf(
  engine: Engine,
  indexed: IndexedPlan,
  run: Run,
  claim: { deadline: Instant; signal: AbortSignal; held: { still: boolean } },
): StageContext {
  const { plan } = indexed;
  const { target, manifests = plan.manifests } = stagePlanOf(indexed, run.stage) ?? {};
  const where = { execution: run.execution, stage: run.stage, attempt: run.attempt, step: run.step };
  let reportedAt = Number.NEGATIVE_INFINITY;
  return {
    ...where,
    pipeline: plan.pipeline,
    tries: run.tries,
    ...(run.stop?.mayHaveActed === true ? { mayHaveActed: true as const } : {}),
    key: `${run.execution}/${run.stage}/${run.attempt}/${run.step}`,
    namespace: plan.namespace,
    ...(plan.namespaces === undefined ? {} : { namespaces: plan.namespaces }),
    ...(target === undefined ? {} : { target }),
    images: plan.images,
    ...(manifests === undefined ? {} : { manifests }),
    ...(plan.files === undefined ? {} : { files: plan.files }),
    deadline: claim.deadline,
    signal: claim.signal,
    // Not the lease's end but the step's: what is between them is for clocks that do not agree.
    mayWrite: () => claim.held.still && !claim.signal.aborted && engine.clock.now() < claim.deadline,
    clock: engine.clock,
    ...ownStores({
      blobs: engine.blobs,
      locks: engine.locks,
      secrets: engine.secrets,
      async isAtWork(holder) {
        const found = await engine.executions.readRun(holder);
        return found !== undefined && found.value.state.is !== 'ended' && found.value.attempt === holder.attempt;
      },
    }),
    async cluster() {
      if (target === undefined) throw new TerminalError(`The stage ${run.stage} has no target.`);
      return engine.clusterOf(target);
    },
    ...(engine.others === undefined ? {} : { others: ownOthers(engine.others) }),
    http: engine.http,
    ...(engine.google === undefined ? {} : { google: engine.google }),
    renderer: engine.renderer,
    log: {
      write: (severity, message, fields) => engine.log.write(severity, message, { ...where, ...fields }),
    },
    report(lines) {
      const now = engine.clock.now();
      if (now - reportedAt < REPORT_INTERVAL_MS) return;
      reportedAt = now;
      const { execution, ...rest } = where;
      engine.progress
        .show({ execution, progress: { ...rest, at: now, lines } })
        .catch((error: unknown) => engine.log.write('WARNING', 'Progress could not be shown', { ...where, error }));
    },
    ...(run.trace === undefined ? {} : { trace: run.trace }),
    ...(engine.callbacks === undefined ? {} : { callbackUrl: engine.callbacks.urlFor(where) }),
  };
}
