/** Which verdicts an inbox entry keeps: it is one document of limited size, and thousands of pipelines may look at one event. */
import type { InboxEntry, Verdict } from '../ports/inbox.ts';

/** What the verdicts of one entry may take in JSON, in bytes; the event itself has as much again, and more. */
export const MAXIMUM_VERDICT_BYTES = 300 * 1024;

/** All of them where they fit. Otherwise those that tell of executions and failures before those that filtered. */
export function tellVerdicts(all: readonly Verdict[]): Pick<InboxEntry, 'verdicts' | 'untold'> {
  let room = MAXIMUM_VERDICT_BYTES;
  const kept = new Set<Verdict>();
  for (const verdict of [...all.filter(({ is }) => is !== 'filtered'), ...all.filter(({ is }) => is === 'filtered')]) {
    room -= Buffer.byteLength(JSON.stringify(verdict)) + 1;
    if (room < 0) break;
    kept.add(verdict);
  }
  const verdicts = all.filter((verdict) => kept.has(verdict));
  return verdicts.length === all.length ? { verdicts } : { verdicts, untold: all.length - verdicts.length };
}
