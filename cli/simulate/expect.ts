/** Holds what happened against what a script expects, and finds in the script what never came to bear. */
import type { StageStatus } from '../../shared/core/run.ts';
import { checkedDurationMs } from '../../shared/pipeline/duration.ts';
import { didYouMean } from '../../shared/pipeline/nearest.ts';
import type { Problem } from '../../shared/pipeline/problem.ts';
import { describeMoment } from './moments.ts';
import { type Script, stagesOfScript } from './script.ts';
import type { Expectation } from './script-schema.ts';
import type { SignalResult, Simulated } from './simulate.ts';
import type { TimelineEntry } from './timeline.ts';

type Ran = Extract<Simulated, { is: 'ran' }>;

/** A line of the comparison: `same` was expected and happened, `missing` was only expected, `other` only happened. */
export type Compared =
  | { readonly is: 'same' | 'other'; readonly entry: TimelineEntry }
  | { readonly is: 'missing'; readonly expectation: Expectation };

export type Verdict = {
  readonly isMet: boolean;
  /** In the order of time; what happened and nobody asked about is left out. */
  readonly lines: readonly Compared[];
  /** The end, where it is not the expected one. */
  readonly end?: { readonly expected: string; readonly was: string };
  /** Parts of the script that were not met or had no effect, with their places. */
  readonly problems: readonly Problem[];
};

/** Whether the script's expectations were met, and what is different where they were not. */
export function judge(script: Script, simulated: Exclude<Simulated, { is: 'refused' }>): Verdict {
  const was = simulated.is === 'ran' ? endOf(simulated) : 'not-started';
  const end = script.end === undefined || script.end === was ? undefined : { expected: script.end, was };
  const endProblems =
    end === undefined ? [] : [script.problemAt(['end'], 'value', `expected ${end.expected}, but it was ${was}`)];
  if (simulated.is === 'not-started') {
    const isWanted = script.end === 'not-started';
    const problems = isWanted ? [] : [script.problemAt([], 'value', `the pipeline did not start: ${simulated.text}`)];
    return { isMet: isWanted, lines: [], problems, ...(end === undefined ? {} : { end }) };
  }
  const { lines, problems: differences } = compare(script, simulated.timeline);
  const problems = [...differences, ...endProblems, ...leftOver(script, simulated)];
  return { isMet: problems.length === 0, lines, problems, ...(end === undefined ? {} : { end }) };
}

function endOf({ execution }: Ran): StageStatus | 'unfinished' {
  return execution.phase.is === 'ended' ? execution.phase.end : 'unfinished';
}

function fits(expected: Expectation, entry: TimelineEntry): boolean {
  const { stage, status, attempts, reason, at, by } = expected;
  const second = (ms: number): number => Math.floor(ms / 1_000);
  return (
    entry.stage === stage &&
    entry.status === status &&
    (attempts === undefined || entry.attempts === attempts) &&
    (reason === undefined || entry.reason?.code === reason) &&
    (at === undefined || second(entry.atMs) === second(checkedDurationMs(at))) &&
    (by === undefined || entry.atMs <= checkedDurationMs(by))
  );
}

