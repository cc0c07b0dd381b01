/** One execution as `watch` and `get execution` show it: what it is, where each stage stands, what it waits for. */
import type { ExecutionDetail, StageDescription, Timestamp } from '../../shared/use-cases/describe-execution.ts';
import { hasEnded } from '../../shared/use-cases/describe-execution.ts';
import { describeChanges, formatDuration, glyphOf, shortDigest } from '../../shared/use-cases/phrases.ts';
import { type Paint, painter } from '../terminal.ts';
import { ago, columnsTaken, cutTo, padTo, roughDuration, shortId, wrap } from '../text.ts';
import { TONES } from './tones.ts';

export type View = {
  /** Epoch milliseconds. */
  readonly now: number;
  /** Columns. */
  readonly width: number;
  readonly colour: boolean;
  /** How long the pipeline's executions usually take, where that is known. */
  readonly usualMs?: number | undefined;
};

/** Lines of progress shown for each stage. */
const MAXIMUM_PROGRESS_LINES = 6;
/** A column of names may take this much; longer names are cut. */
const MAXIMUM_NAME_COLUMNS = 28;
const MAXIMUM_TARGET_COLUMNS = 16;
const GAP = '   ';

/** The execution in lines that are no longer than the width. */
export function renderExecution(detail: ExecutionDetail, view: View): string[] {
  const paint = painter(view.colour);
  const stages = stageLines(detail, view, paint);
  const foot = footLines(detail, view, paint);
  return [
    ...headLines(detail, view, paint),
    ...(stages.length === 0 ? [] : ['', ...stages]),
    ...(foot.length === 0 ? [] : ['', ...foot]),
  ];
}

/** For people: whole ids in sentences and commands become short ones. */
export function withShortIds(text: string, detail: { id: string; restartOf?: string | null }): string {
  const ids = [detail.id, detail.restartOf ?? undefined].filter((id) => id !== undefined);
  return ids.reduce((shortened, id) => shortened.replaceAll(id, shortId(id)), text);
}

/** Whether the execution's reason would only repeat what a stage's says. */
export function isToldByStages({ reason, stages }: ExecutionDetail): boolean {
  return stages.some(
    (stage) =>
      (stage.reason !== null && stage.reason.text === reason?.text) ||
      (reason?.code === 'stage-failed' && stage.status === 'failed'),
  );
}

/** Milliseconds between the start and the end, or until now; undefined where it has not begun. */
export function elapsedMs(
  subject: { startedAt: Timestamp | null; endedAt: Timestamp | null },
  now: number,
): number | undefined {
  if (subject.startedAt === null) {
    return undefined;
  }
  return (subject.endedAt === null ? now : Date.parse(subject.endedAt)) - Date.parse(subject.startedAt);
}

function headLines(detail: ExecutionDetail, view: View, paint: Paint): string[] {
  const tone = TONES[detail.status];
  const versions = describeChanges(detail.changes);
  const name = cutTo(versions === '' ? detail.pipeline : `${detail.pipeline}  ${versions}`, view.width);
  const status = cutTo(`${glyphOf(detail.status)} ${describeStatus(detail, view.now)}`, view.width);
  const id = `execution ${shortId(detail.id)}`;
  const parts = [
    { text: name, painted: paint('strong', name) },
    { text: id, painted: id },
    { text: status, painted: paint(tone, status) },
  ];
  const first = joinFitting(parts, view.width);

  const by = detail.trigger.by === null ? '' : ` by ${detail.trigger.by}`;
  const trigger = `${detail.trigger.text}${by} ${ago(Date.parse(detail.trigger.at), view.now)}`;
  const restart = detail.restartOf === null ? [] : [`restart of ${shortId(detail.restartOf)}`];
  const images = detail.changes.map(({ to }) => {
    const digest = `@${shortDigest(to.digest)}`;
    return `${cutTo(to.repository, view.width - columnsTaken(digest))}${digest}`;
  });
  const quiet = [...wrap(trigger, view.width), ...restart, ...images].map((line) => paint('quiet', line));
  return [...first, ...quiet];
}

/** The parts side by side, and on a line of its own what does not fit. */
function joinFitting(parts: readonly { text: string; painted: string }[], width: number): string[] {
  const lines: { columns: number; painted: string }[] = [];
  for (const { text, painted } of parts) {
    const last = lines.at(-1);
    const columns = columnsTaken(text);
    if (last !== undefined && last.columns + GAP.length + columns <= width) {
      lines[lines.length - 1] = {
        columns: last.columns + GAP.length + columns,
        painted: `${last.painted}${GAP}${painted}`,
      };
    } else {
      lines.push({ columns, painted });
    }
  }
  return lines.map(({ painted }) => painted);
}

function describeStatus(detail: ExecutionDetail, now: number): string {
  const took = elapsedMs(detail, now);
  if (hasEnded(detail.status)) {
    return took === undefined ? detail.status : `${detail.status} after ${formatDuration(took)}`;
  }
  if (took === undefined) {
    return `${detail.status} for ${formatDuration(now - Date.parse(detail.createdAt))}`;
  }
  return `${detail.stopping ? 'stopping, ' : ''}${detail.status} for ${formatDuration(took)}`;
}

