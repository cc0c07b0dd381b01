/**
 * Bounds how often events from outside start a pipeline. Pipelines that start one another are told by their chain, but
 * what a pipeline does in the world (it pushes an image, calls a hook, publishes a message) may cause the event that
 * starts it again, and no event tells of that: only that there are too many does.
 */
import { startsAt } from '../core/group.ts';
import { DEFAULT_STARTS } from '../core/limits.ts';
import type { Concurrency, StartRule } from '../core/plan.ts';
import type { Instant, Starts } from '../core/run.ts';
import { formatDuration } from '../pipeline/duration.ts';
import type { Compared } from '../ports/inbox.ts';
import { isoSeconds } from '../triggers/cron/source.ts';
import type { SourceEvent } from '../triggers/source.ts';

/** What stands in the way of a start, with the values that were compared. */
export type OverBound = { readonly text: string; readonly compared: Compared };

/** The pipeline has been started as often as it may be for now. */
export class TooManyStarts extends Error {
  override readonly name = 'TooManyStarts';
  readonly over: OverBound;

  constructor(over: OverBound) {
    super(over.text);
    this.over = over;
  }
}

/**
 * Whether the event counts. A person, a schedule and the end of a pipeline do not: the first two are no consequence of
 * anything, and the third has its chain. What a person has published again is his own wish.
 */
export function isBounded(event: SourceEvent): boolean {
  if (event.replay !== undefined) return false;
  return event.type !== 'manual' && event.type !== 'schedule-due' && event.type !== 'pipeline-finished';
}

/** The rule by which starts of the plan are counted. */
export const startRuleOf = ({ starts }: Pick<Concurrency, 'starts'>): StartRule => starts ?? DEFAULT_STARTS;

/** The starts with one more. Throws TooManyStarts. */
export function countStart(pipeline: string, starts: Starts | undefined, rule: StartRule, at: Instant): Starts {
  const over = overBound(pipeline, starts, rule, at);
  if (over !== undefined) throw new TooManyStarts(over);
  const { since, count } = startsAt(starts, rule, at);
  return { since, count: count + 1 };
}

/** Undefined where one more start may be. */
export function overBound(
  pipeline: string,
  starts: Starts | undefined,
  rule: StartRule,
  at: Instant,
): OverBound | undefined {
  const { since, count } = startsAt(starts, rule, at);
  const { limit, withinMs } = rule;
  if (count < limit) return undefined;
  const span = formatDuration(withinMs);
  return {
    text:
      `events have started ${pipeline} ${count} times since ${isoSeconds(since)}, and concurrency.starts allows ${limit} ` +
      `within ${span}: it may cause the events that start it. The next event from ${isoSeconds(since + withinMs)} on ` +
      `starts it again; a person can at any time (gennaker run ${pipeline})`,
    compared: {
      condition: 'concurrency.starts',
      wanted: `at most ${limit} within ${span}`,
      got: `${count} since ${isoSeconds(since)}`,
      met: false,
    },
  };
}
