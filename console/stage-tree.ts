/** The stages as a tree with a bar for each on the execution's time, so that shape, state and duration are seen at once. */
import type { ExecutionDetail, StageDescription } from '../shared/use-cases/describe-execution.ts';
import { isUnderWay } from '../shared/use-cases/describe-execution.ts';
import { formatDuration, listNames } from '../shared/use-cases/phrases.ts';
import { type Html, html } from './html.ts';
import { elapsed, glyph } from './parts.ts';

const MAXIMUM_NEEDS = 3;
const MAXIMUM_LINES = 6;
/** A bar that short would not be seen. */
const MINIMUM_BAR_PERCENT = 0.6;

type Declared = { readonly name: string; readonly stages: readonly StageDescription[] };

export function stageTree(execution: ExecutionDetail, now: number): Html {
  const groups: readonly Declared[] = [...Map.groupBy(execution.stages, ({ declaredAs }) => declaredAs)].map(
    ([name, stages]) => ({ name, stages }),
  );
  const from = Date.parse(execution.startedAt ?? execution.createdAt);
  const to = Math.max(from + 1, execution.endedAt === null ? now : Date.parse(execution.endedAt));
  const span: Span = { from, to, now };
  const declaredAs = new Map(execution.stages.map((stage) => [stage.id, stage.declaredAs]));
  return html`<ol class="stages">${groups.map((group) => declared(group, span, declaredAs))}</ol>`;
}

type Span = { readonly from: number; readonly to: number; readonly now: number };

function declared(group: Declared, span: Span, names: ReadonlyMap<string, string>): Html {
  const [first] = group.stages;
  if (first === undefined) return html``;
  const needs = [...new Set(group.stages.flatMap((stage) => stage.needs.map((id) => names.get(id) ?? id)))];
  const after = needs.length > 0 && html`<span class="after">after ${listNames(needs, MAXIMUM_NEEDS)}</span>`;
  const kind = first.kind !== null && first.kind !== group.name && html`<span class="kind">${first.kind}</span>`;
  if (group.stages.length === 1) {
    return html`<li class="stage ${first.status}">${line(first, html`<b>${group.name}</b>${first.target !== null && html`<span class="target">${first.target}</span>`}${kind}${after}`, span)}</li>`;
  }
  const summary = overall(group.stages);
  return html`<li class="stage ${summary}"><div class="line parent">${glyph(summary, true)}<span class="label"><b>${group.name}</b>${kind}${after}</span></div>
<ol>${group.stages.map((stage) => html`<li class="stage ${stage.status}">${line(stage, html`<span class="target">${stage.target ?? stage.id}</span>`, span)}</li>`)}</ol></li>`;
}

function line(stage: StageDescription, label: Html, span: Span): Html {
  const attempts = stage.attempts > 1 && html`<span class="attempts">attempt ${stage.attempts}</span>`;
  // Waits and failures stand at the head of the page.
  const isTold = stage.status === 'waiting' || stage.status === 'failed' || stage.status === 'succeeded';
  const why = stage.reason !== null && !isTold && html`<p class="because">${stage.reason.text}</p>`;
  const shown = stage.progress.filter((text) => text !== stage.reason?.text).slice(0, MAXIMUM_LINES);
  const lines = shown.length > 0 && html`<ul class="progress">${shown.map((text) => html`<li>${text}</li>`)}</ul>`;
  return html`<div class="line">${glyph(stage.status, true)}<span class="label">${label}${attempts}</span>${bar(stage, span)}<span class="lasts">${lasts(stage, span.now)}</span></div>${why}${lines}`;
}

function lasts(stage: StageDescription, now: number): Html {
  if (stage.startedAt === null) return html`<span class="quiet">${stage.status}</span>`;
  return elapsed(stage.startedAt, stage.endedAt, now);
}

function bar(stage: StageDescription, span: Span): Html {
  if (stage.startedAt === null) return html`<span class="bar"></span>`;
  const start = Date.parse(stage.startedAt);
  const end = stage.endedAt === null ? span.to : Date.parse(stage.endedAt);
  const percent = (instant: number) =>
    (Math.min(Math.max(instant - span.from, 0), span.to - span.from) * 100) / (span.to - span.from);
  const width = Math.max(MINIMUM_BAR_PERCENT, percent(end) - percent(start));
  const left = Math.min(percent(start), 100 - width);
  return html`<svg class="bar" width="100%" height="8" aria-hidden="true"><rect class="${stage.status}" x="${left.toFixed(2)}%" width="${width.toFixed(2)}%" height="8" rx="2"><title>${formatDuration(end - start)}</title></rect></svg>`;
}

/** One status for a stage on several targets: what needs a look first. */
function overall(stages: readonly StageDescription[]): StageDescription['status'] {
  const has = (status: StageDescription['status']) => stages.some((stage) => stage.status === status);
  if (has('failed')) return 'failed';
  if (stages.some(({ status }) => isUnderWay(status))) return has('running') ? 'running' : 'waiting';
  const [first] = stages;
  if (first !== undefined && stages.every(({ status }) => status === first.status)) return first.status;
  return has('cancelled') ? 'cancelled' : has('pending') ? 'pending' : 'succeeded';
}
