/**
 * What stands between a claimed step and its kind: holds before the first step, and a person's wish to go on without
 * the stage. Both keep what they know in the run's cursor, around that of the kind, so that the kind knows of neither.
 */
import { z } from 'zod';
import { type IndexedPlan, stagePlanOf } from '../../core/execution.ts';
import type { Json } from '../../core/json.ts';
import { MAXIMUM_REPEATS } from '../../core/limits.ts';
import type { Reason } from '../../core/reason.ts';
import type { Execution, Outcome, Run, Wait } from '../../core/run.ts';
import { SKIP_SIGNAL } from '../../core/stage.ts';
import type { Cells } from '../../ports/cells.ts';
import type { Clock } from '../../ports/clock.ts';
import type { ExecutionStore } from '../../ports/execution-store.ts';
import { HOLDS_KEY, type Holds, NO_HOLDS } from '../../ports/holds.ts';
import { heldBy, isHeldThroughout } from './judge.ts';

/** The signal to a held stage: to look again, or to begin all the same. */
export const HOLD_SIGNAL = 'hold';
/** The longest time in which a held stage does not look again, in ms: what is lifted is found by then at the latest. */
const LOOK_AGAIN_MS = 5 * 60_000;

const person = z.object({ by: z.string(), reason: z.string() });
/** What signals of the two names carry. */
export const skipValue = person;
export const holdValue = z.discriminatedUnion('is', [
  z.object({ is: z.literal('look') }),
  person.extend({ is: z.literal('override') }),
]);

const held = z.strictObject({
  'gennaker.held': z.object({
    overridden: z.boolean(),
    /** When it was held last, in epoch ms. */
    at: z.number().exactOptional(),
  }),
});
const skipping = z.strictObject({ 'gennaker.skipping': person.extend({ cursor: z.json().optional() }) });

export type HoldPorts = {
  readonly holds?: Pick<Cells<Holds>, 'read'>;
  readonly executions: Pick<ExecutionStore, 'readExecution'>;
  readonly clock: Clock;
};

/** What is to be done with the step. */
export type Admitted =
  /** Call the kind, with this run. */
  | { readonly is: 'run'; readonly run: Run }
  /** Call the kind's stop step, with this run: what it began is brought to rest, because a person goes on without it. */
  | { readonly is: 'lay-to-rest'; readonly run: Run; readonly wish: z.infer<typeof person> }
  | { readonly is: 'answer'; readonly outcome: Outcome };

/** What the kind itself remembers of the stage: nothing while it is held. */
export function cursorOfKind({ cursor }: Pick<Run, 'cursor'>): Json | undefined {
  if (held.safeParse(cursor).success) return undefined;
  const leaves = skipping.safeParse(cursor);
  return leaves.success ? leaves.data['gennaker.skipping'].cursor : cursor;
}

/** Reads the document of holds before a stage's first step, and nothing otherwise. */
export async function admitStep(ports: HoldPorts, indexed: IndexedPlan, run: Run): Promise<Admitted> {
  const { state } = run;
  if (state.is !== 'claimed') return { is: 'run', run };
  const waits = held.safeParse(run.cursor);
  const leaves = skipping.safeParse(run.cursor);
  if (run.doing === 'stop') {
    // A held stage has begun nothing, but where a worker that let it begin was lost before it could tell.
    if (waits.success && run.stop?.mayHaveActed !== true) {
      return { is: 'answer', outcome: { is: 'succeeded', outputs: null } };
    }
    return { is: 'run', run: inner(run, cursorOfKind(run)) };
  }
  if (leaves.success) {
    const { cursor, ...wish } = leaves.data['gennaker.skipping'];
    return { is: 'lay-to-rest', run: inner(run, cursor), wish };
  }
  const { input } = state;
  const signal = input.by === 'signal' ? input.signal : undefined;
  if (signal?.name === SKIP_SIGNAL) {
    const wish = skipValue.parse(signal.value);
    const isBegun = run.repeats > 0 || (!waits.success && (run.step > 1 || run.cursor !== undefined));
    if (!isBegun) return { is: 'answer', outcome: skippedBy(wish) };
    return { is: 'lay-to-rest', run: inner(run, cursorOfKind(run)), wish };
  }
  // What has begun is never cut off; it would not know its own traces when it is let begin again.
  if (!waits.success && (run.step > 1 || run.attempt > 1 || run.repeats > 0)) return { is: 'run', run };
  const { cursor: _, ...fresh } = run;
  const begun: Admitted = { is: 'run', run: { ...fresh, state: { ...state, input: { by: 'begin' } } } };
  if (run.repeats > 0) return begun;
  const said = signal?.name === HOLD_SIGNAL ? holdValue.parse(signal.value) : undefined;
  const before = waits.success ? waits.data['gennaker.held'] : undefined;
  const overridden = said?.is === 'override' || before?.overridden === true;
  const outcome = await heldOutcome(ports, indexed, run, { overridden, at: before?.at });
  if (outcome !== undefined) return { is: 'answer', outcome };
  return waits.success ? begun : { is: 'run', run };
}

