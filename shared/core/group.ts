/** The slots of a concurrency group: who runs, who waits, and who is next. */
import { MAXIMUM_QUEUE } from './limits.ts';
import type { Concurrency, StartRule } from './plan.ts';
import type { ExecutionId, Group, Instant, Starts } from './run.ts';

/** How a new execution enters its group. */
export type Entry = {
  readonly group: Group;
  readonly verdict: 'run' | 'queue' | 'busy' | 'full';
  /** Executions that waited and that the new one replaces. */
  readonly replaced: readonly ExecutionId[];
  /** Running executions that are to be stopped for the new one. */
  readonly toStop: readonly ExecutionId[];
};

/** How a group is left. */
export type Leave = {
  readonly group: Group;
  /** Executions that got a slot, in order. */
  readonly promoted: readonly ExecutionId[];
};

export const emptyGroup = (limit: number): Group => ({ format: 1, limit, holders: [], queue: [] });

/** The group with the limit of a newer plan; where that is higher, those who wait get the slots that it adds. */
export const limitGroup = (now: Group, limit: number): Leave => fill({ ...now, limit });

/** Lets `id` in by the rule of its plan; `maximum` may wait. A full or busy group lets nobody in and stays as it is. */
export function enterGroup(
  group: Group,
  id: ExecutionId,
  whenBusy: Concurrency['whenBusy'],
  maximum: number = MAXIMUM_QUEUE,
): Entry {
  const entry = { group, replaced: [], toStop: [] };
  if (group.holders.length < group.limit) {
    return { ...entry, verdict: 'run', group: { ...group, holders: [...group.holders, id] } };
  }
  switch (whenBusy) {
    case 'skip':
      return { ...entry, verdict: 'busy' };
    case 'queue':
      if (group.queue.length >= maximum) return { ...entry, verdict: 'full' };
      return { ...entry, verdict: 'queue', group: { ...group, queue: [...group.queue, id] } };
    case 'newest':
      return { ...entry, verdict: 'queue', replaced: group.queue, group: { ...group, queue: [id] } };
    case 'cancel-running':
      return {
        verdict: 'queue',
        replaced: group.queue,
        toStop: group.holders,
        group: { ...group, queue: [id] },
      };
  }
}

/** The starts that count at `at`: none where their span of time is over. */
export function startsAt(starts: Starts | undefined, { withinMs }: StartRule, at: Instant): Starts {
  return starts === undefined || at >= starts.since + withinMs ? { since: at, count: 0 } : starts;
}

/** Gives free slots to those who wait, in order. */
function fill(now: Group): Leave {
  const promoted = now.queue.slice(0, Math.max(0, now.limit - now.holders.length));
  return {
    promoted,
    group: { ...now, holders: [...now.holders, ...promoted], queue: now.queue.slice(promoted.length) },
  };
}

/** Takes `id` out, from its slot or its place in the queue, and gives free slots to those who wait, in order. */
export function leaveGroup(now: Group, id: ExecutionId): Leave {
  const without = (list: readonly ExecutionId[]) => list.filter((one) => one !== id);
  return fill({ ...now, holders: without(now.holders), queue: without(now.queue) });
}
