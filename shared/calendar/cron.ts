/** Cron expressions: reading them, and the instants at which they are due in a time zone. */
import { changeBetween, firstInstantOf, instantsOf, offsetAt, type Wall, wallOf } from './zone.ts';

const SECOND_MS = 1000;
const DAY_MS = 24 * 60 * 60 * SECOND_MS;
/** 29 February can be eight years away; a day that has not come by then never comes. */
const MAXIMUM_DAYS = 9 * 366;
const MAXIMUM_EXPRESSION = 200;

/** A cron expression, read. Each list is in order. */
export type Cron = {
  readonly seconds: readonly number[];
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  readonly days: readonly number[];
  readonly months: readonly number[];
  /** From 0, Sunday. */
  readonly weekdays: readonly number[];
  /** Both days and weekdays are restricted: one of the two is enough, as cron has always had it. */
  readonly eitherDay: boolean;
};

/** Not a cron expression; the message says what is wrong with which field. */
export class BadCron extends Error {
  override readonly name = 'BadCron';
}

const MACROS = new Map([
  ['@yearly', '0 0 1 1 *'],
  ['@annually', '0 0 1 1 *'],
  ['@monthly', '0 0 1 * *'],
  ['@weekly', '0 0 * * 0'],
  ['@daily', '0 0 * * *'],
  ['@midnight', '0 0 * * *'],
  ['@hourly', '0 * * * *'],
]);

type Field = { readonly name: string; readonly least: number; readonly most: number; readonly words?: string };

const SECONDS: Field = { name: 'second', least: 0, most: 59 };
const FIELDS: readonly Field[] = [
  { name: 'minute', least: 0, most: 59 },
  { name: 'hour', least: 0, most: 23 },
  { name: 'day of the month', least: 1, most: 31 },
  { name: 'month', least: 1, most: 12, words: 'jan feb mar apr may jun jul aug sep oct nov dec' },
  { name: 'day of the week', least: 0, most: 7, words: 'sun mon tue wed thu fri sat' },
];

/** Reads five fields, six with the second first, or a name such as `@daily`. Throws BadCron. */
export function parseCron(text: string): Cron {
  if (text.length > MAXIMUM_EXPRESSION) throw new BadCron(`has more than ${MAXIMUM_EXPRESSION} characters`);
  const given = text.trim().toLowerCase();
  const macro = MACROS.get(given);
  if (given.startsWith('@') && macro === undefined) {
    throw new BadCron(`"${text}" is no name of a schedule; there are ${[...MACROS.keys()].join(', ')}`);
  }
  const parts = (macro ?? given).split(/\s+/u);
  if (parts.length !== 5 && parts.length !== 6) {
    throw new BadCron(
      `must have five fields (minute, hour, day of the month, month, day of the week), or six with the second first, not ${parts.length}`,
    );
  }
  const [second = '0', minute = '', hour = '', day = '', month = '', weekday = ''] =
    parts.length === 6 ? parts : ['0', ...parts];
  const [minuteField, hourField, dayField, monthField, weekdayField] = FIELDS as [Field, Field, Field, Field, Field];
  const cron: Cron = {
    seconds: valuesOf(SECONDS, second),
    minutes: valuesOf(minuteField, minute),
    hours: valuesOf(hourField, hour),
    days: valuesOf(dayField, day),
    months: valuesOf(monthField, month),
    weekdays: [...new Set(valuesOf(weekdayField, weekday).map((value) => value % 7))].sort((a, b) => a - b),
    eitherDay: isRestricted(day) && isRestricted(weekday),
  };
  if (nextWall(cron, Date.UTC(2024, 0, 1)) === undefined) throw new BadCron(`"${text}" names a day that never comes`);
  return cron;
}

const isRestricted = (part: string): boolean => !part.startsWith('*') && part !== '?';

