/** Stage kinds as a simulation runs them: each does what it does, unless a script has something to say of its stage. */
import { z } from 'zod';
import type { Json } from '../../shared/core/json.ts';
import type { StageId } from '../../shared/core/plan.ts';
import type { Input, Outcome } from '../../shared/core/run.ts';
import { checkedDurationMs } from '../../shared/pipeline/duration.ts';
import { partAt } from '../../shared/pipeline/expressions/resolve.ts';
import type { StageContext, StageKind } from '../../shared/stages/kind.ts';
import { pause } from '../../shared/use-cases/engine.ts';
import { scriptedHttp } from './far-ends.ts';
import type { ScriptedAnswer, ScriptedFailure, ScriptedStage } from './script-schema.ts';
import type { VirtualTime } from './time.ts';

/** A stage that takes long answers in between, so that it can be stopped: so many times, but within these bounds. */
const SLICES = 8;
const SHORTEST_SLICE_MS = 5_000;
const LONGEST_SLICE_MS = 40_000;

/** What the stages of a simulation did, as far as a script may have had something to say of it. */
export type Doings = {
  /** The highest attempt of each stage that has run. */
  readonly attempts: Map<StageId, number>;
  /** How many HTTP requests each stage has made. */
  readonly requests: Map<StageId, number>;
  /** The ids of signals that a step was given. */
  readonly signals: Set<string>;
};

export type Surroundings = {
  readonly time: VirtualTime;
  readonly doings: Doings;
  scriptOf(context: StageContext): ScriptedStage | undefined;
};

/** `until`: when the work that the script says is over, in epoch ms; `own`: the cursor of the kind itself. */
type Cursor = { readonly until?: number | undefined; readonly own?: unknown };
type At = { readonly cursor: Cursor | undefined; readonly input: Input };

export function scriptedKinds(
  kinds: ReadonlyMap<string, StageKind>,
  around: Surroundings,
): ReadonlyMap<string, StageKind> {
  return new Map([...kinds].map(([name, kind]) => [name, scriptedKind(kind, around) as StageKind]));
}

function scriptedKind(kind: StageKind, around: Surroundings): StageKind<unknown, Cursor> {
  const { time, doings } = around;
  /** Runs `work` with time standing still, unless it waits for the clock of the context that it is given. */
  const held = async <T>(context: StageContext, work: (context: StageContext) => Promise<T>): Promise<T> => {
    const { clock, end } = time.begin(`step ${context.step} of ${context.stage}`);
    const answers = around.scriptOf(context)?.answers;
    const http = scriptedHttp(() => nextAnswer(doings, context.stage, answers), clock);
    try {
      return await work({ ...context, clock, http });
    } finally {
      end();
    }
  };
  return {
    ...kind,
    cursor: z.strictObject({ until: z.number().optional(), own: kind.cursor.optional() }),
    step: (parameters, at, context) =>
      held(context, async (inside) => {
        const script = around.scriptOf(context);
        doings.attempts.set(context.stage, context.attempt);
        if (at.input.by === 'signal') doings.signals.add(at.input.signal.id);
        const failure = script?.fails?.find(({ attempt = context.attempt }) => attempt === context.attempt);
        const until = endOfWork(at, failure, script, inside.clock.now());
        if (await isStillAtWork(until, at, inside)) return { is: 'again', cursor: { until, own: at.cursor?.own } };
        if (failure !== undefined) return failed(failure, context);
        if (script?.outputs !== undefined) return { is: 'succeeded', outputs: script.outputs };
        return withUntil(await kind.step(parameters, ownAt(at), inside), until);
      }),
    stop: (parameters, at, context) =>
      held(context, async (inside) => {
        const script = around.scriptOf(context);
        const neverBegan = script?.outputs !== undefined || script?.fails !== undefined;
        if (neverBegan && at.cursor?.own === undefined) return { is: 'succeeded', outputs: null };
        return withUntil(await kind.stop(parameters, ownAt(at), inside), at.cursor?.until);
      }),
  };
}

function nextAnswer(
  doings: Doings,
  stage: StageId,
  answers: readonly ScriptedAnswer[] | undefined,
): ScriptedAnswer | undefined {
  const before = doings.requests.get(stage) ?? 0;
  doings.requests.set(stage, before + 1);
  return answers?.[before] ?? answers?.at(-1);
}

/** When the attempt has worked for as long as the script says; undefined where it says nothing. */
function endOfWork(
  at: At,
  failure: ScriptedFailure | undefined,
  script: ScriptedStage | undefined,
  now: number,
): number | undefined {
  if (at.cursor?.until !== undefined) return at.cursor.until;
  const span = failure?.after ?? script?.takes;
  return span === undefined ? undefined : now + checkedDurationMs(span);
}

/** Works for a while, within the step's time. True where the end is not reached by it. */
async function isStillAtWork(until: number | undefined, at: At, { clock, deadline }: StageContext): Promise<boolean> {
  const now = clock.now();
  if (until === undefined || now >= until) return false;
  // The first step of an attempt answers at once: from then on people see that it is at work.
  if (at.cursor?.until === undefined) return true;
  const left = until - now;
  const slice = Math.min(LONGEST_SLICE_MS, Math.max(SHORTEST_SLICE_MS, left / SLICES), (deadline - now) / 2);
  await pause(clock, Math.min(left, slice));
  return clock.now() < until;
}

function failed({ reason: code, text, retry }: ScriptedFailure, { stage, attempt }: StageContext): Outcome<Cursor> {
  const sentence = text ?? `The script lets attempt ${attempt} of ${stage} fail.`;
  return { is: 'failed', reason: { code, text: sentence }, then: retry ? 'newAttempt' : 'giveUp' };
}

/** The cursor of the kind itself in that of a run. */
export function ownCursor(cursor: Json | undefined): Json | undefined {
  return partAt(cursor, ['own']);
}

/** The place of the kind itself, for which the work that the script added was never there. */
function ownAt({ cursor, input }: At): { cursor: unknown; input: Input } {
  const isFirst = cursor?.own === undefined && input.by === 'again';
  return { cursor: cursor?.own, input: isFirst ? { by: 'begin' } : input };
}

function withUntil<O>(outcome: Outcome<unknown, O>, until: number | undefined): Outcome<Cursor, O> {
  if (outcome.is !== 'again' && outcome.is !== 'waiting') return outcome;
  return { ...outcome, cursor: { until, own: outcome.cursor } };
}
