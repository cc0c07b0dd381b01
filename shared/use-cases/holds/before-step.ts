/**
 * What stands between a claimed step and its kind: holds before the first step, and a person's wish to go on without
 * the stage. Both keep what they know in the run's cursor, around that of the kind, so that the kind knows of neither.
 */
import { z } from 'zod';
import { type IndexedPlan, stagePlanOf } from '../../core/execution.ts';
import type { Json } from '../../core/json.ts';
import type { Reason } from '../../core/reason.ts';
import type { Outcome, Run, Wait } from '../../core/run.ts';
import { SKIP_SIGNAL } from '../../core/stage.ts';
import type { Cells } from '../../ports/cells.ts';
import type { Clock } from '../../ports/clock.ts';
import { HOLDS_KEY, type Holds, NO_HOLDS } from '../../ports/holds.ts';
import { heldBy } from './judge.ts';

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

const held = z.strictObject({ 'gennaker.held': z.object({ overridden: z.boolean() }) });
const skipping = z.strictObject({ 'gennaker.skipping': person.extend({ cursor: z.json().optional() }) });

export type HoldPorts = { readonly holds?: Pick<Cells<Holds>, 'read'>; readonly clock: Clock };

/** What is to be done with the step. */
export type Admitted =
  /** Call the kind, with this run. */
  | { readonly is: 'run'; readonly run: Run }
  /** Call the kind's stop step, with this run: what it began is brought to rest, because a person goes on without it. */
  | { readonly is: 'lay-to-rest'; readonly run: Run; readonly wish: z.infer<typeof person> }
  | { readonly is: 'answer'; readonly outcome: Outcome };

/** Reads the document of holds before a stage's first step, and nothing otherwise. */
export async function admitStep(ports: HoldPorts, indexed: IndexedPlan, run: Run): Promise<Admitted> {
  const { state } = run;
  if (state.is !== 'claimed') return { is: 'run', run };
  const waits = held.safeParse(run.cursor);
  const leaves = skipping.safeParse(run.cursor);
  if (run.doing === 'stop') {
    // Nothing was begun, so there is nothing to bring to rest.
    if (waits.success) return { is: 'answer', outcome: { is: 'succeeded', outputs: null } };
    return { is: 'run', run: leaves.success ? inner(run, leaves.data['gennaker.skipping'].cursor) : run };
  }
  if (leaves.success) {
    const { cursor, ...wish } = leaves.data['gennaker.skipping'];
    return { is: 'lay-to-rest', run: inner(run, cursor), wish };
  }
  const { input } = state;
  const signal = input.by === 'signal' ? input.signal : undefined;
  if (signal?.name === SKIP_SIGNAL) {
    const wish = skipValue.parse(signal.value);
    const isBegun = !waits.success && (run.step > 1 || run.cursor !== undefined);
    return isBegun ? { is: 'lay-to-rest', run, wish } : { is: 'answer', outcome: skippedBy(wish) };
  }
  if (!waits.success && (run.step > 1 || run.attempt > 1)) return { is: 'run', run };
  const said = signal?.name === HOLD_SIGNAL ? holdValue.parse(signal.value) : undefined;
  const overridden = said?.is === 'override' || (waits.success && waits.data['gennaker.held'].overridden);
  const outcome = await heldOutcome(ports, indexed, run, overridden);
  if (outcome !== undefined) return { is: 'answer', outcome };
  if (!waits.success) return { is: 'run', run };
  const { cursor: _, ...fresh } = run;
  return { is: 'run', run: { ...fresh, state: { ...state, input: { by: 'begin' } } } };
}

async function heldOutcome(
  { holds: cell, clock }: HoldPorts,
  indexed: IndexedPlan,
  run: Run,
  overridden: boolean,
): Promise<Outcome | undefined> {
  const stage = stagePlanOf(indexed, run.stage);
  if (stage === undefined || cell === undefined) return undefined;
  const now = clock.now();
  const { pipeline, team, windows = [] } = indexed.plan;
  const found = heldBy(
    (await cell.read({ key: HOLDS_KEY }))?.value ?? NO_HOLDS,
    {
      execution: run.execution,
      stage: run.stage,
      pipeline,
      team,
      target: stage.target,
      isFirst: stage.needs.length === 0 && (stage.after ?? []).length === 0,
      windows,
    },
    now,
    overridden,
  );
  if (found === undefined) return undefined;
  const wait: Wait = {
    signal: HOLD_SIGNAL,
    until: Math.min(found.until ?? Number.POSITIVE_INFINITY, now + LOOK_AGAIN_MS),
  };
  return { is: 'waiting', for: wait, cursor: { 'gennaker.held': { overridden } }, reason: found.reason };
}

/** The outcome of a stop step that was run because a person goes on without the stage. */
export function afterLayingToRest(outcome: Outcome, wish: z.infer<typeof person>): Outcome {
  const wrapped = (cursor: Json): Json => ({ 'gennaker.skipping': { ...wish, cursor } });
  switch (outcome.is) {
    case 'succeeded':
    case 'skipped':
      return skippedBy(wish);
    case 'again':
    case 'waiting':
      return { ...outcome, cursor: wrapped(outcome.cursor) };
    case 'failed':
      return outcome;
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
