/** Moments of a simulation as people read them: counted from the event. */

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const UNITS = [
  ['d', 24 * 60 * MINUTE_MS],
  ['h', 60 * MINUTE_MS],
  ['min', MINUTE_MS],
  ['s', SECOND_MS],
] as const;

/** `0.9 s` in the first minute, then to the second: `4 min 10 s`, `1 d 2 h 5 s`. */
export function describeMoment(ms: number): string {
  if (ms < MINUTE_MS) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`;
  let rest = ms;
  const parts = UNITS.flatMap(([unit, unitMs]) => {
    const count = Math.floor(rest / unitMs);
    rest -= count * unitMs;
    return count === 0 ? [] : [`${count} ${unit}`];
  });
  return parts.join(' ');
}
