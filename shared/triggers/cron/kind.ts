/** A schedule: found by a key of its own, and taken whenever it is due. */
import { TEXT } from '../../pipeline/expressions/types.ts';
import { condition } from '../condition.ts';
import type { TriggerKind } from '../trigger-kind.ts';
import type { CronTrigger } from './schema.ts';
import { isoSeconds, scheduleKey, scheduleRule } from './source.ts';

export const cronTrigger: TriggerKind<CronTrigger> = {
  key: 'cron',
  fields: { due: TEXT },
  keysOf: (trigger, { pipeline }) => [scheduleKey(pipeline, trigger)],
  // An event that was on its way while the pipeline changed is about another schedule.
  conditionsOf(trigger, event, { pipeline }) {
    if (event.type !== 'schedule-due') return [];
    const { key, due } = event.schedule;
    return [
      condition({
        condition: 'cron',
        wanted: `${trigger.cron} (${trigger.timezone})`,
        got: isoSeconds(due),
        met: scheduleKey(pipeline, trigger) === key,
        text: 'The pipeline has changed: this schedule is not in it any more.',
      }),
    ];
  },
  scheduleOf: (trigger, { pipeline }) => scheduleRule(pipeline, trigger),
  dataOf: (_trigger, event) => (event.type === 'schedule-due' ? { due: isoSeconds(event.schedule.due) } : {}),
};
