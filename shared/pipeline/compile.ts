/** A checked definition to the plan that an execution runs: pure, so that the same inputs give the same plan and hash. */
import type { JsonObject } from '../core/json.ts';
import type { Hash, NotifyPlan, PinnedImage, Plan, RetryPolicy, StagePlan } from '../core/plan.ts';
import { canonicalJson, hashText } from './canonical.ts';
import { DEFAULT_STAGE_TIMEOUT } from './checks.ts';
import { checkedDurationMs } from './duration.ts';
import type { Definition, StageDefinition } from './schema.ts';

const DEFAULT_ATTEMPTS = 1;
const DEFAULT_BACK_OFF = '10s';
const MAXIMUM_BACK_OFF_MS = checkedDurationMs('5m');

/**
 * Makes the plan. `images` holds every image of the definition, pinned; `manifests` is the blob of the rendered
 * objects. Throws where an image is missing, or where the definition was never checked.
 */
export function compile(command: {
  definition: Definition;
  images: { readonly [name: string]: PinnedImage };
  inputs: JsonObject;
  manifests?: Hash;
}): Plan {
  const { definition, images, inputs, manifests } = command;
  return {
    format: 1,
    pipeline: definition.pipeline,
    team: definition.team,
    namespace: definition.namespace ?? definition.team,
    images: pinned(definition, images),
    inputs,
    stages: planStages(definition),
    concurrency: {
      group: definition.concurrency.group ?? definition.pipeline,
      limit: definition.concurrency.limit,
      whenBusy: definition.concurrency['when-busy'],
    },
    timeoutMs: checkedDurationMs(definition.timeout),
    notify: definition.notify.map(planNotification),
    ...(manifests === undefined ? {} : { manifests }),
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

/** The id of the stage that a declared stage becomes on one of its targets. */
export function stageIdOn(declared: string, stage: Pick<StageDefinition, 'targets'>, target: string): string {
  return (stage.targets?.length ?? 0) > 1 ? `${declared}-${target}` : declared;
}

function pinned(
  definition: Definition,
  images: { readonly [name: string]: PinnedImage },
): { [name: string]: PinnedImage } {
  const entries = Object.keys(definition.images).map((name): [string, PinnedImage] => {
    const image = Object.hasOwn(images, name) ? images[name] : undefined;
    if (image === undefined) throw new Error(`planning ${definition.pipeline}: the image "${name}" is not pinned`);
    return [name, image];
  });
  return Object.fromEntries(entries);
}

function planNotification(notify: Definition['notify'][number]): NotifyPlan {
  if ('slack' in notify) return { slack: notify.slack, when: notify.when };
  return { pubsub: notify.pubsub, ...(notify.when === undefined ? {} : { when: notify.when }) };
}

function planStages(definition: Definition): StagePlan[] {
  const declared = new Map(Object.entries(definition.stages));
  const partsOf = new Map([...declared].map(([id, stage]) => [id, partsOfStage(id, stage)]));
  return inOrder(definition.pipeline, declared).flatMap(([id, stage]) => {
    const needs = stage.needs.flatMap((need) => (partsOf.get(need) ?? []).map((part) => part.id));
    return (partsOf.get(id) ?? []).map((part) => planStage({ definition, declaredAs: id, stage, part, needs }));
  });
}

type Part = { readonly id: string; readonly target?: string };

function partsOfStage(id: string, stage: StageDefinition): Part[] {
  const targets = stage.targets ?? (stage.target === undefined ? [] : [stage.target]);
  if (targets.length === 0) return [{ id }];
  return targets.map((target) => ({ id: stageIdOn(id, stage, target), target }));
}

function planStage(command: {
  definition: Definition;
  declaredAs: string;
  stage: StageDefinition;
  part: Part;
  needs: readonly string[];
}): StagePlan {
  const { definition, declaredAs, stage, part, needs } = command;
  const { defaults } = definition;
  return {
    id: part.id,
    declaredAs,
    kind: stage.uses,
    ...(part.target === undefined ? {} : { target: part.target }),
    needs,
    with: stage.with,
    ...(stage.if === false ? { skip: 'its condition "if" is false' } : {}),
    timeoutMs: checkedDurationMs(stage.timeout ?? defaults?.timeout ?? DEFAULT_STAGE_TIMEOUT),
    retry: planRetry(stage, definition),
    onFailure: {
      then: stage['on-failure']?.then ?? defaults?.['on-failure']?.then ?? 'fail',
      others: stage['on-failure']?.others ?? defaults?.['on-failure']?.others ?? 'cancel',
    },
  };
}

function planRetry(stage: StageDefinition, { defaults }: Definition): RetryPolicy {
  const backOff = stage.retry?.['back-off'] ?? defaults?.retry?.['back-off'] ?? DEFAULT_BACK_OFF;
  return {
    attempts: stage.retry?.attempts ?? defaults?.retry?.attempts ?? DEFAULT_ATTEMPTS,
    backOffMs: checkedDurationMs(backOff),
    maximumBackOffMs: MAXIMUM_BACK_OFF_MS,
  };
}

/** Every stage after those that it needs, otherwise as declared. Needs that name no stage are refused. */
function inOrder(
  pipeline: string,
  stages: ReadonlyMap<string, StageDefinition>,
): readonly (readonly [string, StageDefinition])[] {
  const ordered: [string, StageDefinition][] = [];
  const state = new Map<string, 'open' | 'done'>();
  const visit = (id: string, neededBy: string): void => {
    if (state.get(id) === 'done') return;
    const stage = stages.get(id);
    if (stage === undefined) throw new Error(`planning ${pipeline}: ${neededBy} needs "${id}", which is no stage`);
    if (state.get(id) === 'open') throw new Error(`planning ${pipeline}: ${neededBy} and "${id}" need each other`);
    state.set(id, 'open');
    for (const need of stage.needs) visit(need, id);
    state.set(id, 'done');
    ordered.push([id, stage]);
  };
  for (const id of stages.keys()) visit(id, pipeline);
  return ordered;
}
