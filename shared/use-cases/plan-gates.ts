/** What an execution of a plan would wait for on its way: people and times in its stages, windows, freezes and pauses around them. */
import { describeWindow, isOpen, type Window } from '../calendar/windows.ts';
import type { Plan, StagePlan } from '../core/plan.ts';
import type { Freeze, HoldScope, Holds, Pause } from '../ports/holds.ts';
import type { StageKind } from '../stages/kind.ts';
import { isoSeconds } from '../triggers/cron/source.ts';
import { isInForce, openingOfAll } from './holds/judge.ts';

export type Gate =
  | { readonly is: 'stage'; readonly stage: string; readonly text: string }
  | {
      readonly is: 'window' | 'freeze' | 'pause';
      /** What it is of: `all`, `team:items`, `pipeline:items-api`, `target:jp` or `trigger:items-api/0`. */
      readonly of: HoldScope;
      readonly text: string;
      /** Whether it would hold an execution that is asked for now. */
      readonly isHolding: boolean;
      /** When it lets go by itself, ISO 8601, UTC: the next opening, the end of a freeze. Null where it does not, or is open. */
      readonly until: string | null;
    };

/** When an execution that is asked for now could begin, as far as windows, freezes and pauses go. */
export type Beginning =
  | { readonly is: 'now' }
  /** ISO 8601, UTC. */
  | { readonly is: 'later'; readonly at: string }
  /** Only when a person ends what holds it. */
  | { readonly is: 'unknown'; readonly text: string };

export type Gates = { readonly gates: readonly Gate[]; readonly begins: Beginning };

/** What is delivered, and under which names it may be held. */
export type Held = {
  readonly pipeline: string;
  readonly team: string;
  /** The windows of its own file. */
  readonly windows?: readonly Window[] | undefined;
  /** Undefined where the stages are not known. */
  readonly plan: Plan | undefined;
};

/** Freezes one after the other that are looked past for a time to begin. */
const MAXIMUM_FREEZES = 200;

/** `now` is in epoch ms. The same state at the same time gives the same gates. */
export function gatesOf(kinds: ReadonlyMap<string, StageKind>, held: Held, holds: Holds, now: number): Gates {
  const targets = targetsOf(held.plan);
  const scopes = ['all', `team:${held.team}`, `pipeline:${held.pipeline}`, ...targets.map((name) => `target:${name}`)];
  const freezes = holds.freezes.filter(
    ({ scope, until }) => scopes.includes(scope) && (until === undefined || now < until),
  );
  const pauses = holds.pauses.filter(
    ({ scope }) => scopes.includes(scope) || scope.startsWith(`trigger:${held.pipeline}/`),
  );
  const windows = windowsOf(held, holds, targets);
  return {
    gates: [
      ...(held.plan === undefined ? [] : stageGates(kinds, held.plan)),
      ...pauses.map(gateOfPause),
      ...freezes.map((freeze) => gateOfFreeze(freeze, now)),
      ...windows.map((allowed) => gateOfWindows(allowed, now)),
    ],
    begins: beginningOf(held, { pauses, freezes, windows }, now),
  };
}

/** Stages of one declaration are told once. */
function stageGates(kinds: ReadonlyMap<string, StageKind>, plan: Plan): Gate[] {
  const gates = new Map<string, string>();
  for (const { kind: name, declaredAs, skip, isDynamic, with: given } of plan.stages) {
    const kind = kinds.get(name);
    if (kind?.gate === undefined || skip !== undefined || gates.has(declaredAs)) continue;
    const parameters = isDynamic === true ? undefined : kind.with.safeParse(given);
    gates.set(declaredAs, parameters?.success === true ? kind.gate(parameters.data) : `${name}, as earlier stages say`);
  }
  return [...gates].map(([stage, text]) => ({ is: 'stage', stage, text }));
}

function targetsOf(plan: Plan | undefined): readonly string[] {
  const stages = (plan?.stages ?? []).filter(({ skip }) => skip === undefined);
  return [...new Set(stages.flatMap(({ target }) => (target === undefined ? [] : [target])))];
}

type Allowed = { readonly of: HoldScope; readonly windows: readonly Window[] };

/** Those of the file and those that admins set for the pipeline are asked apart: both must be open. */
function windowsOf(
  { pipeline, team, windows = [] }: Held,
  holds: Holds,
  targets: readonly string[],
): readonly Allowed[] {
  const scopes = [`pipeline:${pipeline}`, `team:${team}`, ...targets.map((name) => `target:${name}`)];
  const stored = scopes.map((of) => ({
    of,
    windows: Object.hasOwn(holds.windows, of) ? (holds.windows[of] ?? []) : [],
  }));
  return [{ of: `pipeline:${pipeline}`, windows }, ...stored].filter((each) => each.windows.length > 0);
}

function gateOfPause({ scope, by, reason }: Pause): Gate {
  const text = `${nameOf(scope)} is paused by ${by}: ${reason}`;
  return { is: 'pause', of: scope, text, isHolding: !scope.startsWith('trigger:'), until: null };
}

