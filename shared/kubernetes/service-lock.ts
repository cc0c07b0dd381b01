/** The lock of a service on a target: one attempt delivers at a time, and its turn fences off everyone before it. */
import type { Cells, Lock } from '../ports/cells.ts';

/** How often a lock that others change at the same time is read again. */
const TRIES = 10;

export type LockHolder = { readonly execution: string; readonly stage: string; readonly attempt: number };

export type Acquired =
  | { readonly is: 'held'; readonly turn: number }
  | { readonly is: 'locked-by-other'; readonly holder: LockHolder }
  /** This worker no longer holds its step. */
  | { readonly is: 'not-ours' };

/** The name of the lock; it is written to objects beside the fence. */
export function lockKey(service: { target: string; namespace: string; pipeline: string }): string {
  return `${service.target}/${service.namespace}/${service.pipeline}`;
}

/**
 * Takes the lock, or finds that it is held by this attempt already and keeps its turn. A holder that is no longer
 * at work loses it. Throws when others changed the lock through every try.
 */
export async function acquireLock(command: {
  locks: Cells<Lock>;
  key: string;
  holder: LockHolder;
  isAtWork: (holder: LockHolder) => Promise<boolean>;
  mayWrite: () => boolean;
}): Promise<Acquired> {
  const { locks, key, holder } = command;
  for (let tried = 0; tried < TRIES; tried++) {
    const cell = await locks.read({ key });
    const present = cell?.value.holder;
    if (present !== undefined && isSame(present, holder)) return { is: 'held', turn: cell?.value.turn ?? 0 };
    if (present !== undefined && (await command.isAtWork(present))) return { is: 'locked-by-other', holder: present };
    if (!command.mayWrite()) return { is: 'not-ours' };
    const turn = (cell?.value.turn ?? 0) + 1;
    const value: Lock = { format: 1, turn, holder };
    if ((await locks.write({ key, value, expected: cell?.version ?? 'absent' })) !== 'conflict') {
      return { is: 'held', turn };
    }
  }
  throw new Error(`taking the lock ${key}: others changed it ${TRIES} times in a row`);
}

/** The turn under which this attempt holds the lock, or undefined where it does not. */
export async function heldTurn(query: {
  locks: Cells<Lock>;
  key: string;
  holder: LockHolder;
}): Promise<number | undefined> {
  const cell = await query.locks.read({ key: query.key });
  const present = cell?.value.holder;
  return present !== undefined && isSame(present, query.holder) ? cell?.value.turn : undefined;
}

/** Gives the lock back, if this attempt holds it; its turn stays, so that the next holder's is higher. */
export async function releaseLock(command: {
  locks: Cells<Lock>;
  key: string;
  holder: LockHolder;
  mayWrite: () => boolean;
}): Promise<void> {
  const { locks, key, holder } = command;
  for (let tried = 0; tried < TRIES; tried++) {
    const cell = await locks.read({ key });
    const present = cell?.value.holder;
    if (cell === undefined || present === undefined || !isSame(present, holder) || !command.mayWrite()) return;
    const value: Lock = { format: 1, turn: cell.value.turn };
    if ((await locks.write({ key, value, expected: cell.version })) !== 'conflict') return;
  }
  throw new Error(`giving the lock ${key} back: others changed it ${TRIES} times in a row`);
}

function isSame(one: LockHolder, other: LockHolder): boolean {
  return one.execution === other.execution && one.stage === other.stage && one.attempt === other.attempt;
}
