/** The plans of a pull request's pipelines in lines of text, as a difference is written: `+`, `-` and `~` begin what changes. */
import type { Json } from '../core/json.ts';
import type { FieldChange } from '../kubernetes/difference.ts';
import type { PipelineChange } from '../pipeline/difference.ts';
import type { Problem } from '../pipeline/problem.ts';
import { describeObject } from '../ports/cluster.ts';
import { RegistryError, type TagResolver } from '../registry/resolver.ts';
import type { ObjectComparison, TargetComparison } from './compare-live.ts';
import { formatDuration } from './phrases.ts';
import { describeGates } from './plan-gates.ts';
import { hasChanges, type PipelinePlan, type PlanPipelinesPorts, planPipelines } from './plan-pipelines.ts';
import type { PlanDescription } from './review-comment.ts';
import type { DescribePlans } from './review-pull-request.ts';

const MAXIMUM_VALUE = 120;
const MAXIMUM_LINES = 400;

/** A stranger names the registries of a fork: none of them is asked, and no answer of theirs is shown. */
const ASKS_NOBODY: TagResolver = {
  resolve: ({ repository, tag }) =>
    Promise.reject(new RegistryError('refused', `the digest of ${repository}:${tag} is not asked for, for a fork`)),
};

export function describePlans(ports: PlanPipelinesPorts, clock: { now(): number }): DescribePlans {
  return async ({ pipelines, openLibrary, team, isFork, signal }) => {
    const uploads = new Map(pipelines.map(({ upload }) => [upload.file, upload]));
    const request = { images: {}, inputs: {}, by: 'gennaker', at: clock.now() };
    const live = isFork ? 'leave' : 'compare';
    const resolver = isFork ? ASKS_NOBODY : ports.resolver;
    const plans: PlanDescription[] = [];
    const problems: Problem[] = [];
    const planning = { ...ports, openLibrary, resolver };
    for (const upload of uploads.values()) {
      const report = await planPipelines(planning, {
        ...upload,
        team: team.name,
        binding: team,
        request,
        live,
        signal,
      });
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
    ...describeGates(plan).map((line, index) => `${index === 0 ? '  gates' : '       '}   ${line}`),
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
  return valueLine(change);
}

type ValueChange = Pick<FieldChange, 'path' | 'masked'> & { readonly from?: Json; readonly to?: Json };

/** Of a secret only that it changes. */
function valueLine(change: ValueChange): string {
  const { path, from, to, masked } = change;
  const values = masked === undefined ? `${shownValue(from)} -> ${shownValue(to)}` : `${masked}, a secret`;
  return `${signOf(change)} ${path}  ${values}`;
}

function signOf({ from, to, masked }: ValueChange): string {
  if (masked !== undefined) return masked === 'added' ? '+' : masked === 'removed' ? '-' : '~';
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
  const fields = (object.fields ?? []).map((field) => `    ${valueLine(field)}`);
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