function valuesOf(field: Field, text: string): readonly number[] {
  const values = new Set<number>();
  for (const part of text.split(',')) {
    const match = /^(?:(\*|\?)|([0-9a-z]+)(?:-([0-9a-z]+))?)(?:\/(\d{1,3}))?$/u.exec(part);
    if (match === null) throw new BadCron(`"${part}" is no ${field.name}; it is written like 5, 1-5, */10 or 1,15`);
    const [, star, from, to, step] = match;
    const least = from === undefined ? field.least : numberOf(field, from);
    // A single value with a step goes on to the end: 5/15 is 5, 20, 35, 50.
    const open = star !== undefined || (to === undefined && step !== undefined);
    const most = to !== undefined ? numberOf(field, to) : open ? lastOf(field) : least;
    const by = step === undefined ? 1 : Number(step);
    if (by === 0) throw new BadCron(`"${part}" has the step 0 for the ${field.name}; it must be 1 or more`);
    if (least > most) throw new BadCron(`"${part}" goes backwards for the ${field.name}`);
    for (let value = least; value <= most; value += by) values.add(value);
  }
  return [...values].sort((a, b) => a - b);
}

/** 7 is another way to write Sunday, and no eighth day. */
const lastOf = (field: Field): number => (field.most === 7 ? 6 : field.most);

function numberOf(field: Field, text: string): number {
  const word = field.words?.split(' ').indexOf(text) ?? -1;
  const value = word === -1 ? (/^\d{1,2}$/u.test(text) ? Number(text) : Number.NaN) : word + field.least;
  if (value >= field.least && value <= field.most) return value;
  const { name, least, most, words } = field;
  throw new BadCron(
    `"${text}" is no ${name}: it is from ${least} to ${most}${words === undefined ? '' : `, or one of ${words}`}`,
  );
}

/**
 * The first instant after `after` (epoch ms) at which the schedule is due in the zone.
 *
 * A time that the clocks skip is due once, at the moment of the change. A time that they repeat is due once, at the
 * first of the two; but a schedule for every hour goes by the hours that pass, and is due in both.
 */
export function nextFiring(cron: Cron, zone: string, after: number): number {
  const isHourly = cron.hours.length === 24;
  let wall = wallOf(zone, after) + SECOND_MS;
  for (;;) {
    const found = nextWall(cron, wall);
    if (found === undefined) throw new BadCron('names a day that never comes');
    const due = isHourly
      ? (instantsOf(zone, found).find((instant) => instant > after) ?? firstInstantOf(zone, found))
      : firstInstantOf(zone, found);
    if (due > after) return isHourly ? earlierInRepeatedHour(cron, zone, after, due) : due;
    wall = found + SECOND_MS;
  }
}

/** What is due after the clocks were set back, where that is before `due`, which goes by the clocks' time. */
function earlierInRepeatedHour(cron: Cron, zone: string, after: number, due: number): number {
  if (due - after > DAY_MS || offsetAt(zone, after) <= offsetAt(zone, due)) return due;
  const change = changeBetween(zone, after, due);
  const offset = offsetAt(zone, change);
  const wall = nextWall(cron, change + offset);
  return wall === undefined ? due : Math.min(due, wall - offset);
}

/** The first time at or after `from` that the fields match; undefined where there is none for years. */
function nextWall(cron: Cron, from: Wall): Wall | undefined {
  let day = Math.floor(from / DAY_MS) * DAY_MS;
  for (let looked = 0; looked < MAXIMUM_DAYS; looked += 1, day += DAY_MS) {
    if (!isDay(cron, new Date(day))) continue;
    const time = timeFrom(cron, Math.max(0, from - day));
    if (time !== undefined) return day + time;
  }
  return undefined;
}

function isDay(cron: Cron, date: Date): boolean {
  if (!cron.months.includes(date.getUTCMonth() + 1)) return false;
  const isOfMonth = cron.days.includes(date.getUTCDate());
  const isOfWeek = cron.weekdays.includes(date.getUTCDay());
  return cron.eitherDay ? isOfMonth || isOfWeek : isOfMonth && isOfWeek;
}

/** The first matching time of a day at or after `from`, both in ms since its midnight. */
function timeFrom({ hours, minutes, seconds }: Cron, from: number): number | undefined {
  const least = Math.ceil(from / SECOND_MS);
  for (const hour of hours) {
    if ((hour + 1) * 3600 <= least) continue;
    for (const minute of minutes) {
      if (hour * 3600 + (minute + 1) * 60 <= least) continue;
      const second = seconds.find((one) => hour * 3600 + minute * 60 + one >= least);
      if (second !== undefined) return (hour * 3600 + minute * 60 + second) * SECOND_MS;
    }
  }
  return undefined;
}
