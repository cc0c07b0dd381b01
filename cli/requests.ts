/** What came of an event: how commands that start something wait for it, and how it is told. */
import type { Verdict } from '../shared/ports/inbox.ts';
import type { Api, EventDescription, Requested } from './api.ts';
import { type Context, pause } from './context.ts';
import { CommandFailure } from './failure.ts';
import { cutTo, shortId } from './text.ts';

const POLL_MS = 100;
/** The system answers within milliseconds; one that is only just waking up may take this long. */
const MAXIMUM_WAIT_MS = 20_000;

/** Asks `look` until it finds something. Throws CommandFailure with `late` when it takes too long. */
export async function poll<T>(context: Context, look: () => Promise<T | undefined>, late: string): Promise<T> {
  const { now, signal } = context.surroundings;
  const latest = now() + MAXIMUM_WAIT_MS;
  for (;;) {
    const found = await look();
    if (found !== undefined) {
      return found;
    }
    if (now() >= latest) {
      throw new CommandFailure(`${late} within ${MAXIMUM_WAIT_MS / 1_000} s.`);
    }
    await pause(POLL_MS, signal);
  }
}

/** Waits until the requested start was decided. Throws CommandFailure where it was refused. */
export async function awaitStart(context: Context, api: Api, requested: Requested): Promise<EventDescription> {
  const entry = await poll(
    context,
    () => api.event(requested.event),
    `The request was taken as event ${requested.event}, but nothing came of it`,
  );
  requireNoFailure(entry);
  return entry;
}

/** Throws CommandFailure with every sentence that says why the event could not start what it should have. */
export function requireNoFailure(entry: EventDescription): void {
  const failures = entry.verdicts.flatMap((verdict) =>
    verdict.is === 'failed' ? [`${verdict.pipeline} did not start: ${verdict.text}`] : [],
  );
  if (entry.refused !== undefined || failures.length > 0) {
    throw new CommandFailure([...(entry.refused === undefined ? [] : [entry.refused]), ...failures].join('\n'));
  }
}

/** The verdict in a few words: `started execution 7f3k2ab`. */
export function describeVerdict(verdict: Verdict): string {
  switch (verdict.is) {
    case 'started':
    case 'queued':
    case 'skipped':
      return `${verdict.is} execution ${shortId(verdict.execution)}`;
    case 'duplicate':
      return `did not start again: ${verdict.text}`;
    case 'filtered':
      return `did not start: ${verdict.text}`;
    case 'failed':
      return `failed to start: ${verdict.text}`;
  }
}

/** One line for each verdict, and what to type next. */
export function verdictLines(verdicts: readonly Verdict[], width: number): string[] {
  const names = Math.max(0, ...verdicts.map(({ pipeline }) => pipeline.length));
  const lines = verdicts.map((verdict) =>
    cutTo(`  ${verdict.pipeline.padEnd(names)}   ${describeVerdict(verdict)}`, Math.max(width, names)),
  );
  const follow = verdicts.find((verdict) => 'execution' in verdict);
  return follow === undefined ? lines : [...lines, '', `Follow it:  gennaker watch ${shortId(follow.execution)}`];
}
