/** Spans of time as people write them in pipelines: `30s`, `10m`, `1h30m`, `24h`, `2d`. */
import { z } from 'zod';

const SECOND_MS = 1000;
const UNITS_MS = [
  ['d', 24 * 60 * 60 * SECOND_MS],
  ['h', 60 * 60 * SECOND_MS],
  ['m', 60 * SECOND_MS],
  ['s', SECOND_MS],
] as const;
const PATTERN = /^(?:(\d{1,8})d)?(?:(\d{1,8})h)?(?:(\d{1,8})m)?(?:(\d{1,8})s)?$/;

const WORDS = 'a duration such as 30s, 10m, 24h or 1h30m';

/** The longest span that a pipeline may name. */
export const MAXIMUM_DURATION = '30d';

/** Milliseconds, or undefined where the text is not a duration. */
export function durationMs(text: string): number | undefined {
  const match = PATTERN.exec(text);
  if (match === null || text === '') return undefined;
  return UNITS_MS.reduce((sum, [, unitMs], index) => sum + Number(match[index + 1] ?? 0) * unitMs, 0);
}

/** Milliseconds of a text that a schema has already checked. Throws for any other. */
export function checkedDurationMs(text: string): number {
  const ms = durationMs(text);
  if (ms === undefined) throw new Error(`reading a duration: "${text}" is none; it is written like 30s, 10m or 1h30m`);
  return ms;
}

/** The shortest way to write the span, rounded up to whole seconds: 5400000 is `1h30m`. */
export function formatDuration(ms: number): string {
  let rest = Math.ceil(ms / SECOND_MS) * SECOND_MS;
  let text = '';
  for (const [unit, unitMs] of UNITS_MS) {
    const count = Math.floor(rest / unitMs);
    rest -= count * unitMs;
    if (count > 0) text += `${count}${unit}`;
  }
  return text === '' ? '0s' : text;
}

/** A schema of durations from `minimum` to `maximum`, both included. The value stays the text that was written. */
export function duration(limits: { minimum?: string; maximum?: string } = {}): z.ZodString {
  const minimum = limits.minimum ?? '1s';
  const maximum = limits.maximum ?? MAXIMUM_DURATION;
  return z
    .string({ error: (issue) => (issue.input === undefined ? undefined : `must be ${WORDS}`) })
    .check((context) => {
      const ms = durationMs(context.value);
      if (ms === undefined) {
        context.issues.push({
          code: 'custom',
          input: context.value,
          continue: true,
          message: `must be ${WORDS}, not "${context.value}"`,
        });
      } else if (ms < checkedDurationMs(minimum) || ms > checkedDurationMs(maximum)) {
        context.issues.push({
          code: 'custom',
          input: context.value,
          continue: true,
          message: `must be from ${minimum} to ${maximum}, not ${context.value}`,
        });
      }
    })
    .meta({ pattern: '^(?=.)(\\d+d)?(\\d+h)?(\\d+m)?(\\d+s)?$', examples: [minimum] });
}
