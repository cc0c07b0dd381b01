/** The clock as a source: the key of each schedule, and the event of each of its firings. */
import { createHash } from 'node:crypto';
import { parseCron } from '../../calendar/cron.ts';
import { canonicalJson } from '../../pipeline/canonical.ts';
import { checkedDurationMs } from '../../pipeline/duration.ts';
import type { Schedule, ScheduleRule } from '../../ports/pipelines.ts';
import { eventId } from '../source.ts';
import type { ScheduleDue } from './event.ts';
import type { CronTrigger } from './schema.ts';

const NAME = 'cron';

/**
 * The key under which a pipeline's schedule is found: the same again as long as its trigger is due at the same times,
 * so that nothing that is due is lost where only its inputs change. `place` tells triggers of the same times apart.
 */
export function scheduleKey(pipeline: string, trigger: CronTrigger, place = 0): string {
  const { with: _inputs, ...times } = trigger;
  const text = canonicalJson(place === 0 ? times : { ...times, place });
  return `cron:${pipeline}:${createHash('sha256').update(text).digest('hex').slice(0, 24)}`;
}

/** When the schedule is due. Throws BadCron for a rule that no trigger has. */
export function scheduleRule(key: string, trigger: CronTrigger): ScheduleRule {
  parseCron(trigger.cron);
  const jitterMs = trigger.jitter === undefined ? 0 : checkedDurationMs(trigger.jitter);
  return {
    cron: trigger.cron,
    timezone: trigger.timezone,
    delayMs: delayOf(key, jitterMs),
    catchUpMs: checkedDurationMs(trigger['catch-up']),
  };
}

/** The schedule's own part of its jitter, whole seconds: always the same, so that firings keep their distance. */
function delayOf(key: string, jitterMs: number): number {
  const fraction = createHash('sha256').update(key).digest().readUInt32BE(0) / 2 ** 32;
  return Math.floor((fraction * jitterMs) / 1000) * 1000;
}

/** The event of one firing. Its id is the firing's own: published twice, it starts one execution. */
export function scheduleEvent(
  schedule: Pick<Schedule, 'pipeline' | 'key' | 'rule'>,
  due: number,
  at: number,
): ScheduleDue {
  const { pipeline, key, rule } = schedule;
  return {
    id: eventId(NAME, pipeline, key, String(due)),
    type: 'schedule-due',
    source: NAME,
    at,
    text: `schedule "${rule.cron}" (${rule.timezone}) was due at ${isoSeconds(due)}`,
    schedule: { pipeline, key, due },
  };
}

export const isoSeconds = (instant: number): string => new Date(instant).toISOString().replace(/\.\d+Z$/u, 'Z');
