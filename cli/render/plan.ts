/** A plan in lines for people, in the manner that users of terraform know: + is new, - goes, ~ changes. */
import type { Json } from '../../shared/core/json.ts';
import type { FieldChange } from '../../shared/kubernetes/difference.ts';
import { parseImage } from '../../shared/kubernetes/images.ts';
import type { PipelineChange } from '../../shared/pipeline/difference.ts';
import type { ObjectComparison, TargetComparison } from '../../shared/use-cases/compare-live.ts';
import { formatDuration, listNames, shortDigest, versionOf } from '../../shared/use-cases/phrases.ts';
import { describeGates, type Gates } from '../../shared/use-cases/plan-gates.ts';
import type { PipelinePlan, PlannedStage } from '../../shared/use-cases/plan-pipelines.ts';
import { type Paint, painter, type Tone } from '../terminal.ts';
import { columnsTaken, count, cutTo, padTo, wrap } from '../text.ts';

export type View = { readonly width: number; readonly colour: boolean };

/** What `plan --offline` knows of a pipeline. */
export type Outline = Gates & {
  readonly pipeline: string;
  readonly stages: readonly PlannedStage[];
  /** Why the stages are not known without a system; null where they are. */
  readonly unplanned: string | null;
};

const GAP = '   ';
/** A value that takes more columns is cut. */
const MAXIMUM_VALUE_COLUMNS = 60;
const MAXIMUM_NAMES = 5;

export function renderPlan(report: { readonly pipelines: readonly PipelinePlan[] }, view: View): string[] {
  return report.pipelines.flatMap((plan, index) => [...(index === 0 ? [] : ['']), ...renderPipeline(plan, view)]);
}

/** How many objects would be written differently; targets that would change alike count once. */
export function changesIn(targets: readonly TargetComparison[]): number {
  return foldTargets(targets).reduce((sum, [first]) => sum + (first === undefined ? 0 : differing(first).length), 0);
}

/** The targets in groups whose comparisons tell the same, each in its order. */
export function foldTargets(targets: readonly TargetComparison[]): (readonly TargetComparison[])[] {
  const groups = new Map<string, TargetComparison[]>();
  for (const target of targets) {
    const told =
      target.is === 'compared'
        ? [target.objects.map(({ resourceVersion: _, ...object }) => object), target.unseen, target.later.length]
        : [target.is, target.target];
    const key = JSON.stringify(told);
    groups.set(key, [...(groups.get(key) ?? []), target]);
  }
  return [...groups.values()];
}

/** The stages of a pipeline, as far as its file tells them. */
export function renderOutline(outline: Outline, view: View): string[] {
  const paint = painter(view.colour);
  const { stages, unplanned } = outline;
  if (unplanned !== null) {
    const why = indented(wrap(unplanned, view.width - 2));
    return [paint('strong', outline.pipeline), ...why, ...gateLines(outline, view)];
  }
  const rows = stages.map(({ id, kind, target, needs, template, skip }) => [
    id,
    template === null ? kind : `${kind} (${template})`,
    target ?? '',
    skip === null ? (needs.length === 0 ? '' : `after ${listNames(needs, MAXIMUM_NAMES)}`) : `skipped: ${skip}`,
  ]);
  return [paint('strong', outline.pipeline), ...indented(columns(rows)), ...gateLines(outline, view)];
}

function renderPipeline(plan: PipelinePlan, view: View): string[] {
  const paint = painter(view.colour);
  const blocks = [
    pipelineLines(plan, view),
    plan.unplanned === null
      ? targetLines(plan, view)
      : indented(wrap(`not planned: ${plan.unplanned}`, view.width - 2)),
    [...gateLines(plan, view), ...footLines(plan, view)],
  ];
  const head = `${paint('strong', plan.pipeline)}${GAP}${summary(plan)}`;
  return [head, ...blocks.filter((lines) => lines.length > 0).flatMap((lines) => ['', ...lines])];
}

function summary({ change, changes, targets, unplanned }: PipelinePlan): string {
  const runs = changesIn(targets);
  const unknown = targets.filter(({ is }) => is !== 'compared').map(({ target }) => target);
  const parts = [
    change === 'created'
      ? 'is new'
      : change === 'unchanged'
        ? ''
        : `${count(Math.max(1, changes.length), 'change')} to the pipeline`,
    runs === 0 ? '' : `${change === 'changed' ? runs : count(runs, 'change')} to what runs`,
    unknown.length === 0 ? '' : `not known for ${listNames(unknown, MAXIMUM_NAMES)}`,
  ].filter((part) => part !== '');
  if (parts.length > 0) return parts.join(', ');
  return unplanned === null ? 'no changes' : 'no changes to the pipeline';
}

