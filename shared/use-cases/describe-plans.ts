/** The plans of a pull request's pipelines in lines of text, as a difference is written: `+`, `-` and `~` begin what changes. */
import type { Json } from '../core/json.ts';
import type { PipelineChange } from '../pipeline/difference.ts';
import type { Problem } from '../pipeline/problem.ts';
import { describeObject } from '../ports/cluster.ts';
import type { ObjectComparison, TargetComparison } from './compare-live.ts';
import { formatDuration } from './phrases.ts';
import { hasChanges, type PipelinePlan, type PlanPipelinesPorts, planPipelines } from './plan-pipelines.ts';
import type { PlanDescription } from './review-comment.ts';
import type { DescribePlans } from './review-pull-request.ts';

const MAXIMUM_VALUE = 120;
const MAXIMUM_LINES = 400;

export function describePlans(ports: PlanPipelinesPorts, clock: { now(): number }): DescribePlans {
  return async ({ pipelines, openLibrary, team, mayReachClusters, signal }) => {
    const uploads = new Map(pipelines.map(({ upload }) => [upload.file, upload]));
    const request = { images: {}, inputs: {}, by: 'gennaker', at: clock.now() };
    const live = mayReachClusters ? 'compare' : 'leave';
    const plans: PlanDescription[] = [];
    const problems: Problem[] = [];
    for (const upload of uploads.values()) {
      const report = await planPipelines({ ...ports, openLibrary }, { ...upload, team, request, live, signal });
      if (report.is === 'refused') problems.push(...report.problems);
      else plans.push(...report.pipelines.map(describePlan));
    }
    return { plans, problems };
  };
}

function describePlan(plan: PipelinePlan): PlanDescription {
  const lines = [
    ...plan.changes.map(changeLine),
    ...(plan.change === 'created' ? plan.stages.map(({ id, kind }) => `+ stage ${id} (${kind})`) : []),
    ...plan.images.flatMap(({ name, from, to }) =>
      from?.digest === to.digest ? [] : [`~ image ${name}  ${from?.tag ?? 'none'} -> ${to.tag}`],
    ),
    ...plan.targets.flatMap(targetLines),
    ...(plan.unplanned === null ? [] : [`  an execution cannot be planned yet: ${plan.unplanned}`]),
    ...(plan.gates.length === 0 ? [] : [`  gates   ${plan.gates.map(({ text }) => text).join(' · ')}`]),
    ...(plan.usuallyMs === null ? [] : [`  usually ${formatDuration(plan.usuallyMs)}`]),
  ];
  const shown = lines.slice(0, MAXIMUM_LINES);
  const more = lines.length - shown.length;
  return {
    name: plan.pipeline,
    isChanged: hasChanges({ pipelines: [plan] }),
    summary: summaryOf(plan),
    text: [...shown, ...(more === 0 ? [] : [`  and ${more} lines more`])].join('\n'),
  };
}

function summaryOf({ change, changes, targets }: PipelinePlan): string {
  if (change === 'created') return 'new';
  const running = targets.flatMap((target) =>
    target.is === 'compared' ? target.objects.filter(({ is }) => is !== 'same') : [],
  ).length;
  const parts = [
    ...(changes.length === 0 && change === 'changed' ? ['its files change'] : []),
    ...(changes.length === 0 ? [] : [`${counted(changes.length, 'change')} to the pipeline`]),
    ...(running === 0 ? [] : [`${counted(running, 'change')} to what runs`]),
  ];
  return parts.length === 0 ? 'no change' : parts.join(', ');
}

function changeLine(change: PipelineChange): string {
  if (change.is === 'stage-added') {
    const after = change.needs.length === 0 ? '' : `, after ${change.needs.join(', ')}`;
    return `+ stage ${change.stage} (${change.kind})${after}`;
  }
  if (change.is === 'stage-removed') return `- stage ${change.stage} (${change.kind})`;
  return `${signOf(change)} ${change.path}  ${shownValue(change.from)} -> ${shownValue(change.to)}`;
}

function signOf({ from, to }: { readonly from?: Json; readonly to?: Json }): string {
  if (from === undefined) return '+';
  return to === undefined ? '-' : '~';
}

function targetLines(target: TargetComparison): string[] {
  if (target.is !== 'compared') return [`  ${target.target}  not compared: ${target.text}`];
  const changed = target.objects.filter(({ is }) => is !== 'same');
  if (changed.length === 0) return [`  ${target.target}  as it runs now`];
  return [`  ${target.target}`, ...changed.flatMap(objectLines)];
}

const SIGNS: { readonly [is in ObjectComparison['is']]: string } = {
  same: ' ',
  create: '+',
  change: '~',
  replace: '~',
  refused: '!',
  unknown: '?',
};

function objectLines(object: ObjectComparison): string[] {
  const note = object.note === undefined ? '' : `  ${object.note}`;
  const fields = (object.fields ?? []).map(
    (field) => `    ${signOf(field)} ${field.path}  ${shownValue(field.from)} -> ${shownValue(field.to)}`,
  );
  const more = object.more === undefined || object.more === 0 ? [] : [`      and ${object.more} fields more`];
  return [`${SIGNS[object.is]} ${describeObject(object)}${note}`, ...fields, ...more];
}

function shownValue(value: Json | undefined): string {
  if (value === undefined) return 'none';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length <= MAXIMUM_VALUE ? text : `${text.slice(0, MAXIMUM_VALUE)}…`;
}

function counted(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