async function heldOutcome(
  { holds: cell, executions, clock }: HoldPorts,
  indexed: IndexedPlan,
  run: Run,
  { overridden, at: heldAt }: { readonly overridden: boolean; readonly at: number | undefined },
): Promise<Outcome | undefined> {
  const stage = stagePlanOf(indexed, run.stage);
  if (stage === undefined || cell === undefined) return undefined;
  const now = clock.now();
  const { pipeline, team, windows = [] } = indexed.plan;
  const { execution, stage: id } = run;
  const begins = { execution, stage: id, pipeline, team, target: stage.target, windows };
  const holds = (await cell.read({ key: HOLDS_KEY }))?.value ?? NO_HOLDS;
  const before = [...stage.needs, ...(stage.after ?? [])];
  let isFirst = true;
  let found = heldBy(holds, { ...begins, isFirst }, now, overridden);
  if (found !== undefined && before.length > 0) {
    const started = (await executions.readExecution({ id: execution }))?.value;
    isFirst = started !== undefined && isRestartAt(started, before);
    found = heldBy(holds, { ...begins, isFirst }, now, overridden);
  }
  if (found === undefined) return undefined;
  if (run.tries > 1) {
    // A worker was lost at this very step. It has begun nothing for certain only if one thing has held it ever since.
    const view = (await executions.readExecution({ id: execution }))?.value.stages.find((one) => one.id === id);
    const since = heldAt ?? view?.startedAt ?? now;
    if (!isHeldThroughout(holds, { ...begins, isFirst }, { since, now }, overridden)) return undefined;
  }
  const wait: Wait = {
    signal: HOLD_SIGNAL,
    until: Math.min(found.until ?? Number.POSITIVE_INFINITY, now + LOOK_AGAIN_MS),
  };
  return { is: 'waiting', for: wait, cursor: { 'gennaker.held': { overridden, at: now } }, reason: found.reason };
}

/** Whether all that comes before the stage was done by an earlier execution, so that this one begins with it. */
function isRestartAt({ restartOf, createdAt, stages }: Execution, before: readonly string[]): boolean {
  if (restartOf === undefined) return false;
  const carried = stages.filter(({ endedAt }) => endedAt !== undefined && endedAt < createdAt).map(({ id }) => id);
  return before.every((id) => carried.includes(id));
}

/** The outcome of a stop step that was run because a person goes on without the stage: it is never attempted anew. */
export function afterLayingToRest(outcome: Outcome, wish: z.infer<typeof person>, { repeats }: Run): Outcome {
  const wrapped = (cursor: Json): Json => ({ 'gennaker.skipping': { ...wish, cursor } });
  switch (outcome.is) {
    case 'succeeded':
    case 'skipped':
      return skippedBy(wish);
    case 'again':
    case 'waiting':
      return { ...outcome, cursor: wrapped(outcome.cursor) };
    case 'failed':
      return { ...outcome, then: outcome.then === 'giveUp' || repeats >= MAXIMUM_REPEATS ? 'giveUp' : 'sameStep' };
  }
}

function skippedBy({ by, reason }: z.infer<typeof person>): Outcome {
  const because: Reason = { code: 'skipped-by-person', text: `Skipped by ${by}: ${reason}` };
  return { is: 'skipped', reason: because };
}

function inner(run: Run, cursor: Json | undefined): Run {
  const { cursor: _, ...rest } = run;
  return cursor === undefined ? rest : { ...rest, cursor };
}