function pipelineLines({ change, changes, stages }: PipelinePlan, { width, colour }: View): string[] {
  const paint = painter(colour);
  if (change === 'unchanged') return [];
  const lines =
    change === 'created'
      ? stages.map((stage) => signed('+', newStage(stage), paint))
      : changes.length === 0
        ? [signed('~', 'the files that it names', paint)]
        : changes.map((each) => signed(signOf(each), cutTo(changeText(each), Math.max(width - 4, 40)), paint));
  return [paint('quiet', '  pipeline'), ...indented(lines)];
}

function newStage({ id, kind, target, needs }: PlannedStage): string {
  const where = target === null ? '' : ` in ${target}`;
  return `stage ${id} (${kind})${where}${needs.length === 0 ? '' : `, after ${listNames(needs, MAXIMUM_NAMES)}`}`;
}

function signOf(change: PipelineChange): Sign {
  if (change.is === 'stage-added') return '+';
  if (change.is === 'stage-removed') return '-';
  if (change.masked !== undefined) return MASKED_SIGNS[change.masked];
  return change.from === undefined ? '+' : change.to === undefined ? '-' : '~';
}

/** A change of a pipeline in one line: `~ release.with.port   80 → 8080`. */
export function changeLine(change: PipelineChange): string {
  return `${signOf(change)} ${changeText(change)}`;
}

function changeText(change: PipelineChange): string {
  if (change.is === 'changed') return `${change.path}${GAP}${valuesText(change)}`;
  if (change.is === 'stage-removed') return `stage ${change.stage}`;
  const { stage, kind, targets, needs } = change;
  const where = targets.length === 0 ? '' : ` in ${listNames(targets, MAXIMUM_NAMES)}`;
  return `stage ${stage} (${kind})${where}${needs.length === 0 ? '' : `, after ${listNames(needs, MAXIMUM_NAMES)}`}`;
}

function targetLines(plan: PipelinePlan, view: View): string[] {
  return foldTargets(plan.targets).flatMap((group) => {
    const [first, ...others] = group;
    if (first === undefined) return [];
    const names = group.map(({ target }) => target).join(', ');
    if (first.is !== 'compared') return label(first.target, wrap(unreached(first), view.width - 8), view);
    const lines = comparisonLines(first, view, columnsTaken(first.target) + 2 + GAP.length);
    if (lines.length === 0) return label(names, ['no changes'], view);
    const same = others.map(({ target }) => target).join(', ');
    return [...label(first.target, lines, view), ...(same === '' ? [] : label(same, ['the same'], view))];
  });
}

function unreached(target: Exclude<TargetComparison, { is: 'compared' }>): string {
  return target.is === 'unreachable' ? `cannot be reached: ${target.text}` : `cannot be compared: ${target.text}`;
}

function comparisonLines(target: Extract<TargetComparison, { is: 'compared' }>, view: View, margin: number): string[] {
  const paint = painter(view.colour);
  const objects = differing(target).flatMap((object) => objectLines(object, paint, view.width - margin));
  const later = target.later.map((stage) => `? what ${stage} applies is only known while it runs`);
  const unseen = target.unseen === 0 ? [] : [`? ${count(target.unseen, 'more object')} not compared`];
  return [...objects, ...later, ...unseen];
}

function differing(target: TargetComparison): readonly ObjectComparison[] {
  return target.is === 'compared' ? target.objects.filter(({ is }) => is !== 'same') : [];
}

function objectLines(object: ObjectComparison, paint: Paint, width: number): string[] {
  const name = `${object.kind}/${object.name}`;
  const note = object.note === undefined ? '' : `${GAP}${object.note}`;
  switch (object.is) {
    case 'same':
      return [];
    case 'create':
      return hanging(signed('+', name, paint), note, width);
    case 'replace':
      return hanging(signed('±', name, paint), note, width);
    case 'refused':
      return hanging(signed('!', name, paint), note, width);
    case 'unknown':
      return hanging(signed('?', name, paint), note, width);
    case 'change': {
      const more = object.more === undefined ? [] : [`~ ${name}${GAP}${count(object.more, 'more field')}`];
      return [...(object.fields ?? []).flatMap((field) => fieldLines(name, field, paint, width)), ...more];
    }
  }
}

