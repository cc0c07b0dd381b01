/** What one version of a pipeline does differently from another, in the words and with the paths of its file. */
import type { Json } from '../core/json.ts';
import type { NotifyPlan, Plan, StagePlan, StartRule } from '../core/plan.ts';
import { canonicalJson } from './canonical.ts';
import { formatDuration } from './duration.ts';
import { formatPath, type Path } from './problem.ts';
import type { Definition } from './schema.ts';

/** A stage with all its targets. */
export type StageSummary = {
  /** As it was declared. */
  readonly stage: string;
  readonly kind: string;
  readonly targets: readonly string[];
  /** The stages that it comes after, as they were declared. */
  readonly needs: readonly string[];
};

export type PipelineChange =
  | ({ readonly is: 'stage-added' } & StageSummary)
  | ({ readonly is: 'stage-removed' } & StageSummary)
  | {
      readonly is: 'changed';
      /** Such as `canary_jp.with.steps[0].weight`, or `concurrency.limit` for what is no stage's. */
      readonly path: string;
      /** Absent where there was nothing, and where it is masked. */
      readonly from?: Json;
      /** Absent where there is nothing any more, and where it is masked. */
      readonly to?: Json;
      /** A secret: whether it is added, changed or removed is all that is told. */
      readonly masked?: 'added' | 'changed' | 'removed';
    };

/** `plan` is absent where none can be made; then only what the definitions say is compared. */
export type PipelineVersion = { readonly definition: Definition; readonly plan?: Plan };

export const MAXIMUM_PIPELINE_CHANGES = 500;
/** A value that is larger, in characters of JSON, is told by its beginning. */
const MAXIMUM_VALUE_CHARACTERS = 2_000;
/** What is secret of a Kubernetes Secret that is written in the file. */
const SECRET_FIELDS: ReadonlySet<string> = new Set(['data', 'stringData']);
/** It holds the whole object again, as text. */
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';
const COVER = '•••';

/** Of the definition, what plans show in another form; and what is only a means to write stages. */
const IN_PLANS: ReadonlySet<string> = new Set([
  'stages',
  'defaults',
  'team',
  'namespace',
  'concurrency',
  'timeout',
  'notify',
]);

/** Everything that the later version does differently, at most MAXIMUM_PIPELINE_CHANGES. */
export function changesOfPipeline(before: PipelineVersion, after: PipelineVersion): readonly PipelineChange[] {
  const rest = ({ definition }: PipelineVersion): { [field: string]: Json } => {
    const stored = JSON.parse(JSON.stringify(definition)) as { [field: string]: Json };
    return Object.fromEntries(Object.entries(stored).filter(([field]) => !IN_PLANS.has(field)));
  };
  const found: PipelineChange[] = [];
  compare([], rest(before), rest(after), found);
  const planned = before.plan === undefined || after.plan === undefined ? [] : changesOfPlan(before.plan, after.plan);
  return [...planned, ...found].slice(0, MAXIMUM_PIPELINE_CHANGES);
}

/** What differs between two plans of a pipeline, apart from images, inputs and the content of manifests. */
export function changesOfPlan(before: Plan, after: Plan): readonly PipelineChange[] {
  const found: PipelineChange[] = [];
  compare([], settingsOf(before), settingsOf(after), found);
  const from = declaredStages(before);
  const to = declaredStages(after);
  for (const [stage, parts] of to) {
    const earlier = from.get(stage);
    if (earlier === undefined) found.push({ is: 'stage-added', ...summaryOf(stage, parts, after) });
    else compareStage(stage, { parts: earlier, plan: before }, { parts, plan: after }, found);
  }
  for (const [stage, parts] of from) {
    if (!to.has(stage)) found.push({ is: 'stage-removed', ...summaryOf(stage, parts, before) });
  }
  return found.slice(0, MAXIMUM_PIPELINE_CHANGES);
}

function settingsOf(plan: Plan): Json {
  const { team, namespace, concurrency, timeoutMs, notify } = plan;
  const { group, limit, whenBusy, queue = null, starts } = concurrency;
  return {
    team,
    namespace,
    concurrency: {
      group,
      limit,
      'when-busy': whenBusy,
      queue,
      starts: starts === undefined ? null : tellStarts(starts),
    },
    timeout: formatDuration(timeoutMs),
    notify: Object.fromEntries(notify.map((one) => [channelOf(one), one.when ?? 'every transition'])) as Json,
  };
}

const tellStarts = ({ limit, withinMs }: StartRule): string => `${limit} within ${formatDuration(withinMs)}`;

function channelOf(notify: NotifyPlan): string {
  return 'slack' in notify ? `slack ${notify.slack}` : `pubsub ${notify.pubsub}`;
}

type Parts = readonly StagePlan[];
type Side = { readonly parts: Parts; readonly plan: Plan };

