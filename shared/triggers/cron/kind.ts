/** A schedule: found by a key of its own, and taken whenever it is due. */
import { TEXT } from '../../pipeline/expressions/types.ts';
import { condition } from '../condition.ts';
import type { TriggerKind, TriggerSurroundings } from '../trigger-kind.ts';
import type { CronTrigger } from './schema.ts';
import { isoSeconds, scheduleKey, scheduleRule } from './source.ts';

/** The key, by where the trigger stands among those of the pipeline that are due at the same times. */
function keyOf(trigger: CronTrigger, { pipeline, on }: TriggerSurroundings): string {
  const own = scheduleKey(pipeline, trigger);
  const same = on.filter((other) => 'cron' in other && scheduleKey(pipeline, other) === own);
  return scheduleKey(pipeline, trigger, Math.max(0, same.indexOf(trigger)));
}

export const cronTrigger: TriggerKind<CronTrigger> = {
  key: 'cron',
  fields: { due: TEXT },
  keysOf: (trigger, surroundings) => [keyOf(trigger, surroundings)],
  // An event that was on its way while the pipeline changed is about another schedule.
  conditionsOf(trigger, event, surroundings) {
    if (event.type !== 'schedule-due') return [];
    const { key, due } = event.schedule;
    return [
      condition({
        condition: 'cron',
        wanted: `${trigger.cron} (${trigger.timezone})`,
        got: isoSeconds(due),
        met: keyOf(trigger, surroundings) === key,
        text: 'The pipeline has changed: this schedule is not in it any more.',
      }),
    ];
  },
  scheduleOf: (trigger, surroundings) => scheduleRule(keyOf(trigger, surroundings), trigger),
  dataOf: (_trigger, event) => (event.type === 'schedule-due' ? { due: isoSeconds(event.schedule.due) } : {}),
};
