/** The trigger that a clock fires: `on: - cron: "0 10 * * 1-5"`. */
import { z } from 'zod';
import { BadCron, parseCron } from '../../calendar/cron.ts';
import { isTimeZone } from '../../calendar/zone.ts';
import { duration } from '../../pipeline/duration.ts';
import { hasExpression } from '../../pipeline/expressions/text.ts';
import { resolved, TEXT } from '../../pipeline/texts.ts';
import { withInputs } from '../trigger-fields.ts';

const MAXIMUM_CRON = 200;
const MAXIMUM_ZONE = 64;
/** The zone of schedules that name none. */
const DEFAULT_ZONE = 'UTC';
const DEFAULT_CATCH_UP = '1h';

export const timeZone = resolved(TEXT, 'a time zone', MAXIMUM_ZONE).check((context) => {
  if (hasExpression(context.value) || isTimeZone(context.value)) return;
  const message = `must be the name of a time zone, as in Asia/Tokyo, not "${context.value}"`;
  context.issues.push({ code: 'custom', input: context.value, continue: true, message });
});

export const cronTriggerSchema = z
  .strictObject({
    cron: resolved(TEXT, 'a schedule', MAXIMUM_CRON)
      .check((context) => {
        const message = hasExpression(context.value) ? undefined : cronProblem(context.value);
        if (message !== undefined)
          context.issues.push({ code: 'custom', input: context.value, continue: true, message });
      })
      .describe(
        'When: minute, hour, day of the month, month and day of the week, with the second before them where there are six; or @daily, @hourly, …',
      ),
    timezone: timeZone.default(DEFAULT_ZONE).describe('Whose clocks it goes by: Asia/Tokyo'),
    jitter: duration({ maximum: '1h' })
      .optional()
      .describe('Starts up to so much later, always by the same time, so that many schedules do not start at once'),
    'catch-up': duration({ minimum: '1m', maximum: '7d' })
      .default(DEFAULT_CATCH_UP)
      .describe('Firings that were missed while nothing ran are made up for, where they are no older than this'),
    ...withInputs,
  })
  .describe('A clock starts the pipeline');

export type CronTrigger = z.output<typeof cronTriggerSchema>;

function cronProblem(text: string): string | undefined {
  try {
    parseCron(text);
    return undefined;
  } catch (error) {
    if (error instanceof BadCron) return error.message;
    throw error;
  }
}
