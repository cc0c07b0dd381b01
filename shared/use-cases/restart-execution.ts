/** Runs an ended execution again as a new one, with the plan that it had or the newest one of its pipeline. */
import { type IndexedPlan, statusOf } from '../core/execution.ts';
import type { Plan, StageId, StagePlan } from '../core/plan.ts';
import type { Execution, ExecutionId, StageView } from '../core/run.ts';
import { canonicalJson } from '../pipeline/canonical.ts';
import { planHash } from '../pipeline/compile.ts';
import { readDefinition } from '../pipeline/parse.ts';
import type { Definition } from '../pipeline/schema.ts';
import type { Pipelines } from '../ports/pipelines.ts';
import { RegistryError } from '../registry/resolver.ts';
import { type ManualRequest, manualEvent, manualRequest } from '../triggers/manual/source.ts';
import { createExecution } from './create-execution.ts';
import type { StatePorts } from './engine.ts';
import { CannotPlan, makePlan, type PlanPorts } from './make-plan.ts';
import { type BindingPorts, requireBinding } from './require-binding.ts';
import { traceOf } from './trace.ts';
import { namesBehind } from './who-caused.ts';

/** Kinds whose success is a person's word on one plan: of another plan it says nothing. */
const WORDS_ON_A_PLAN: ReadonlySet<string> = new Set(['approve']);

export type Restarted =
  | {
      readonly is: 'accepted';
      readonly event: string;
      readonly execution: ExecutionId;
      /** With which plan and from where, for people: `with the newest plan, after migrate`. */
      readonly text: string;
    }
  | { readonly is: 'unknown' }
  | { readonly is: 'still-running' }
  | { readonly is: 'succeeded'; readonly pipeline: string }
  | { readonly is: 'cannot-plan'; readonly text: string };

export type RestartCommand = {
  readonly id: ExecutionId;
  readonly by: string;
  /** Given, it is run with the newest plan of the pipeline, for the same images and inputs, instead of the plan that it had. */
  readonly newest?: NewestPlanPorts | undefined;
};

/** What the newest plan is made of. */
export type NewestPlanPorts = PlanPorts & BindingPorts & { readonly pipelines: Pick<Pipelines, 'get'> };

/**
 * The new execution goes on after the stages that had succeeded, as far as they are the same in its plan. `allow` is
 * asked before, and throws where the plan may not be run any more.
 */
export async function restartExecution(
  ports: StatePorts,
  command: RestartCommand,
  newId: (pipeline: string, event: string) => ExecutionId,
  allow: (plan: Plan) => Promise<void> = async () => undefined,
): Promise<Restarted> {
  const found = await ports.executions.readExecution({ id: command.id });
  if (found === undefined) return { is: 'unknown' };
  const before = found.value;
  if (before.phase.is !== 'ended') return { is: 'still-running' };
  if (statusOf(before) === 'succeeded') return { is: 'succeeded', pipeline: before.pipeline };
  const event = `manual-${ports.random.id()}`;
  const had = await ports.plans.get(before.plan);
  const succeeded = before.stages.filter((view) => view.status === 'succeeded');
  const given = { had: had.plan, succeeded, event, by: command.by };
  let again: Again;
  try {
    again =
      command.newest === undefined ? withSame(had, given) : await withNewest(ports, command.newest, before, given);
  } catch (error) {
    if (error instanceof CannotPlan) return { is: 'cannot-plan', text: error.message };
    if (error instanceof RegistryError && !error.retryable) return { is: 'cannot-plan', text: error.message };
    throw error;
  }
  await allow(again.indexed.plan);
  const runs = await ports.executions.readRuns({ execution: command.id });
  const created = await createExecution(ports, {
    id: newId(before.pipeline, event),
    indexed: again.indexed,
    trigger: {
      event,
      source: 'manual',
      text: command.newest === undefined ? `restart of ${command.id}` : `restart of ${command.id} ${again.text}`,
      by: command.by,
      ...carriedCause(before.trigger),
      at: ports.clock.now(),
    },
    trace: traceOf({ id: event, trace: before.trace }),
    restart: {
      of: command.id,
      carried: again.carried,
      runs: runs.map((run) => run.value).filter((run) => again.carried.has(run.stage)),
    },
  });
  return { is: 'accepted', event, execution: created.execution, text: again.text };
}