function declaredStages(plan: Plan): ReadonlyMap<string, Parts> {
  const found = new Map<string, StagePlan[]>();
  for (const stage of plan.stages) found.set(stage.declaredAs, [...(found.get(stage.declaredAs) ?? []), stage]);
  return found;
}

function targetsOf(parts: Parts): string[] {
  return parts.flatMap(({ target }) => (target === undefined ? [] : [target])).sort();
}

function summaryOf(stage: string, parts: Parts, plan: Plan): StageSummary {
  const [first] = parts;
  const needs = first === undefined ? [] : declared(first.needs, plan);
  return { stage, kind: first?.kind ?? '', targets: targetsOf(parts), needs };
}

/** What every part of the stage changes alike is told once, for the stage; the rest with the part's own id. */
function compareStage(stage: string, before: Side, after: Side, found: PipelineChange[]): void {
  compare([stage, 'targets'], targetsOf(before.parts), targetsOf(after.parts), found);
  const earlier = new Map(before.parts.map((part) => [part.target, part]));
  const changes = after.parts.flatMap((part) => {
    const from = earlier.get(part.target) ?? before.parts[0];
    if (from === undefined) return [];
    const own: PipelineChange[] = [];
    compare([], viewOf(from, before.plan), viewOf(part, after.plan), own);
    return [{ id: part.id, own }];
  });
  const isCommon = new Set(changes.map(({ own }) => canonicalJson(own))).size <= 1;
  for (const { id, own } of isCommon ? changes.slice(0, 1) : changes) {
    for (const change of own) {
      if (change.is !== 'changed') continue;
      found.push({ ...change, path: `${isCommon ? stage : id}.${change.path}` });
    }
  }
}

/** The stage in the words of the file. */
function viewOf(stage: StagePlan, plan: Plan): Json {
  const { kind, needs, after, skip, timeoutMs, retry, onFailure, template } = stage;
  const condition = stage.if ?? (skip === undefined ? undefined : 'false');
  return {
    uses: template === undefined ? kind : `${kind} of ${template}`,
    needs: declared(needs, plan),
    with: stage.with,
    timeout: formatDuration(timeoutMs),
    retry: { attempts: retry.attempts, 'back-off': formatDuration(retry.backOffMs) },
    'on-failure': { then: onFailure.then, others: onFailure.others, undo: onFailure.undo ?? 'none' },
    ...(after === undefined ? {} : { after: declared(after, plan) }),
    ...(condition === undefined ? {} : { if: condition }),
  };
}

function declared(ids: readonly string[], plan: Plan): string[] {
  const names = new Map(plan.stages.map((stage) => [stage.id, stage.declaredAs]));
  return [...new Set(ids.map((id) => names.get(id) ?? id))].sort();
}

/** With `isMasked` the values are secret. */
function compare(
  path: Path,
  from: Json | undefined,
  to: Json | undefined,
  found: PipelineChange[],
  isMasked = false,
): void {
  if (from === undefined && to === undefined) return;
  if (from !== undefined && to !== undefined) {
    if (canonicalJson(from) === canonicalJson(to)) return;
    if (!isMasked && Array.isArray(from) && Array.isArray(to) && from.some(isNested) && to.some(isNested)) {
      for (let index = 0; index < Math.max(from.length, to.length); index += 1) {
        compare([...path, index], from[index], to[index], found);
      }
      return;
    }
    if (isRecord(from) && isRecord(to)) {
      for (const field of Object.keys({ ...from, ...to })) {
        const isSecret = isMasked || isSecretField(from, field) || isSecretField(to, field);
        compare([...path, field], from[field], to[field], found, isSecret);
      }
      return;
    }
  }
  if (isMasked) {
    const masked = from === undefined ? 'added' : to === undefined ? 'removed' : 'changed';
    found.push({ is: 'changed', path: formatPath(path), masked });
    return;
  }
  found.push({
    is: 'changed',
    path: formatPath(path),
    ...(from === undefined ? {} : { from: bounded(covered(from)) }),
    ...(to === undefined ? {} : { to: bounded(covered(to)) }),
  });
}

function isSecretField(of: { readonly [field: string]: Json }, field: string): boolean {
  return field === LAST_APPLIED || (of.kind === 'Secret' && SECRET_FIELDS.has(field));
}

/** The value with the secrets in it covered. */
function covered(value: Json): Json {
  if (Array.isArray(value)) return value.map(covered);
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([field, inner]) => [field, isSecretField(value, field) ? COVER : covered(inner)]),
  );
}

function bounded(value: Json): Json {
  const text = JSON.stringify(value);
  return text.length <= MAXIMUM_VALUE_CHARACTERS ? value : `${text.slice(0, MAXIMUM_VALUE_CHARACTERS).toWellFormed()}…`;
}

function isNested(value: Json): boolean {
  return typeof value === 'object' && value !== null;
}

function isRecord(value: Json): value is { [field: string]: Json } {
  return isNested(value) && !Array.isArray(value);
}
