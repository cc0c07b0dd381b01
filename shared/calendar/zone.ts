/** Local times of a time zone and the instants that they are, through the hours that a clock change skips or repeats. */

const SECOND_MS = 1000;
const DAY_MS = 24 * 60 * 60 * SECOND_MS;
/** Formatters that are kept; making one takes longer than a hundred uses of it. */
const MAXIMUM_FORMATS = 500;

/** A local time as if it were UTC, in ms: what `Date.UTC` makes of its year, month, day, hour, minute and second. */
export type Wall = number;

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone);
  if (known !== undefined) return known;
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    calendar: 'gregory',
    numberingSystem: 'latn',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  if (formats.size >= MAXIMUM_FORMATS) formats.clear();
  formats.set(zone, format);
  return format;
}

/** True for the name of a time zone, such as Asia/Tokyo. An offset such as +09:00 is none: it knows no clock changes. */
export function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z][A-Za-z0-9_+/-]*$/u.test(name)) return false;
  try {
    formatOf(name);
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** The local time of the instant (epoch ms), to the second. Throws a RangeError for a zone that there is not. */
export function wallOf(zone: string, instant: number): Wall {
  const part = { year: 0, month: 1, day: 1, hour: 0, minute: 0, second: 0 };
  for (const { type, value } of formatOf(zone).formatToParts(instant)) {
    if (type in part) part[type as keyof typeof part] = Number(value);
  }
  return Date.UTC(part.year, part.month - 1, part.day, part.hour, part.minute, part.second);
}

/** How far the zone's clocks are ahead of UTC at the instant, in ms. */
export function offsetAt(zone: string, instant: number): number {
  return wallOf(zone, instant) - Math.floor(instant / SECOND_MS) * SECOND_MS;
}

/** The instants at which the zone's clocks show the time, in order: two where it is repeated, none where it is skipped. */
export function instantsOf(zone: string, wall: Wall): readonly number[] {
  const offsets = new Set([offsetAt(zone, wall - DAY_MS), offsetAt(zone, wall + DAY_MS)]);
  return [...offsets]
    .map((offset) => wall - offset)
    .filter((instant) => wallOf(zone, instant) === wall)
    .sort((a, b) => a - b);
}

/** The first instant at which the zone's clocks show the time; for one that they skip, the moment of the change. */
export function firstInstantOf(zone: string, wall: Wall): number {
  const [first] = instantsOf(zone, wall);
  return first ?? changeBetween(zone, wall - offsetAt(zone, wall + DAY_MS), wall - offsetAt(zone, wall - DAY_MS));
}

/** The moment, after `from` and up to `to`, from which the offset is that of `to`; to the second. */
export function changeBetween(zone: string, from: number, to: number): number {
  const after = offsetAt(zone, to);
  let low = Math.floor(from / SECOND_MS);
  let high = Math.ceil(to / SECOND_MS);
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offsetAt(zone, middle * SECOND_MS) === after) high = middle;
    else low = middle;
  }
  return high * SECOND_MS;
}
