/** The small phrases that every face says in the same way: glyphs, durations, versions, lists. */
import type { StageStatus } from '../core/run.ts';
import type { ExecutionStatus, ImageChange } from './describe-execution.ts';

const GLYPHS: Record<StageStatus | ExecutionStatus, string> = {
  succeeded: '✔',
  failed: '✖',
  running: '●',
  waiting: '‖',
  paused: '‖',
  queued: '◌',
  pending: '◌',
  cancelled: '⊘',
  skipped: '⊘',
};

/** One character for a status. Always shown beside its word or its name, so that nothing depends on it alone. */
export function glyphOf(status: StageStatus | ExecutionStatus): string {
  return GLYPHS[status];
}

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** From here on the smaller unit no longer tells anything. */
const EXACT_MINUTES_BELOW_MS = 10 * MINUTE_MS;

/** `31 s`, `4 min 10 s`, `11 min`, `2 h 5 min`, `3 d 4 h`. Anything below a second is `0 s`. */
export function formatDuration(ms: number): string {
  const clamped = Math.max(0, ms);
  if (clamped < MINUTE_MS) return `${Math.floor(clamped / SECOND_MS)} s`;
  if (clamped < EXACT_MINUTES_BELOW_MS) return twoUnits(clamped, MINUTE_MS, 'min', SECOND_MS, 's');
  if (clamped < HOUR_MS) return `${Math.floor(clamped / MINUTE_MS)} min`;
  if (clamped < DAY_MS) return twoUnits(clamped, HOUR_MS, 'h', MINUTE_MS, 'min');
  return twoUnits(clamped, DAY_MS, 'd', HOUR_MS, 'h');
}

function twoUnits(ms: number, unitMs: number, unit: string, restMs: number, restUnit: string): string {
  const rest = Math.floor((ms % unitMs) / restMs);
  return `${Math.floor(ms / unitMs)} ${unit}${rest === 0 ? '' : ` ${rest} ${restUnit}`}`;
}

/** `sha256:9f3c…` becomes its first characters, enough to tell two digests apart by eye. */
export function shortDigest(digest: string): string {
  const [algorithm, hex] = digest.split(':');
  return hex === undefined || hex.length <= 8 ? digest : `${algorithm}:${hex.slice(0, 8)}…`;
}

/** A version for people: the tag, or the short digest where an image is pinned without one. */
export function versionOf(image: { tag: string; digest: string }): string {
  return image.tag === '' ? shortDigest(image.digest) : image.tag;
}

/** `1.2.3 → 1.3.0`, or `api 1.2.3 → 1.3.0, worker 2.0.0` where there are several images; empty where there is none. */
export function describeChanges(changes: readonly ImageChange[]): string {
  return changes
    .map(({ name, from, to }) => {
      const version = versionOf(to);
      const change = from === null || from.digest === to.digest ? version : `${versionOf(from)} → ${version}`;
      return changes.length === 1 ? change : `${name} ${change}`;
    })
    .join(', ');
}

/** `a, b and 3 more`: at most `limit` names are said. */
export function listNames(names: readonly string[], limit: number): string {
  if (names.length <= limit) return names.join(', ');
  return `${names.slice(0, limit).join(', ')} and ${names.length - limit} more`;
}

/** At most `maximum` characters on one line; what is cut off is marked. */
export function clip(text: string, maximum: number): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  const characters = [...line];
  return characters.length <= maximum ? line : `${characters.slice(0, maximum - 1).join('')}…`;
}