/** Whoever started it first chose what it delivers, and who wrote the commits still did. */
function carriedCause(before: Execution['trigger']): Pick<Execution['trigger'], 'authors' | 'chain'> {
  const { chain } = before;
  const authors = namesBehind(before);
  return { ...(authors.length === 0 ? {} : { authors }), ...(chain === undefined ? {} : { chain }) };
}

type Again = {
  readonly indexed: IndexedPlan;
  readonly carried: ReadonlyMap<StageId, StageView>;
  readonly text: string;
};
type Given = {
  readonly had: Plan;
  readonly succeeded: readonly StageView[];
  readonly event: string;
  readonly by: string;
};

function withSame(indexed: IndexedPlan, { succeeded }: Given): Again {
  const carried = new Map(succeeded.map((view) => [view.id, view]));
  return { indexed, carried, text: placeOf([...carried.keys()]) };
}

async function withNewest(
  ports: StatePorts,
  newest: NewestPlanPorts,
  before: Execution,
  { had, succeeded, event, by }: Given,
): Promise<Again> {
  const pipeline = await newest.pipelines.get({ name: before.pipeline });
  if (pipeline === undefined) {
    throw new CannotPlan(
      `The pipeline ${before.pipeline} is not there any more. With the plan that it had:  gennaker restart ${before.id}`,
    );
  }
  const definition = readDefinition(pipeline.definition);
  const asked = stillAsked(definition, had);
  const plan = await makePlan(newest, {
    definition,
    lock: pipeline.templates,
    file: pipeline.file,
    files: pipeline.files,
    event: manualEvent({ asked, request: event, by, at: ports.clock.now() }),
    trigger: -1,
  });
  await requireBinding(newest, pipeline, plan);
  const kept = keptStages(had, plan, new Set(succeeded.map(({ id }) => id)));
  const carried = new Map(succeeded.filter(({ id }) => kept.stages.has(id)).map((view) => [view.id, view]));
  const because = kept.first === undefined ? '' : `: ${kept.first}`;
  return {
    indexed: await ports.plans.put(plan),
    carried,
    text: `with the newest plan, ${placeOf([...carried.keys()])}${because}`,
  };
}

/** The images and inputs that it ran with, as far as the pipeline still asks for them. */
function stillAsked({ pipeline, inputs, images }: Definition, had: Plan): ManualRequest {
  const keep = <T>(given: { readonly [name: string]: T }, declared: object): [string, T][] =>
    Object.entries(given).filter(([name]) => Object.hasOwn(declared, name));
  return manualRequest.parse({
    pipeline,
    inputs: Object.fromEntries(keep(had.inputs, inputs)),
    images: Object.fromEntries(keep(had.images, images).map(([name, { tag, digest }]) => [name, { tag, digest }])),
  });
}

/**
 * The succeeded stages that are the same in both plans, together with all that stands before them; and why the first
 * of the others is not kept.
 */
function keptStages(
  had: Plan,
  now: Plan,
  succeeded: ReadonlySet<StageId>,
): { readonly stages: ReadonlySet<StageId>; readonly first?: string } {
  const isSamePlan = planHash(had) === planHash(now);
  const earlier = new Map(had.stages.map((stage) => [stage.id, partsOf(stage, had)]));
  const stages = new Set<StageId>();
  const reasons: string[] = [];
  // A plan lists every stage after those that it needs.
  for (const stage of now.stages) {
    if (!succeeded.has(stage.id)) continue;
    if (earlier.get(stage.id) !== partsOf(stage, now)) {
      reasons.push(`${stage.id} is not the same in it`);
    } else if (!isSamePlan && WORDS_ON_A_PLAN.has(stage.kind)) {
      reasons.push(`${stage.id} was about the plan before`);
    } else if ([...stage.needs, ...(stage.after ?? [])].every((id) => stages.has(id) || !succeeded.has(id))) {
      stages.add(stage.id);
    }
  }
  return reasons[0] === undefined ? { stages } : { stages, first: reasons[0] };
}

/** All that decides what the stage does, in one text. What is delivered counts where the stage has a target. */
function partsOf(stage: StagePlan, plan: Plan): string {
  const delivered =
    stage.target === undefined ? null : { manifests: plan.manifests ?? null, files: plan.files ?? null };
  return canonicalJson({ stage, delivered, images: plan.images, namespace: plan.namespace });
}

function placeOf(carried: readonly StageId[]): string {
  return carried.length === 0 ? 'from the start' : `after ${carried.join(', ')}`;
}
