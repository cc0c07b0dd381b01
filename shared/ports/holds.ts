/** What keeps work from beginning: windows, freezes and pauses, in one document that each stage reads before its first step. */
import type { Window } from '../calendar/windows.ts';

/**
 * What is held: `all`, `team:items`, `pipeline:items-api`, `target:jp`, `execution:ID`, or `trigger:items-api/0`, a
 * pipeline's trigger by its position in `on`.
 */
export type HoldScope = string;

export type Freeze = {
  readonly id: string;
  readonly scope: HoldScope;
  readonly reason: string;
  readonly by: string;
  readonly at: number;
  /** When it begins; absent: at once. */
  readonly from?: number;
  /** When it ends by itself; absent: when it is lifted. */
  readonly until?: number;
  /** It stands in the file of freezes, and goes when it is taken out of it. */
  readonly isFromFile?: true;
};

export type Pause = {
  readonly scope: HoldScope;
  readonly reason: string;
  readonly by: string;
  readonly at: number;
};

export type Holds = {
  readonly format: 1;
  /** By scope: a target, a team or a pipeline. */
  readonly windows: { readonly [scope: HoldScope]: readonly Window[] };
  /** When those of a scope were set last, in epoch ms. */
  readonly windowsSetAt?: { readonly [scope: HoldScope]: number };
  readonly freezes: readonly Freeze[];
  readonly pauses: readonly Pause[];
};

export const NO_HOLDS: Holds = { format: 1, windows: {}, freezes: [], pauses: [] };
/** The key of the one document. */
export const HOLDS_KEY = 'all';
