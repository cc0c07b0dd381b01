/** A settled definition to the plan that an execution runs: pure, so that the same inputs give the same plan and hash. */
import { z } from 'zod';
import type { Json, JsonObject } from '../core/json.ts';
import type {
  Concurrency,
  Hash,
  NotifyPlan,
  OnFailure,
  PinnedImage,
  Plan,
  RetryPolicy,
  StagePlan,
  StartRule,
} from '../core/plan.ts';
import { canonicalJson, hashText } from './canonical.ts';
import { DEFAULT_STAGE_TIMEOUT, defaultStageTimeout } from './checks.ts';
import { checkedDurationMs } from './duration.ts';
import { type Draft, expandStages, type Scoped } from './expand.ts';
import { newBudget } from './expressions/cost.ts';
import { combine, type Resolved, resolveValue, UnresolvedExpression } from './expressions/resolve.ts';
import { formatPath } from './problem.ts';
import { concurrencySchema, MAXIMUM_PLAN_STAGES, notifySchema } from './schema.ts';
import { meaningIn, type Scope, type Surroundings, type Target } from './scope.ts';
import { CannotSettle, inherit, type SettledDefinition, scopeOf, soFar, textsWithExpression } from './settle.ts';
import { type Templates, templatesUsed } from './template.ts';
import type { StageKinds } from './usable.ts';

const DEFAULT_ATTEMPTS = 1;
const DEFAULT_BACK_OFF = '10s';
const MAXIMUM_BACK_OFF_MS = checkedDurationMs('5m');
const MAXIMUM_NOTIFICATIONS = 20;

export type CompileCommand = {
  readonly definition: SettledDefinition;
  readonly kinds: StageKinds;
  readonly templates: Templates;
  /** Every target that there is; undefined takes any name. */
  readonly targets: readonly Target[] | undefined;
  /** Every image of the definition, pinned. */
  readonly images: { readonly [name: string]: PinnedImage };
  /** What started the execution, as expressions see it; undefined for an outline, before anything has. */
  readonly trigger: JsonObject | undefined;
  /** The blob of the rendered objects. */
  readonly manifests?: Hash;
  /** The same for targets that have their own. */
  readonly manifestsOn?: { readonly [target: string]: Hash };
  /** The blob of the files beside the pipeline file. */
  readonly files?: Hash;
};

/** Makes the plan. Throws CannotSettle with everything that only the given values make wrong. */
export function compile(command: CompileCommand): Plan {
  const { definition, templates, kinds, targets, trigger, manifests, files } = command;
  const images = pinned(definition, command.images);
  const { pipeline, team, namespace, values } = definition;
  const isOutline = trigger === undefined;
  const pipelineNames = { name: pipeline, team, namespace };
  const surroundings: Surroundings = { pipeline: pipelineNames, images, trigger, budget: newBudget() };
  const scope = scopeOf(definition, surroundings);
  const { drafts, problems } = expandStages(definition, scope, { kinds, templates, targets, isOutline });
  const wrong = [...problems, ...duplicatesIn(drafts)];
  if (drafts.length > MAXIMUM_PLAN_STAGES) {
    wrong.push(
      `stages  come to ${drafts.length} with templates and targets; at most ${MAXIMUM_PLAN_STAGES} are allowed`,
    );
  }
  const stages = drafts.flatMap((draft) => {
    const planned = planStage(draft, command);
    if ('problem' in planned) wrong.push(planned.problem);
    return 'problem' in planned ? [] : [planned];
  });
  if (wrong.length > 0) throw new CannotSettle([...new Set(wrong)]);
  const used = templatesUsed(definition.stages, templates);
  return {
    format: 1,
    pipeline,
    team,
    namespace,
    images,
    inputs: values,
    stages,
    concurrency: planConcurrency(definition, templates, scope, isOutline),
    ...(definition.windows === undefined ? {} : { windows: definition.windows }),
    timeoutMs: checkedDurationMs(definition.timeout),
    notify: planNotifications(definition, templates, scope, isOutline),
    ...(manifests === undefined ? {} : { manifests }),
    ...(files === undefined ? {} : { files }),
    ...(Object.keys(used).length === 0 ? {} : { templates: used }),
  };
}