/** A stage, or several of one declaration that have not begun and so are told together. */
type Row = { readonly stage: StageDescription; readonly targets: string };

function rowsOf(stages: readonly StageDescription[]): Row[] {
  const rows: Row[] = [];
  for (const stage of stages) {
    const target = stage.target ?? '';
    const last = rows.at(-1);
    const together =
      last !== undefined &&
      stage.status === 'pending' &&
      last.stage.status === 'pending' &&
      last.stage.declaredAs === stage.declaredAs &&
      target !== '';
    if (together) {
      rows[rows.length - 1] = { stage: last.stage, targets: `${last.targets} ${target}` };
    } else {
      rows.push({ stage, targets: target });
    }
  }
  return rows;
}

function stageLines(detail: ExecutionDetail, view: View, paint: Paint): string[] {
  const rows = rowsOf(detail.stages);
  const widest = (texts: readonly string[], limit: number) => Math.min(limit, Math.max(0, ...texts.map(columnsTaken)));
  const names = widest(
    rows.map(({ stage }) => stage.declaredAs),
    Math.min(MAXIMUM_NAME_COLUMNS, Math.floor(view.width / 3)),
  );
  const targets = widest(
    rows.map((row) => row.targets),
    Math.min(MAXIMUM_TARGET_COLUMNS, Math.floor(view.width / 5)),
  );
  return rows.flatMap(({ stage, targets: target }) => {
    const head = [
      `${glyphOf(stage.status)} ${padTo(cutTo(stage.declaredAs, names), names)}`,
      ...(targets === 0 ? [] : [padTo(cutTo(target, targets), targets)]),
    ].join('  ');
    const words = cutTo(describeStage(stage, detail.stages, view.now), view.width - columnsTaken(head) - GAP.length);
    const under = underLines(stage, detail, view);
    return [
      `${paint(TONES[stage.status], head)}${GAP}${stage.status === 'pending' ? paint('quiet', words) : words}`,
      ...under.map((line) => (stage.status === 'failed' ? line : paint('quiet', line))),
    ];
  });
}

function describeStage(stage: StageDescription, all: readonly StageDescription[], now: number): string {
  if (stage.status === 'pending') {
    return describePending(stage, all);
  }
  const took = elapsedMs(stage, now);
  const parts: string[] = [stage.status];
  if (took !== undefined && stage.status !== 'skipped') {
    parts.push(formatDuration(took));
  }
  if (stage.attempts > 1) {
    parts.push(`attempt ${stage.attempts}`);
  }
  if (stage.status === 'waiting' && stage.wakeAt !== null) {
    const left = Date.parse(stage.wakeAt) - now;
    parts.push(left > 0 ? `looks again in ${roughDuration(left)}` : 'looks again now');
  }
  return parts.join(GAP);
}

function describePending(stage: StageDescription, all: readonly StageDescription[]): string {
  const open = all
    .filter(({ id, status }) => stage.needs.includes(id) && !['succeeded', 'skipped'].includes(status))
    .map(({ declaredAs }) => declaredAs);
  return open.length === 0 ? 'pending' : `waits for ${[...new Set(open)].join(', ')}`;
}

/** Why the stage is where it is, and what it does now, as branches below its line. */
function underLines(stage: StageDescription, detail: ExecutionDetail, view: View): string[] {
  const reason = stage.reason === null ? [] : [withShortIds(stage.reason.text, detail)];
  const news = [...reason, ...stage.progress.filter((line) => line !== stage.reason?.text)];
  const shown = news.slice(0, MAXIMUM_PROGRESS_LINES);
  return shown.flatMap((text, index) => {
    const last = index === shown.length - 1;
    const [first = '', ...more] = wrap(text, view.width - 4);
    return [`  ${last ? '└' : '├'} ${first}`, ...more.map((line) => `  ${last ? ' ' : '│'} ${line}`)];
  });
}

function footLines(detail: ExecutionDetail, view: View, paint: Paint): string[] {
  if (hasEnded(detail.status)) {
    const id = shortId(detail.id);
    return detail.status === 'succeeded' ? [] : [`Find out why:  ${paint('strong', `gennaker why ${id}`)}`];
  }
  const reason =
    detail.reason === null || isToldByStages(detail) ? [] : wrap(withShortIds(detail.reason.text, detail), view.width);
  return [...reason, ...usually(detail, view).map((line) => paint('quiet', line))];
}

function usually(detail: ExecutionDetail, view: View): string[] {
  const took = elapsedMs(detail, view.now);
  if (view.usualMs === undefined || took === undefined) {
    return [];
  }
  const left = view.usualMs - took;
  const usual = `usually ${roughDuration(view.usualMs)}`;
  return [
    left > 0 ? `${usual}; about ${roughDuration(left)} left` : `${usual}; ${roughDuration(-left)} longer already`,
  ];
}
