/** The system's own stores as a step is given them: that one of them fails is no fault of the stage, so it must not use up its attempts. */
import type { OtherExecutions } from '../ports/other-executions.ts';
import type { StageContext } from '../stages/kind.ts';

/** One of our own stores did not answer. The step that asked it may run again. */
export class StoreTrouble extends Error {
  override readonly name = 'StoreTrouble';
}

type Stores = Pick<StageContext, 'blobs' | 'locks' | 'secrets' | 'isAtWork'>;

/** The same stores, which throw StoreTrouble with what they threw as its cause. */
export function ownStores({ blobs, locks, secrets, isAtWork }: Stores): Stores {
  return {
    blobs: {
      get: (query) => telling(() => blobs.get(query)),
      put: (command) => telling(() => blobs.put(command)),
    },
    locks: {
      read: (query) => telling(() => locks.read(query)),
      write: (command) => telling(() => locks.write(command)),
    },
    secrets: { get: (query) => telling(() => secrets.get(query)) },
    isAtWork: (holder) => telling(() => isAtWork(holder)),
  };
}

/** Other executions, which are in the same stores. */
export function ownOthers(others: OtherExecutions): OtherExecutions {
  return {
    start: (command) => telling(() => others.start(command)),
    requested: (query) => others.requested(query),
    read: (query) => telling(() => others.read(query)),
    whyNotStarted: (query) => telling(() => others.whyNotStarted(query)),
    newest: (query) => telling(() => others.newest(query)),
    stop: (command) => telling(() => others.stop(command)),
  };
}

async function telling<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    throw new StoreTrouble(`The system could not reach its own store: ${text}`, { cause });
  }
}
