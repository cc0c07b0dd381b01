/**
 * Several tags that are pushed for one digest start one execution: a build pushes 1.2.3, 1.2 and latest at once.
 *
 * The pushes of an image are kept in groups, in the order in which they came. A push joins the newest group where that
 * is of the same digest, recent, and has no push of the same tag; otherwise it begins a group. All of a group share the
 * execution of its first event. Why a tag that moves from A to B and back to A is still three executions:
 * - The push of B begins a group, so the second push of A does not find A's group as the newest, and begins a third.
 * - Were B's push lost to us or late, the second A has a tag that A's group has already, and begins another one anyway.
 * So a push is taken for another one's only where the digest that it brings is what was asked for last and its tag has
 * not been seen with it: nothing that would run differs. Where the order is disturbed further, an execution too many
 * starts, and none is lost. An event that is delivered again finds itself in its group, and so the same execution; the
 * group is written, by compare-and-set, before the execution is created, so two deliveries cannot disagree.
 * Of senders that give their deliveries no id, a repetition looks like another push of the tag. There a push joins the
 * group that has its tag already, however old that is, as long as no other digest was pushed since: what it would start
 * has run.
 */
import type { Cells } from '../ports/cells.ts';
import type { Clock } from '../ports/clock.ts';
import type { Pushes, PushGroup } from '../ports/pushes.ts';
import type { Random } from '../ports/random.ts';
import { untilCommitted } from './engine.ts';

/** How long after the first push of a digest others of it are taken for the same, in ms. */
export const DEBOUNCE_WINDOW_MS = 2 * 60_000;
/** Groups that are kept of an image and a pipeline. */
const MAXIMUM_GROUPS = 20;
/** Pushes of one group; one more begins another. */
const MAXIMUM_EVENTS = 50;

export type DebouncePorts = {
  readonly pushes: Pick<Cells<Pushes>, 'read' | 'write'>;
  readonly clock: Clock;
  readonly random: Random;
};

export type Push = {
  readonly event: string;
  /** When it arrived, in epoch ms. */
  readonly at: number;
  readonly tag: string;
  readonly digest: string;
  /** The sender gives its deliveries no id. */
  readonly isRepeatable: boolean;
};

/** The event whose execution the push belongs to: its own, or that of an earlier push of the digest. */
export async function leaderOf(
  ports: DebouncePorts,
  given: { readonly pipeline: string; readonly repository: string; readonly push: Push },
): Promise<string> {
  const { pipeline, repository, push } = given;
  const key = `${pipeline} ${repository}`;
  return untilCommitted(ports, `Grouping the pushes of ${key}`, async (): Promise<string | 'conflict'> => {
    const cell = await ports.pushes.read({ key });
    const groups = cell?.value.groups ?? [];
    const own = groups.find(({ events }) => events.includes(push.event));
    if (own !== undefined) return own.leader;
    const { leader, groups: next } = join(groups, push);
    const value: Pushes = { format: 1, groups: next };
    const written = await ports.pushes.write({ key, value, expected: cell?.version ?? 'absent' });
    return written === 'conflict' ? 'conflict' : leader;
  });
}

/** The groups with the push in them. */
export function join(
  groups: readonly PushGroup[],
  push: Push,
): { readonly leader: string; readonly groups: readonly PushGroup[] } {
  const { event, tag, digest, at } = push;
  const repeated = push.isRepeatable ? repeatedBy(groups, push) : undefined;
  if (repeated !== undefined) {
    // The latest repetitions are remembered: one that the bus delivers again must not look like a new push later.
    const [leading = event, ...others] = repeated.events;
    const kept = { ...repeated, events: [leading, ...[...others, event].slice(1 - MAXIMUM_EVENTS)] };
    return { leader: repeated.leader, groups: groups.map((group) => (group === repeated ? kept : group)) };
  }
  const newest = groups.at(-1);
  if (newest === undefined || !belongs(newest, push)) {
    const begun = { digest, at, leader: event, events: [event], tags: [tag] };
    return { leader: event, groups: [...groups, begun].slice(-MAXIMUM_GROUPS) };
  }
  const joined = { ...newest, events: [...newest.events, event], tags: [...new Set([...newest.tags, tag])] };
  return { leader: newest.leader, groups: [...groups.slice(0, -1), joined] };
}

/** The group that has the tag, among the newest ones of the same digest. */
function repeatedBy(groups: readonly PushGroup[], { tag, digest }: Push): PushGroup | undefined {
  const other = groups.findLastIndex((group) => group.digest !== digest);
  return groups.slice(other + 1).findLast(({ tags }) => tags.includes(tag));
}

function belongs(group: PushGroup, { digest, at, tag }: Push): boolean {
  if (group.digest !== digest || Math.abs(at - group.at) > DEBOUNCE_WINDOW_MS) return false;
  return group.events.length < MAXIMUM_EVENTS && !group.tags.includes(tag);
}
