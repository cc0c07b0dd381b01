/** The timeline of a simulation in lines, and what is different from what a script expects. */
import type { Execution } from '../../shared/core/run.ts';
import { glyphOf } from '../../shared/use-cases/phrases.ts';
import { type Compared, describeExpectation, type Verdict } from '../simulate/expect.ts';
import { describeMoment } from '../simulate/moments.ts';
import type { Simulated } from '../simulate/simulate.ts';
import type { TimelineEntry } from '../simulate/timeline.ts';
import { type Paint, painter } from '../terminal.ts';
import { columnsTaken, cutTo, padTo, wrap } from '../text.ts';
import { TONES } from './tones.ts';

export type TimelineView = { readonly width: number; readonly colour: boolean };
type Ran = Extract<Simulated, { is: 'ran' }>;

const MAXIMUM_NAME_COLUMNS = 32;
const GAP = '  ';
/** A reason gets a line of its own where less than this is left for it. */
const LEAST_REASON_COLUMNS = 30;

/** What runs, every entry, and the end. */
export function renderTimeline(ran: Ran, view: TimelineView): string[] {
  const paint = painter(view.colour);
  const columns = columnsOf(ran.timeline);
  const lines = ran.timeline.filter(isTold).flatMap((entry) => entryLines(entry, columns, view, paint));
  return [...headLines(ran, view, paint), '', ...lines, '', endLine(ran.execution, ran.timeline, paint)];
}

/** The end of the whole execution has a line of its own, below. */
function isTold({ stage, status }: TimelineEntry): boolean {
  return stage !== undefined || status === 'queued' || status === 'stopping';
}

function headLines({ execution, plan }: Ran, view: TimelineView, paint: Paint): string[] {
  const images = Object.entries(plan.images).map(([name, image]) => `${name} ${image.tag}`);
  const versions = images.length === 0 ? '' : `${GAP}${images.join(', ')}`;
  return [
    paint('strong', cutTo(`${execution.pipeline}${versions}`, view.width)),
    ...wrap(execution.trigger.text, view.width).map((line) => paint('quiet', line)),
  ];
}

function endLine({ phase }: Execution, timeline: readonly TimelineEntry[], paint: Paint): string {
  const end = phase.is === 'ended' ? phase.end : 'running';
  const after = describeMoment(timeline.at(-1)?.atMs ?? 0);
  return paint(TONES[end], `${glyphOf(end)} ${end} after ${after}`);
}

type Columns = { readonly moment: number; readonly name: number; readonly target: number; readonly status: number };

function columnsOf(entries: readonly TimelineEntry[]): Columns {
  const widest = (texts: readonly string[]): number => Math.max(0, ...texts.map(columnsTaken));
  return {
    moment: widest(entries.map(({ atMs }) => describeMoment(atMs))),
    name: Math.min(MAXIMUM_NAME_COLUMNS, widest(entries.map(({ stage = '' }) => stage))),
    target: widest(entries.map(({ target = '' }) => target)),
    status: widest(entries.map(statusText)),
  };
}

function statusText({ status, attempts }: TimelineEntry): string {
  return attempts > 1 ? `${status}, attempt ${attempts}` : status;
}

function entryLines(entry: TimelineEntry, columns: Columns, view: TimelineView, paint: Paint): string[] {
  const { atMs, stage = '', target = '', status, reason } = entry;
  const moment = describeMoment(atMs).padStart(columns.moment);
  const shown = status === 'stopping' ? 'cancelled' : status === 'started' ? 'running' : status;
  const name = padTo(cutTo(stage, columns.name), columns.name);
  const place = columns.target === 0 ? '' : `${GAP}${padTo(target, columns.target)}`;
  const plain = `${moment}${GAP}${glyphOf(shown)} ${name}${place}${GAP}${padTo(statusText(entry), columns.status)}`;
  const painted =
    `${paint('quiet', moment)}${GAP}${paint(TONES[shown], glyphOf(shown))} ${name}${paint('quiet', place)}${GAP}` +
    paint(TONES[shown], statusText(entry));
  if (reason === undefined) return [painted.trimEnd()];
  const left = view.width - columnsTaken(plain) - GAP.length;
  const text = `${reason.text} (${reason.code})`;
  if (left >= LEAST_REASON_COLUMNS) {
    const [first = '', ...rest] = wrap(text, left);
    const fill = ' '.repeat(columns.status - columnsTaken(statusText(entry)));
    const indent = ' '.repeat(columnsTaken(plain) + GAP.length);
    return [`${painted}${fill}${GAP}${first}`, ...rest.map((line) => `${indent}${line}`)];
  }
  const indent = ' '.repeat(columns.moment + GAP.length + 2);
  const lines = wrap(text, Math.max(LEAST_REASON_COLUMNS, view.width - indent.length));
  return [painted.trimEnd(), ...lines.map((line) => `${indent}${line}`)];
}

/** What is different: `-` was expected and is missing, `+` happened instead; then each problem with its place. */
export function renderVerdict(verdict: Verdict, view: TimelineView): string[] {
  if (verdict.isMet) return [];
  const paint = painter(view.colour);
  const { end } = verdict;
  const isDifferent = end !== undefined || verdict.lines.some(({ is }) => is !== 'same');
  const ends =
    end === undefined
      ? []
      : [paint('bad', `- the execution ${end.expected}`), paint('good', `+ the execution ${end.was}`)];
  const lines = isDifferent ? [...verdict.lines.map((line) => comparedLine(line, paint)), ...ends, ''] : [];
  return [
    ...lines,
    ...verdict.problems.map(({ file, line, column, message }) => `${file}:${line}:${column}  ${message}`),
  ];
}

function comparedLine(compared: Compared, paint: Paint): string {
  if (compared.is === 'missing') return paint('bad', `- ${describeExpectation(compared.expectation)}`);
  const { stage = '', status, attempts, reason, atMs } = compared.entry;
  const details = [
    ...(reason === undefined ? [] : [reason.code]),
    ...(attempts > 1 ? [`attempt ${attempts}`] : []),
    `at ${describeMoment(atMs)}`,
  ];
  const text = `${stage} ${status} (${details.join(', ')})`;
  return compared.is === 'same' ? `  ${text}` : paint('good', `+ ${text}`);
}
