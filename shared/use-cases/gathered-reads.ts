/** One document that every stage and every event asks for is read once for all that ask at the same time, and is never older than the asking. */
import type { Cells } from '../ports/cells.ts';
import type { Versioned } from '../ports/execution-store.ts';

type Read<T> = Promise<Versioned<T> | undefined>;

/**
 * The cells, where whoever asks while a read of the same key is under way waits for the next one, together with all
 * others that do. That read begins after each of them has asked, so nobody is told less than by a read of his own, which
 * a cache with a time to live could not promise.
 */
export function gatheredReads<T>(cells: Pick<Cells<T>, 'read'>): Pick<Cells<T>, 'read'> {
  const underWay = new Map<string, { readonly now: Read<T>; next?: Read<T> }>();
  const begin = (key: string): Read<T> => {
    const turn: { readonly now: Read<T>; next?: Read<T> } = { now: cells.read({ key }) };
    underWay.set(key, turn);
    const end = (): void => {
      if (turn.next === undefined) underWay.delete(key);
    };
    turn.now.then(end, end);
    return turn.now;
  };
  return {
    read({ key }) {
      const turn = underWay.get(key);
      if (turn === undefined) return begin(key);
      const again = (): Read<T> => begin(key);
      turn.next ??= turn.now.then(again, again);
      return turn.next;
    },
  };
}
