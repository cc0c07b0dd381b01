/** Whether something may begin now: pure, over the document of holds and a pipeline's own windows. */
import { describeWindow, isOpen, nextOpening, type Window } from '../../calendar/windows.ts';
import type { WaitReason } from '../../core/reason.ts';
import type { Freeze, HoldScope, Holds, Pause } from '../../ports/holds.ts';
import { isoSeconds } from '../../triggers/cron/source.ts';

/** What is about to begin. */
export type Beginner = {
  readonly execution: string;
  readonly stage: string;
  readonly pipeline: string;
  readonly team: string;
  readonly target: string | undefined;
  /** The execution begins with it, so that what holds for pipeline and team counts. */
  readonly isFirst: boolean;
  /** The windows in the pipeline's own file. */
  readonly windows: readonly Window[];
};

export type Held = {
  readonly reason: WaitReason;
  /** When it may be let go by itself, in epoch ms. */
  readonly until?: number;
  /** A person with a reason can go on in spite of it. */
  readonly canBeOverridden: boolean;
};

/** Looks from one opening to the next, until all windows are open at once. */
const MAXIMUM_OPENINGS = 100;

/** The first thing that keeps it from beginning, those that only a person ends first; undefined where nothing does. */
export function heldBy(holds: Holds, beginner: Beginner, now: number, isOverridden: boolean): Held | undefined {
  const paused = pauseOf(holds, scopesOfPause(beginner));
  if (paused !== undefined) return byPause(paused);
  if (isOverridden) return undefined;
  const scopes = scopesOf(beginner);
  const frozen = holds.freezes.find((freeze) => scopes.includes(freeze.scope) && isInForce(freeze, now));
  if (frozen !== undefined) return byFreeze(frozen, beginner);
  return byWindow(windowsOf(holds, beginner), beginner, now);
}

/**
 * True where one and the same thing has kept it from beginning at every moment from `since` to `now`: it cannot have
 * begun between two that took turns.
 */
export function isHeldThroughout(
  holds: Holds,
  beginner: Beginner,
  { since, now }: { readonly since: number; readonly now: number },
  isOverridden: boolean,
): boolean {
  const then = madeBy(holds, since);
  if (pauseOf(then, scopesOfPause(beginner)) !== undefined) return true;
  if (isOverridden) return false;
  const scopes = scopesOf(beginner);
  const isFrozen = then.freezes.some(
    (freeze) => scopes.includes(freeze.scope) && isInForce(freeze, since) && isInForce(freeze, now),
  );
  if (isFrozen) return true;
  return windowsOf(then, beginner).some(
    ({ windows }) => !isOpen(windows, since) && (nextOpening(windows, since) ?? Number.POSITIVE_INFINITY) > now,
  );
}

/** Of what is held, that which was by then. */
function madeBy({ windows, windowsSetAt = {}, freezes, pauses }: Holds, at: number): Holds {
  return {
    format: 1,
    windows: Object.fromEntries(Object.entries(windows).filter(([scope]) => (windowsSetAt[scope] ?? 0) <= at)),
    freezes: freezes.filter((one) => one.at <= at),
    pauses: pauses.filter((one) => one.at <= at),
  };
}

export function isInForce({ from, until }: Freeze, now: number): boolean {
  return (from === undefined || from <= now) && (until === undefined || now < until);
}

export function pauseOf(holds: Holds, scopes: readonly HoldScope[]): Pause | undefined {
  return holds.pauses.find(({ scope }) => scopes.includes(scope));
}

function scopesOfPause({ execution, pipeline, target, isFirst }: Beginner): readonly HoldScope[] {
  return [
    `execution:${execution}`,
    ...(isFirst ? [`pipeline:${pipeline}`] : []),
    ...(target === undefined ? [] : [`target:${target}`]),
  ];
}

/** A freeze stops what delivers wherever its execution stands, and everything before it has begun. */
function scopesOf({ pipeline, team, target, isFirst }: Beginner): readonly HoldScope[] {
  const whole = isFirst || target !== undefined ? ['all', `team:${team}`, `pipeline:${pipeline}`] : [];
  return target === undefined ? whole : [...whole, `target:${target}`];
}

type Allowed = { readonly of: string; readonly windows: readonly Window[] };

function windowsOf(holds: Holds, { pipeline, team, target, isFirst, windows }: Beginner): readonly Allowed[] {
  const found = (scope: HoldScope): readonly Window[] =>
    Object.hasOwn(holds.windows, scope) ? (holds.windows[scope] ?? []) : [];
  const all: Allowed[] = [];
  if (isFirst) {
    all.push({ of: pipeline, windows });
    all.push({ of: pipeline, windows: found(`pipeline:${pipeline}`) });
    all.push({ of: `team ${team}`, windows: found(`team:${team}`) });
  }
  if (target !== undefined) all.push({ of: target, windows: found(`target:${target}`) });
  return all.filter((one) => one.windows.length > 0);
}

function byPause({ scope, reason, by }: Pause): Held {
  const [kind = '', name = ''] = scope.split(/:(.*)/su);
  return {
    reason: {
      code: 'paused',
      text: `${kind === 'execution' ? 'The execution' : `The ${kind} ${name}`} was paused by ${by}: ${reason}`,
      unblock: `gennaker resume ${kind} ${name}`,
    },
    canBeOverridden: false,
  };
}

function byFreeze(freeze: Freeze, { execution, stage }: Beginner): Held {
  const { id, scope, reason, by, until } = freeze;
  const what = scope === 'all' ? 'Everything' : `The ${scope.replace(':', ' ')}`;
  const end = until === undefined ? 'until it is lifted' : `until ${isoSeconds(until)}`;
  return {
    reason: {
      code: 'frozen',
      text: `${what} is frozen ${end} (${id}, by ${by}): ${reason}`,
      unblock: `gennaker override ${execution} ${stage} --reason "…"`,
    },
    ...(until === undefined ? {} : { until }),
    canBeOverridden: true,
  };
}

function byWindow(allowed: readonly Allowed[], { execution, stage }: Beginner, now: number): Held | undefined {
  const closed = allowed.find(({ windows }) => !isOpen(windows, now));
  if (closed === undefined) return undefined;
  const opens = openingOfAll(allowed, now);
  const when = opens === undefined ? 'they are never open together' : `the next opening is at ${isoSeconds(opens)}`;
  return {
    reason: {
      code: 'outside-window',
      text: `Outside the windows of ${closed.of} (${closed.windows.map(describeWindow).join('; ')}); ${when}.`,
      unblock: `gennaker override ${execution} ${stage} --reason "…"`,
    },
    ...(opens === undefined ? {} : { until: opens }),
    canBeOverridden: true,
  };
}

/** The first instant from now at which a window of each is open. */
export function openingOfAll(allowed: readonly Allowed[], now: number): number | undefined {
  let at = now;
  for (let looked = 0; looked < MAXIMUM_OPENINGS; looked += 1) {
    const closed = allowed.find(({ windows }) => !isOpen(windows, at));
    if (closed === undefined) return at;
    const next = nextOpening(closed.windows, at);
    if (next === undefined) return undefined;
    at = next;
  }
  return undefined;
}
