/** Documents that are read and compare-and-set one at a time: locks, what each channel has sent, templates. */
import type { Version, Versioned } from './execution-store.ts';

export interface Cells<T> {
  read(query: { key: string }): Promise<Versioned<T> | undefined>;
  /** The new version, or `conflict` where the cell is not (or no longer) as expected. */
  write(command: { key: string; value: T; expected: Version | 'absent' }): Promise<Version | 'conflict'>;
}

export type Cell<T> = Versioned<T> & { readonly key: string };

/** Cells that people list: few enough of them, and written seldom enough, for an index of their keys. */
export interface ListedCells<T> extends Cells<T> {
  /** In the order of the keys' UTF-8 bytes, from the first one after `after`. */
  list(query: { limit: number; after?: string }): Promise<readonly Cell<T>[]>;
  /** Leaves no cell behind: `conflict` where there is one that is not as expected. Where there is none, nothing is done. */
  delete(command: { key: string; expected: Version }): Promise<'deleted' | 'conflict'>;
}

/** Who may deliver a service to a target now, and the turn that fences everyone before. */
export type Lock = {
  readonly format: 1;
  /** Grows by one each time the lock goes to another holder. */
  readonly turn: number;
  readonly holder?: { readonly execution: string; readonly stage: string; readonly attempt: number };
};

/** What one channel of one execution has shown so far. */
export type NotificationState = {
  readonly format: 1;
  /** Where the message is, in the channel's own terms; absent until it was seen to be posted. */
  readonly posted?: { readonly [field: string]: string };
  /** The newest revision shown. */
  readonly revision: number;
  /** Who is sending now, until when (epoch ms). */
  readonly claim?: { readonly by: string; readonly until: number };
  /** How often the first post was begun without its end being seen: above 1 means "look first". */
  readonly tries: number;
  /** A newer revision that the holder of the claim is to show as well, before it is done. */
  readonly asked?: number;
  /** Revisions of thread posts (failures, requests) that were made. */
  readonly details: readonly number[];
  /** Revisions of thread posts that were begun and not yet seen to be made. */
  readonly begun?: readonly number[];
};