/** On one line where it fits; otherwise the values stand below the path. */
function fieldLines(name: string, field: FieldChange, paint: Paint, width: number): string[] {
  const owned = field.owners === undefined ? '' : `${GAP}(owned by ${field.owners.join(', ')})`;
  const values = `${valuesText(field)}${owned}`;
  const head = `${name}${GAP}${field.path}`;
  const whole = `~ ${head}${GAP}${values}`;
  if (columnsTaken(whole) <= width) return [signed('~', `${head}${GAP}${values}`, paint)];
  const margin = ' '.repeat(2 + columnsTaken(name) + GAP.length);
  return [signed('~', head, paint), ...wrap(values, Math.max(width - margin.length, 30)).map((line) => margin + line)];
}

function hanging(head: string, note: string, width: number): string[] {
  const [first, ...rest] = wrap(note, Math.max(width - 6, 30));
  if (first === undefined) return [head];
  return [head, ...[first, ...rest].map((line) => `    ${line}`)];
}

function valuesText(change: { readonly from?: Json; readonly to?: Json; readonly masked?: string }): string {
  return change.masked === undefined ? fromTo(change) : `${change.masked}, a secret`;
}

function fromTo({ from, to }: { readonly from?: Json; readonly to?: Json }): string {
  if (from === undefined) return valueText(to ?? null);
  if (to === undefined) return `${valueText(from)} → nothing`;
  return `${valueText(from)} → ${valueText(to)}`;
}

function valueText(value: Json): string {
  if (isList(value)) return cutTo(`[${value.join(', ')}]`, MAXIMUM_VALUE_COLUMNS);
  if (typeof value !== 'string') return cutTo(JSON.stringify(value), MAXIMUM_VALUE_COLUMNS);
  const { repository, tag, digest } = parseImage(value);
  if (digest !== undefined && /^sha256:[0-9a-f]{64}$/.test(digest)) {
    return `${tag ?? repository}@${shortDigest(digest)}`;
  }
  const lines = value.split('\n').length;
  if (lines > 1) return `${lines} lines of text`;
  return cutTo(/^\S+$/.test(value) ? value : JSON.stringify(value), MAXIMUM_VALUE_COLUMNS);
}

/** Whether the value is a list of plain words and numbers, which need no quotes. */
function isList(value: Json): value is readonly (string | number)[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'number' || /^[\w./:-]+$/.test(String(item)));
}

function gateLines(gates: Gates, { width, colour }: View): string[] {
  const [first, ...rest] = describeGates(gates).flatMap((text) => wrap(text, width - 10));
  if (first === undefined) return [];
  return [`  ${painter(colour)('quiet', 'gates')}${GAP}${first}`, ...rest.map((line) => `          ${line}`)];
}

function footLines({ usuallyMs, basis, images }: PipelinePlan, { width }: View): string[] {
  const versions = images.map(({ name, from, to }) => {
    const version =
      from === null || from.digest === to.digest ? versionOf(to) : `${versionOf(from)} → ${versionOf(to)}`;
    return `${name} ${version}`;
  });
  const parts = [
    ...versions,
    ...(usuallyMs === null ? [] : [`usually ${formatDuration(usuallyMs)}`]),
    ...(basis.plan === null ? [] : [`plan ${shortDigest(basis.plan)}, good until something it rests on changes`]),
  ];
  return indented(wrap(parts.join(' · '), width - 2));
}

type Sign = '+' | '-' | '~' | '±' | '!' | '?';
const TONES: { readonly [sign in Sign]: Tone } = {
  '+': 'good',
  '-': 'bad',
  '~': 'held',
  '±': 'held',
  '!': 'bad',
  '?': 'quiet',
};

const MASKED_SIGNS = { added: '+', changed: '~', removed: '-' } as const satisfies { [masked: string]: Sign };

function signed(sign: Sign, text: string, paint: Paint): string {
  return `${paint(TONES[sign], sign)} ${text}`;
}

/** The lines with a name before the first of them. */
function label(name: string, lines: readonly string[], { colour }: View): string[] {
  const margin = ' '.repeat(columnsTaken(name) + GAP.length);
  const [first = '', ...rest] = lines;
  return indented([`${painter(colour)('strong', name)}${GAP}${first}`, ...rest.map((line) => margin + line)]);
}

function indented(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}

function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = [0, 1, 2].map((index) => Math.max(0, ...rows.map((row) => columnsTaken(row[index] ?? ''))));
  return rows.map((row) =>
    row
      .map((cell, index) => padTo(cell, widths[index] ?? 0))
      .join(GAP)
      .trimEnd(),
  );
}