/** The plan as it is stored: the hash of this text is the plan's hash. */
export function planText(plan: Plan): string {
  return canonicalJson(plan);
}

/** The plan's address; equal plans have equal ones. */
export function planHash(plan: Plan): Hash {
  return hashText(planText(plan));
}

function pinned(
  definition: Pick<SettledDefinition, 'pipeline' | 'images'>,
  images: { readonly [name: string]: PinnedImage },
): { [name: string]: PinnedImage } {
  const entries = Object.keys(definition.images).map((name): [string, PinnedImage] => {
    const image = Object.hasOwn(images, name) ? images[name] : undefined;
    if (image === undefined) throw new Error(`planning ${definition.pipeline}: the image "${name}" is not pinned`);
    return [name, image];
  });
  return Object.fromEntries(entries);
}

/** Targets and templates together can come to one name twice: "a-b" on "c", and "a" on "b-c". */
function duplicatesIn(drafts: readonly Draft[]): string[] {
  const seen = new Set<string>();
  return drafts.flatMap(({ id, path }) => {
    if (!seen.has(id)) {
      seen.add(id);
      return [];
    }
    return [`${formatPath(path)}  comes to the stage "${id}" a second time, for another target; rename one of them`];
  });
}

function planConcurrency(
  definition: SettledDefinition,
  templates: Templates,
  scope: Scope,
  isOutline: boolean,
): Concurrency {
  const found = inherit(definition, 'concurrency', templates, scope) ?? { value: {}, scope };
  const known = parsed(concurrencySchema, found, 'concurrency', isOutline) ?? concurrencySchema.parse({});
  const { group, limit, 'when-busy': whenBusy, queue, starts } = known;
  return {
    group: group ?? definition.pipeline,
    limit,
    whenBusy,
    ...(queue === undefined ? {} : { queue }),
    ...(starts === undefined ? {} : { starts: startRule(starts) }),
  };
}

/** The rule as a plan has it. */
export function startRule({ limit, within }: { readonly limit: number; readonly within: string }): StartRule {
  return { limit, withinMs: checkedDurationMs(within) };
}

function planNotifications(
  definition: SettledDefinition,
  templates: Templates,
  scope: Scope,
  isOutline: boolean,
): NotifyPlan[] {
  const found = inherit(definition, 'notify', templates, scope) ?? { value: [], scope };
  const notifications = parsed(z.array(notifySchema).max(MAXIMUM_NOTIFICATIONS), found, 'notify', isOutline) ?? [];
  const [left] = textsWithExpression(notifications, ['notify']);
  if (left !== undefined) throw new CannotSettle([`${formatPath(left)}  cannot have "\${{"`]);
  return notifications.map((notify) => {
    if ('slack' in notify) return { slack: notify.slack, when: notify.when };
    return { pubsub: notify.pubsub, ...(notify.when === undefined ? {} : { when: notify.when }) };
  });
}

/** Undefined in an outline, where it rests on what is not known yet. */
function parsed<T>(
  schema: z.ZodType<T>,
  { value, scope }: Scoped<Json>,
  field: string,
  isOutline: boolean,
): T | undefined {
  const known = soFar(value, scope, [field], isOutline);
  if (known === undefined) return undefined;
  const result = schema.safeParse(known);
  if (result.success) return result.data;
  throw new CannotSettle(result.error.issues.map(({ path, message }) => `${[field, ...path].join('.')}  ${message}`));
}