function gateOfFreeze(freeze: Freeze, now: number): Gate {
  const { id, scope, by, reason, from, until } = freeze;
  const isHolding = isInForce(freeze, now);
  const begin = isHolding || from === undefined ? '' : ` from ${isoSeconds(from)}`;
  const end = until === undefined ? ' until it is lifted' : ` until ${isoSeconds(until)}`;
  const text = `${nameOf(scope)} ${isHolding ? 'is' : 'will be'} frozen${begin}${end} (${id}, by ${by}): ${reason}`;
  return { is: 'freeze', of: scope, text, isHolding, until: until === undefined ? null : isoSeconds(until) };
}

function gateOfWindows({ of, windows }: Allowed, now: number): Gate {
  const isHolding = !isOpen(windows, now);
  const opens = isHolding ? openingOfAll([{ of, windows }], now) : undefined;
  const next = opens === undefined ? 'closed for years' : `closed now, opens at ${isoSeconds(opens)}`;
  const times = windows.map(describeWindow).join('; ');
  return {
    is: 'window',
    of,
    text: `window of ${nameOf(of)} ${times}, ${isHolding ? next : 'open now'}`,
    isHolding,
    until: opens === undefined ? null : isoSeconds(opens),
  };
}

/** `pipeline items-api`, `trigger items-api/0`, `everything`. */
function nameOf(scope: HoldScope): string {
  return scope === 'all' ? 'everything' : scope.replace(':', ' ');
}

type Holding = {
  readonly pauses: readonly Pause[];
  readonly freezes: readonly Freeze[];
  readonly windows: readonly Allowed[];
};

/** Of targets only those count on which something may begin first; what comes after them waits for its own. */
function beginningOf({ pipeline, team, plan }: Held, holding: Holding, now: number): Beginning {
  const first = firstStages(plan);
  const places = first.length === 0 ? [undefined] : [...new Set(first.map(({ target }) => target))];
  const beginnings = places.map((target) => {
    const own = ['all', `team:${team}`, `pipeline:${pipeline}`, ...(target === undefined ? [] : [`target:${target}`])];
    const concerns = <T>(all: readonly T[], scopeOf: (one: T) => HoldScope): T[] =>
      all.filter((one) => own.includes(scopeOf(one)));
    return beginningAt(
      {
        pauses: concerns(holding.pauses, ({ scope }) => scope),
        freezes: concerns(holding.freezes, ({ scope }) => scope),
        windows: concerns(holding.windows, ({ of }) => of),
      },
      now,
    );
  });
  const instants = beginnings.flatMap((one) => ('at' in one ? [one.at] : []));
  if (instants.length > 0) {
    const at = Math.min(...instants);
    return at <= now ? { is: 'now' } : { is: 'later', at: isoSeconds(at) };
  }
  const text = beginnings.map((one) => ('text' in one ? one.text : ''))[0] ?? '';
  return { is: 'unknown', text };
}

/** The stages that nothing comes before but stages that are skipped. */
function firstStages(plan: Plan | undefined): readonly StagePlan[] {
  const passed = new Set<string>();
  const first: StagePlan[] = [];
  for (const stage of plan?.stages ?? []) {
    if (![...stage.needs, ...(stage.after ?? [])].every((id) => passed.has(id))) continue;
    if (stage.skip === undefined) first.push(stage);
    else passed.add(stage.id);
  }
  return first;
}

function beginningAt({ pauses, freezes, windows }: Holding, now: number): { at: number } | { text: string } {
  const [paused] = pauses;
  if (paused !== undefined) return { text: `begins when ${nameOf(paused.scope)} is resumed` };
  let at = now;
  for (let looked = 0; looked <= MAXIMUM_FREEZES; looked += 1) {
    const opens = openingOfAll(windows, at);
    if (opens === undefined) return { text: 'never begins by itself: its windows are never open together' };
    const frozen = freezes.find((freeze) => isInForce(freeze, opens));
    if (frozen === undefined) return { at: opens };
    if (frozen.until === undefined) return { text: `begins when the freeze ${frozen.id} is lifted` };
    at = frozen.until;
  }
  return { text: `begins when one of ${freezes.length} freezes is lifted` };
}

/** Lines for people: the stages together, then each hold with its reason, then what that comes to; none where nothing waits. */
export function describeGates({ gates, begins }: Gates): readonly string[] {
  const stages = gates.flatMap((gate) => (gate.is === 'stage' ? [`${gate.text} (${gate.stage})`] : []));
  const holds = gates.flatMap((gate) => (gate.is === 'stage' ? [] : [gate.text]));
  return [stages.join(' · '), ...holds, describeBeginning(begins) ?? ''].filter((line) => line !== '');
}

function describeBeginning(begins: Beginning): string | undefined {
  switch (begins.is) {
    case 'now':
      return undefined;
    case 'later':
      return `begins at ${begins.at} at the earliest`;
    case 'unknown':
      return begins.text;
  }
}
