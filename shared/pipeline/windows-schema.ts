/** `windows:` as it is written, in a pipeline and for targets and teams. */
import { z } from 'zod';
import { nextOpening, WEEKDAYS } from '../calendar/windows.ts';
import { isTimeZone } from '../calendar/zone.ts';

const MAXIMUM_WINDOWS = 20;
const MAXIMUM_DATES = 400;
const DEFAULT_DAYS = ['mon', 'tue', 'wed', 'thu', 'fri'] as const;
const HOURS = /^(?:[01]\d|2[0-3]):[0-5]\d-(?:(?:[01]\d|2[0-3]):[0-5]\d|24:00)$/u;
/** Any instant will do: it is asked whether the window ever opens. */
const EPOCH = 0;

const date = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}$/u, { error: 'must be a date, as in 2026-12-31' })
  .refine((text) => !Number.isNaN(Date.parse(`${text}T00:00:00Z`)), 'is no day of the calendar');

const windowSchema = z
  .strictObject({
    days: z
      .array(z.enum(WEEKDAYS))
      .min(1)
      .max(WEEKDAYS.length)
      .default([...DEFAULT_DAYS])
      .describe('The days on which it opens; by default mon to fri'),
    hours: z
      .string()
      .regex(HOURS, {
        error: 'must be two times of the day, as in 10:00-17:00',
      })
      .describe('From when to when, as in 10:00-17:00; 22:00-06:00 ends on the next day'),
    timezone: z
      .string()
      .max(64)
      .refine(isTimeZone, {
        error: (issue) => `must be the name of a time zone, as in Asia/Tokyo, not "${issue.input}"`,
      })
      .default('UTC')
      .describe('Whose clocks count: Asia/Tokyo'),
    except: z
      .array(date)
      .max(MAXIMUM_DATES)
      .default([])
      .describe('Dates on which it does not open, holidays for example'),
  })
  .describe('A time of the week');

export const windowsSchema = z
  .array(windowSchema)
  .min(1)
  .max(MAXIMUM_WINDOWS)
  .refine(
    // One that is wrong in itself is told so; whether it opens cannot be said.
    (windows) =>
      windows.length === 0 ||
      windows.some(({ hours, timezone }) => !HOURS.test(hours) || !isTimeZone(timezone)) ||
      nextOpening(windows, EPOCH) !== undefined,
    'never opens',
  )
  .describe('When executions may begin; outside of it they wait for the next opening');
