/** The pieces that every page shares: statuses, times, versions, commands. */
import type { StageStatus } from '../shared/core/run.ts';
import type { ExecutionStatus, ImageChange, Suggestion, Timestamp } from '../shared/use-cases/describe-execution.ts';
import { formatDuration, glyphOf, shortDigest, versionOf } from '../shared/use-cases/phrases.ts';
import { type Html, html } from './html.ts';

/** How many characters of an execution's id people see; enough to type. */
const SHORT_ID = 7;

export function shortId(id: string): string {
  return id.slice(0, SHORT_ID);
}

/** The glyph alone; the word stands beside it or is said to screen readers. */
export function glyph(status: StageStatus | ExecutionStatus, isSaid = false): Html {
  return html`<span class="glyph ${status}" aria-hidden="true">${glyphOf(status)}</span>${isSaid && html`<span class="said">${status}</span>`}`;
}

/** A time as one says it, exact on hover. The page's script keeps it current. */
export function ago(time: Timestamp, now: number): Html {
  const text = `${formatDuration(roundedAge(Date.parse(time), now))} ago`;
  return html`<time datetime="${time}" title="${time}" data-ago="${time}">${text}</time>`;
}

/** People who read "ago" want one unit, so the age is cut to its largest. */
function roundedAge(then: number, now: number): number {
  const age = Math.max(0, now - then);
  const unit = [86_400_000, 3_600_000, 60_000, 1_000].find((candidate) => age >= candidate) ?? 1_000;
  return Math.floor(age / unit) * unit;
}

/** From `start` to `end`, or up to now where there is no end; then the page's script lets it run. */
export function elapsed(start: Timestamp, end: Timestamp | null, now: number): Html {
  const from = Date.parse(start);
  if (end !== null) return html`<span class="time">${formatDuration(Date.parse(end) - from)}</span>`;
  return html`<span class="time" data-since="${start}">${formatDuration(now - from)}</span>`;
}

/** `1.2.3 → 1.3.0` with the digests on hover, or only the version where nothing is known of before. */
export function versionChange(change: ImageChange, isNamed: boolean): Html {
  const { name, from, to } = change;
  const isNew = from !== null && from.digest !== to.digest;
  const old =
    isNew && html`<span class="from" title="${from.digest}">${versionOf(from)}</span><span class="arrow"> → </span>`;
  return html`<span class="version">${isNamed && html`<span class="quiet">${name} </span>`}${old}<span class="to" title="${to.digest}">${versionOf(to)}</span></span>`;
}

export function versionChanges(changes: readonly ImageChange[]): Html {
  return html`${changes.map((change) => versionChange(change, changes.length > 1))}`;
}

export function digest(value: string): Html {
  return html`<code class="digest" title="${value}">${shortDigest(value)}</code>`;
}

/** A command that can be typed, and copied where the script runs. */
export function command(text: string): Html {
  return html`<span class="command"><code data-copy>${text}</code></span>`;
}

export function suggestions(list: readonly Suggestion[]): Html {
  return html`<ul class="commands">${list.map(({ command: text, does }) => html`<li>${command(text)}<span class="quiet">${does}</span></li>`)}</ul>`;
}