function planStage(draft: Draft, command: CompileCommand): StagePlan | { readonly problem: string } {
  const { definition, manifestsOn = {} } = command;
  const defaults = draft.isProtected ? undefined : definition.defaults;
  const where = formatPath(draft.path);
  try {
    const { value: given, isLater } = parametersOf(draft);
    const parameters = isLater ? undefined : draft.kind.with.safeParse(given);
    if (parameters?.success === false) {
      const text = parameters.error.issues.map(({ path, message }) => `${['with', ...path].join('.')} ${message}`);
      return { problem: `${where}  ${text.join('; ')}` };
    }
    const condition = conditionOf(draft);
    const ownManifests = draft.target === undefined ? undefined : manifestsOn[draft.target];
    // Text that is resolved later fits as it stands, mostly, and what tells the time is seldom an expression.
    const readable = parameters ?? draft.kind.with.safeParse(given);
    const usual = readable.success ? defaultStageTimeout(draft.kind, readable.data) : DEFAULT_STAGE_TIMEOUT;
    const timeout = draft.policies.timeout ?? defaults?.timeout ?? usual;
    return {
      id: draft.id,
      declaredAs: draft.declaredAs,
      kind: draft.kind.kind,
      ...(draft.target === undefined ? {} : { target: draft.target }),
      needs: draft.needs,
      ...(draft.after.length === 0 ? {} : { after: draft.after }),
      with: parameters === undefined ? given : (JSON.parse(JSON.stringify(parameters.data)) as Json),
      ...(isLater ? { isDynamic: true } : {}),
      ...condition,
      timeoutMs: checkedDurationMs(timeout),
      retry: planRetry(draft, defaults),
      onFailure: planOnFailure(draft, defaults),
      ...(ownManifests === undefined ? {} : { manifests: ownManifests }),
      ...(draft.template === undefined ? {} : { template: draft.template }),
    };
  } catch (error) {
    if (!(error instanceof UnresolvedExpression)) throw error;
    return { problem: `${formatPath([...draft.path, ...error.path])}  ${error.message}` };
  }
}

/** The parameters as far as they are known; each was written in a scope of its own. */
function parametersOf(draft: Draft): Resolved {
  return combine(
    Object.entries(draft.with).map(([name, { value, scope }]) => [
      name,
      resolveValue(value, meaningIn(scope), { path: ['with', name], budget: scope.surroundings.budget }),
    ]),
  );
}

function conditionOf(draft: Draft): { skip?: string; if?: string } {
  const later: string[] = [];
  for (const { value, scope } of draft.conditions) {
    if (value === false) return { skip: 'its condition "if" is false' };
    if (value === true) continue;
    const result = resolveValue(value, meaningIn(scope), { path: ['if'], budget: scope.surroundings.budget });
    if (result.isLater) later.push(String(result.value).slice('${{'.length, -'}}'.length).trim());
    else if (result.value === false) return { skip: `its condition is false: ${value}` };
    else if (result.value !== true) {
      const text = `gives ${JSON.stringify(result.value)}; a condition gives true or false`;
      throw new CannotSettle([`${formatPath([...draft.path, 'if'])}  ${text}`]);
    }
  }
  if (later.length === 0) return {};
  return {
    if: later.length === 1 ? `\${{ ${later.join()} }}` : `\${{ ${later.map((cel) => `(${cel})`).join(' && ')} }}`,
  };
}

function planOnFailure(draft: Draft, defaults: SettledDefinition['defaults']): OnFailure {
  const policies = [defaults?.['on-failure'], ...draft.failurePolicies];
  const last = <K extends 'then' | 'others' | 'undo'>(key: K) =>
    policies.findLast((policy) => policy?.[key] !== undefined)?.[key];
  const undo = last('undo');
  return {
    then: last('then') ?? 'fail',
    others: last('others') ?? 'cancel',
    ...(undo === undefined || undo === 'none' ? {} : { undo }),
  };
}

function planRetry({ policies }: Draft, defaults: SettledDefinition['defaults']): RetryPolicy {
  const backOff = policies.retry?.['back-off'] ?? defaults?.retry?.['back-off'] ?? DEFAULT_BACK_OFF;
  return {
    attempts: policies.retry?.attempts ?? defaults?.retry?.attempts ?? DEFAULT_ATTEMPTS,
    backOffMs: checkedDurationMs(backOff),
    maximumBackOffMs: MAXIMUM_BACK_OFF_MS,
  };
}