/** Finds each expectation, in order, among what happened from the moment of the one before on. */
function compare(
  script: Script,
  timeline: readonly TimelineEntry[],
): { readonly lines: readonly Compared[]; readonly problems: readonly Problem[] } {
  if (script.expect === undefined) return { lines: [], problems: [] };
  const entries = timeline.filter(({ stage }) => stage !== undefined);
  const isFound = entries.map(() => false);
  /** The expectations that are missing after so many entries. */
  const missing = new Map<number, Expectation[]>();
  const problems: Problem[] = [];
  let sinceMs = 0;
  let after = 0;
  for (const [index, expectation] of script.expect.entries()) {
    const found = entries.findIndex(
      (entry, place) => !isFound[place] && entry.atMs >= sinceMs && fits(expectation, entry),
    );
    const entry = entries[found];
    if (entry === undefined) {
      missing.set(after, [...(missing.get(after) ?? []), expectation]);
      problems.push(script.problemAt(['expect', index], 'value', notHappened(expectation, entries, isFound, sinceMs)));
      continue;
    }
    isFound[found] = true;
    sinceMs = entry.atMs;
    after = Math.max(after, found + 1);
  }
  const missed = new Set([...missing.values()].flat().map(({ stage }) => stage));
  const lines: Compared[] = [];
  const tellMissing = (place: number): void => {
    for (const expectation of missing.get(place) ?? []) lines.push({ is: 'missing', expectation });
  };
  for (const [place, entry] of entries.entries()) {
    tellMissing(place);
    if (isFound[place] === true) lines.push({ is: 'same', entry });
    else if (script.exact || missed.has(entry.stage ?? '')) lines.push({ is: 'other', entry });
  }
  tellMissing(entries.length);
  if (script.exact && problems.length === 0 && isFound.includes(false)) {
    const extra = entries.filter((_, place) => !isFound[place]);
    const sentence = `nothing else was to happen, but ${extra.map(describeEntry).join(', ')} did`;
    problems.push(script.problemAt(['exact'], 'value', sentence));
  }
  return { lines, problems };
}

function notHappened(
  expectation: Expectation,
  entries: readonly TimelineEntry[],
  isFound: readonly boolean[],
  sinceMs: number,
): string {
  const wanted = `${describeExpectation(expectation)} did not happen`;
  const own = entries.filter(({ stage }) => stage === expectation.stage);
  if (own.length === 0) return `${wanted}: ${expectation.stage} did nothing at all`;
  const isTaken = (entry: TimelineEntry): boolean => isFound[entries.indexOf(entry)] === true;
  const earlier = own.find((entry) => entry.atMs < sinceMs && !isTaken(entry) && fits(expectation, entry));
  if (earlier !== undefined) {
    return `${wanted} in this order: it was at ${describeMoment(earlier.atMs)}, before the expectation above it`;
  }
  const taken = own.find((entry) => isTaken(entry) && fits(expectation, entry));
  if (taken !== undefined) return `${wanted} once more; it happened at ${describeMoment(taken.atMs)}`;
  return `${wanted}; what happened is ${own.map(describeEntry).join(', ')}`;
}

/** `rest-us failed (image-not-pullable)` */
export function describeExpectation({ stage, status, attempts, reason, at, by }: Expectation): string {
  const details = [
    ...(reason === undefined ? [] : [reason]),
    ...(attempts === undefined ? [] : [`attempt ${attempts}`]),
    ...(at === undefined ? [] : [`at ${at}`]),
    ...(by === undefined ? [] : [`by ${by}`]),
  ];
  return `${stage} ${status}${details.length === 0 ? '' : ` (${details.join(', ')})`}`;
}

function describeEntry({ stage, status, attempts, reason, atMs }: TimelineEntry): string {
  const attempt = attempts > 1 ? `, attempt ${attempts}` : '';
  return `${stage} ${status}${reason === undefined ? '' : ` (${reason.code}${attempt})`} at ${describeMoment(atMs)}`;
}

/** What stands in the script and had no effect, so that nobody believes that it was tested. */
function leftOver(script: Script, ran: Ran): Problem[] {
  return [
    ...stagesLeftOver(script, ran),
    ...signalsLeftOver(script, ran),
    ...decisionsLeftOver(script, ran),
    ...cancelLeftOver(script, ran),
  ];
}

