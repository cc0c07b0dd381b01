/** The event of a schedule's firing. */
import { z } from 'zod';
import { common, shortName } from '../event-fields.ts';

const MAXIMUM_KEY = 400;

export const scheduleDue = z.object({
  ...common,
  type: z.literal('schedule-due'),
  source: z.literal('cron'),
  schedule: z.object({
    pipeline: shortName,
    /** That of the trigger, as `scheduleKey` spells it. */
    key: z.string().max(MAXIMUM_KEY),
    /** The instant that the schedule names, in epoch ms; the event may come later. */
    due: z.int(),
  }),
});
export type ScheduleDue = z.output<typeof scheduleDue>;
