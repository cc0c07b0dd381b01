/** The document of holds with its history, and the truth that its oracles compare with: what was held when, told without the code under test. */
import { isOpen, nextOpening, type Window } from '../../../shared/calendar/windows.ts';
import type { Cells } from '../../../shared/ports/cells.ts';
import type { Version } from '../../../shared/ports/execution-store.ts';
import { type Holds, NO_HOLDS } from '../../../shared/ports/holds.ts';
import type { Worker, World } from '../world.ts';

/** What may be held from beginning. */
export type Beginning = {
  readonly execution: string;
  readonly pipeline: string;
  readonly team: string;
  readonly target: string | undefined;
  /** Nothing in its execution stands before it. */
  readonly isFirst: boolean;
  readonly windows: readonly Window[];
  /** A person let it begin in spite of windows and freezes, or may have. */
  readonly isOverridden: boolean;
};

/** A span of the worker's clocks, in epoch ms. */
type Span = { readonly from: number; readonly to: number };

export class HeldDocument {
  private readonly world: World;
  private readonly history: { readonly at: number; readonly value: Holds }[];
  private writes = 0;

  constructor(world: World, value: Holds = NO_HOLDS) {
    this.world = world;
    this.history = [{ at: Number.NEGATIVE_INFINITY, value }];
  }

  private get current(): Holds {
    return this.history.at(-1)?.value ?? NO_HOLDS;
  }

  private get version(): Version {
    return `h${this.writes}`;
  }

  portOf(worker: Worker): Cells<Holds> {
    return {
      read: () => this.world.call(worker, 'read holds', () => ({ value: this.current, version: this.version })),
      write: ({ value, expected }) =>
        this.world.call(worker, 'write holds', () => {
          if (expected !== this.version) return 'conflict';
          this.writes += 1;
          this.history.push({ at: this.world.now, value: structuredClone(value) });
          return this.version;
        }),
    };
  }

  /** True where it was held at every moment since `since`, in the world's own time, by whatever clock it is looked at. */
  hasBeenHeldSince(since: number, what: Beginning): boolean {
    const span = this.spanSince(since);
    return this.versionsSince(since).every(({ value }) => isHeldThroughout(value, what, span));
  }

  /** The same of what was held all that time and not in turns: who comes later knows of no other. */
  hasOneHeldSince(since: number, what: Beginning): boolean {
    const versions = this.versionsSince(since).map(({ value }) => value);
    return isHeldThroughout(versions.reduce(common, this.current), what, this.spanSince(since));
  }

  private versionsSince(since: number): readonly { readonly value: Holds }[] {
    return this.history.filter((_, index) => (this.history[index + 1]?.at ?? Number.POSITIVE_INFINITY) > since);
  }

  /** True where nothing holds it now, by whatever clock it is looked at. */
  isFree(what: Beginning): boolean {
    const { from, to } = this.spanSince(this.world.now);
    return [from, to].every((at) => !isHeldThroughout(this.current, what, { from: at, to: at }));
  }

  private spanSince(since: number): Span {
    const { world } = this;
    const now = world.wallTime();
    const then = now - (world.now - since);
    return { from: Math.min(then, now) - world.temper.skewMs, to: Math.max(then, now) + world.temper.skewMs };
  }
}

/** What is held in both. */
function common(one: Holds, other: Holds): Holds {
  const isIn = (list: readonly unknown[]) => (item: unknown) => list.some((each) => isSame(each, item));
  return {
    format: 1,
    windows: Object.fromEntries(
      Object.entries(one.windows).filter(([scope, list]) => isSame(list, other.windows[scope])),
    ),
    freezes: one.freezes.filter(isIn(other.freezes)),
    pauses: one.pauses.filter(isIn(other.pauses)),
  };
}

const isSame = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);

function isHeldThroughout({ pauses, freezes, windows }: Holds, what: Beginning, { from, to }: Span): boolean {
  const { execution, pipeline, team, target, isFirst } = what;
  const on = target === undefined ? [] : [`target:${target}`];
  const own = isFirst ? [`pipeline:${pipeline}`] : [];
  if (pauses.some(({ scope }) => [`execution:${execution}`, ...own, ...on].includes(scope))) return true;
  if (what.isOverridden) return false;
  const whole = isFirst || target !== undefined ? ['all', `team:${team}`, `pipeline:${pipeline}`] : [];
  const isFrozen = freezes.some(
    (freeze) =>
      [...whole, ...on].includes(freeze.scope) &&
      (freeze.from ?? from) <= from &&
      to < (freeze.until ?? Number.POSITIVE_INFINITY),
  );
  if (isFrozen) return true;
  const scopes = isFirst ? [`pipeline:${pipeline}`, `team:${team}`, ...on] : on;
  const allowed = [...(isFirst ? [what.windows] : []), ...scopes.map((scope) => windows[scope] ?? [])];
  return allowed.some((list) => list.length > 0 && !isOpen(list, from) && (nextOpening(list, from) ?? to + 1) > to);
}