function stagesLeftOver(script: Script, { plan, doings }: Ran): Problem[] {
  return Object.entries(script.stages).flatMap(([name, scripted]): Problem[] => {
    const ids = stagesOfScript(plan, name).map(({ id }) => id);
    const path = ['stages', name];
    const attempts = Math.max(0, ...ids.map((id) => doings.attempts.get(id) ?? 0));
    if (attempts === 0) return [script.problemAt(path, 'key', 'had no effect: the stage never ran')];
    const requests = ids.reduce((sum, id) => sum + (doings.requests.get(id) ?? 0), 0);
    const unasked =
      scripted.answers === undefined || requests > 0
        ? []
        : [script.problemAt([...path, 'answers'], 'key', 'had no effect: the stage sent no request')];
    const never = (scripted.fails ?? []).flatMap(({ attempt = 1 }, index) =>
      attempt <= attempts
        ? []
        : [
            script.problemAt(
              [...path, 'fails', index],
              'value',
              `had no effect: there was no attempt ${attempt}, the last was ${attempts}`,
            ),
          ],
    );
    return [...unasked, ...never];
  });
}

function signalsLeftOver(script: Script, ran: Ran): Problem[] {
  return script.signals.flatMap((signal, index): Problem[] => {
    const result = ran.signals[index];
    if (result === undefined || result.isTaken) return [];
    const names = [...(ran.awaited.get(signal.stage) ?? [])];
    if (result.answer === 'taken' && !names.includes(signal.name)) {
      const waited = names.length === 0 ? 'waited for no signal' : `waited for ${names.join(', ')}`;
      const sentence = `no step took it: ${signal.stage} ${waited}${didYouMean(signal.name, names)}`;
      return [script.problemAt(['signals', index, 'name'], 'value', sentence)];
    }
    return [script.problemAt(['signals', index], 'value', `had no effect: ${whyNotTaken(result, signal, ran)}`)];
  });
}

function whyNotTaken({ answer }: SignalResult, signal: Script['signals'][number], ran: Ran): string {
  const { stage, at } = signal;
  const own = ran.timeline.filter((entry) => entry.stage === stage);
  const last = own.at(-1);
  switch (answer) {
    case undefined:
      return `the execution had ended before, at ${describeMoment(ran.timeline.at(-1)?.atMs ?? 0)}`;
    case 'unknown': {
      const [first] = own.filter(({ attempts }) => attempts > 0);
      const began = first === undefined ? 'it never began' : `it began at ${describeMoment(first.atMs)}`;
      return `${stage} had not begun at ${at}; ${began}`;
    }
    case 'ended':
    case 'duplicate':
      return `${stage} was over at ${at}${last === undefined ? '' : `: ${last.status} at ${describeMoment(last.atMs)}`}`;
    case 'tooLate':
      return `it was too late for ${stage} at ${at}, or for another attempt`;
    case 'full':
      return `${stage} had more signals waiting than it may have`;
    case 'taken':
      return `${stage} ended before a step could take it`;
  }
}

function decisionsLeftOver(script: Script, ran: Ran): Problem[] {
  return script.decisions.flatMap((decision, index): Problem[] => {
    const sentence = decisionProblem(decision, ran.decisions[index], ran);
    return sentence === undefined ? [] : [script.problemAt(['decisions', index], 'value', sentence)];
  });
}

/** Of a decision that is refused, unless just that is expected, or that is expected to be refused and is taken. */
function decisionProblem(
  { stage, by, at, refused }: Script['decisions'][number],
  answer: Ran['decisions'][number],
  ran: Ran,
): string | undefined {
  if (answer === undefined) {
    return `had no effect: the execution had ended before, at ${describeMoment(ran.timeline.at(-1)?.atMs ?? 0)}`;
  }
  if (answer.is === 'unknown') return `had no effect: ${stage} had not begun at ${at}`;
  if (answer.is === 'refused') {
    return refused === answer.code ? undefined : `was refused (${answer.code}): ${answer.text}`;
  }
  return refused === undefined ? undefined : `the decision of ${by} was taken, and not refused (${refused})`;
}

function cancelLeftOver(script: Script, ran: Ran): Problem[] {
  if (script.cancel === undefined || ran.wasCancelled) return [];
  const endedAt = describeMoment(ran.timeline.at(-1)?.atMs ?? 0);
  return [script.problemAt(['cancel'], 'key', `had no effect: the execution had ended before, at ${endedAt}`)];
}
