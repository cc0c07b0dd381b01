/** Times of the week at which something is allowed: whether one is open, and when the next one opens. */
import { firstInstantOf, wallOf } from './zone.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
/** Days that are looked through for the next opening; more than the dates that a window may except. */
const MAXIMUM_DAYS = 800;

export const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;
export type Weekday = (typeof WEEKDAYS)[number];

export type Window = {
  readonly days: readonly Weekday[];
  /** `10:00-17:00`; one that ends no later than it begins ends on the next day. */
  readonly hours: string;
  readonly timezone: string;
  /** Dates on which it does not open: `2026-12-31`. */
  readonly except: readonly string[];
};

/** True where the instant (epoch ms) is in one of the windows. A window that clocks skip a part of is shorter that day. */
export function isOpen(windows: readonly Window[], instant: number): boolean {
  return windows.some((window) => {
    const today = dayOf(window, instant);
    return [today - DAY_MS, today].some((day) => {
      const span = spanOn(window, day);
      return span !== undefined && span.from <= instant && instant < span.to;
    });
  });
}

/** The first opening after the instant; undefined where none of the windows opens for years. */
export function nextOpening(windows: readonly Window[], instant: number): number | undefined {
  const openings = windows.flatMap((window) => {
    let day = dayOf(window, instant);
    for (let looked = 0; looked < MAXIMUM_DAYS; looked += 1, day += DAY_MS) {
      const span = spanOn(window, day);
      if (span !== undefined && span.from > instant) return [span.from];
    }
    return [];
  });
  return openings.length === 0 ? undefined : Math.min(...openings);
}

/** `Mon-Fri 10:00-17:00 Asia/Tokyo`, for people. */
export function describeWindow({ days, hours, timezone }: Window): string {
  const order = [...WEEKDAYS.slice(1), WEEKDAYS[0]].map((day) => ({ day, is: days.includes(day) }));
  const groups: string[][] = [];
  for (const [index, { day, is }] of order.entries()) {
    if (!is) continue;
    if (order[index - 1]?.is === true) groups.at(-1)?.push(day);
    else groups.push([day]);
  }
  const spelled = groups.map((group) => {
    const names = group.map((day) => `${day.slice(0, 1).toUpperCase()}${day.slice(1)}`);
    return names.length > 2 ? `${names[0]}-${names.at(-1)}` : names.join(', ');
  });
  return `${days.length === WEEKDAYS.length ? 'daily' : spelled.join(', ')} ${hours} ${timezone}`;
}

const dayOf = (window: Window, instant: number): number =>
  Math.floor(wallOf(window.timezone, instant) / DAY_MS) * DAY_MS;

/** When the window opens and closes on a local day; undefined where it does not. */
function spanOn(window: Window, day: number): { readonly from: number; readonly to: number } | undefined {
  const date = new Date(day);
  const weekday = WEEKDAYS[date.getUTCDay()];
  if (weekday === undefined || !window.days.includes(weekday)) return undefined;
  if (window.except.includes(date.toISOString().slice(0, 10))) return undefined;
  const [from = 0, to = 0] = window.hours.split('-').map(timeOf);
  const end = to > from ? day + to : day + DAY_MS + to;
  return { from: firstInstantOf(window.timezone, day + from), to: firstInstantOf(window.timezone, end) };
}

/** `17:30` in ms since midnight. */
function timeOf(text: string): number {
  const [hours = 0, minutes = 0] = text.split(':').map(Number);
  return (hours * 60 + minutes) * 60_000;
}
