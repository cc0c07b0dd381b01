/** Tells what uploaded pipelines would change, of what is applied and of what lives on their targets, without changing anything. */
import type { z } from 'zod';
import type { Hash, Plan } from '../core/plan.ts';
import { beyondBinding } from '../pipeline/binding.ts';
import { canonicalJson, hashText } from '../pipeline/canonical.ts';
import { planHash } from '../pipeline/compile.ts';
import { changesOfPipeline, type PipelineChange } from '../pipeline/difference.ts';
import { valueOfText } from '../pipeline/inputs.ts';
import { readDefinition } from '../pipeline/parse.ts';
import type { Problem } from '../pipeline/problem.ts';
import type { Definition } from '../pipeline/schema.ts';
import type { SettledDefinition } from '../pipeline/settle.ts';
import type { Cells } from '../ports/cells.ts';
import { HOLDS_KEY, type Holds, NO_HOLDS } from '../ports/holds.ts';
import type { Inbox } from '../ports/inbox.ts';
import type { AppliedPipeline, Pipelines, TemplateLock } from '../ports/pipelines.ts';
import type { Team } from '../ports/repositories.ts';
import { RegistryError } from '../registry/resolver.ts';
import { keysOf, triggerEntries } from '../triggers/keys.ts';
import { manualEvent } from '../triggers/manual/source.ts';
import { type SourceEvent, sourceEvent } from '../triggers/source.ts';
import type { ApplyPorts } from './apply-files.ts';
import { type CheckedPipeline, checkPipelines, type TeamUpload } from './check-pipelines.ts';
import { compareLive, type LivePorts, type TargetComparison } from './compare-live.ts';
import type { ImageChange } from './describe-execution.ts';
import { draftBlobs } from './draft-stores.ts';
import { expectedDuration } from './expected-duration.ts';
import { CannotPlan, imagesRunLast, makePlan, outlinePlan, type PlanPorts } from './make-plan.ts';
import { matchTrigger } from './match-trigger.ts';
import { filesOf } from './pipeline-record.ts';
import type { PlanBasis } from './plan-basis.ts';
import { type Gates, gatesOf } from './plan-gates.ts';
import { boundTo, objectsIn } from './require-binding.ts';
import { settledOf } from './start-executions.ts';

export type PlanPipelinesPorts = PlanPorts &
  Omit<ApplyPorts, 'clock'> & {
    readonly inbox: Pick<Inbox, 'get'>;
    readonly holds: Pick<Cells<Holds>, 'read'>;
    readonly pipelines: Pick<Pipelines, 'get'>;
    readonly clusterOf: LivePorts['clusterOf'];
  };

/** What would start the executions that are planned. The same request of the same state gives the same plan. */
export type PlanRequest = {
  /** By the name of the image in the pipeline. Those that are not given are chosen as for a schedule. */
  readonly images: { readonly [name: string]: { readonly tag: string; readonly digest?: string | undefined } };
  readonly inputs: { readonly [name: string]: z.core.util.JSONType };
  /** The id of an event in the inbox, instead of images and inputs. */
  readonly event?: string | undefined;
  readonly by: string;
  /** Epoch ms. */
  readonly at: number;
};

export type PlannedStage = {
  readonly id: string;
  readonly kind: string;
  readonly target: string | null;
  readonly needs: readonly string[];
  /** `microservice@2.1.0` */
  readonly template: string | null;
  /** Why it would not run, where that is known already. */
  readonly skip: string | null;
};

export type PipelinePlan = Gates & {
  readonly pipeline: string;
  readonly change: 'created' | 'changed' | 'unchanged';
  /** Against the applied pipeline; empty for a new one. */
  readonly changes: readonly PipelineChange[];
  readonly stages: readonly PlannedStage[];
  readonly images: readonly ImageChange[];
  /** Why an execution cannot be planned as things are; null where one was. */
  readonly unplanned: string | null;
  readonly targets: readonly TargetComparison[];
  /** How long its executions usually take, in ms; null where none has succeeded yet. */
  readonly usuallyMs: number | null;
  readonly basis: PlanBasis;
};

export type PlanReport = {
  readonly is: 'planned';
  readonly request: PlanRequest;
  readonly pipelines: readonly PipelinePlan[];
};

/**
 * Plans every pipeline of the upload. With `live: 'leave'` no cluster is asked. Throws CannotPlan where the request
 * itself makes no sense; what is wrong with one pipeline stands in its plan.
 */
export async function planPipelines(
  ports: PlanPipelinesPorts,
  command: TeamUpload & {
    readonly request: PlanRequest;
    readonly live: 'compare' | 'leave';
    /** What the pipelines are held to: a plan that claims more is refused before any cluster is asked. */
    readonly binding?: Team | undefined;
    readonly signal: AbortSignal;
  },
): Promise<PlanReport | { readonly is: 'refused'; readonly problems: readonly Problem[] }> {
  const { file, files, request, live, binding, signal } = command;
  const checked = await checkPipelines(ports, command);
  if ('problems' in checked) return { is: 'refused', problems: checked.problems };
  const definitions = checked.pipelines.map(({ definition }) => definition);
  requireKnown('image', request.images, (definition) => definition.images, definitions);
  requireKnown('input', request.inputs, (definition) => definition.inputs, definitions);
  const event = request.event === undefined ? undefined : await eventOf(ports, request.event);
  const drafts: PlanPipelinesPorts = { ...ports, blobs: draftBlobs(ports.blobs) };
  const pipelines: PipelinePlan[] = [];
  const problems: Problem[] = [];
  for (const one of checked.pipelines) {
    const { definition } = one;
    const kept = await filesOf(drafts, definition, files);
    const cause = event ?? asked(definition, request);
    const subject = { ...one, file, files: kept, event: cause, request, binding };
    try {
      pipelines.push(await planPipeline(drafts, subject, live, signal));
    } catch (error) {
      if (!(error instanceof BeyondBinding)) throw error;
      problems.push({ file, line: 1, column: 1, message: error.message });
    }
  }
  if (problems.length > 0) return { is: 'refused', problems };
  return { is: 'planned', request, pipelines };
}

/** Plans what the event would start of a pipeline as it is applied. Throws CannotPlan where the pipeline itself cannot be planned any more. */
export async function planApplied(
  ports: PlanPipelinesPorts,
  command: {
    readonly pipeline: AppliedPipeline;
    readonly event: SourceEvent;
    readonly request: PlanRequest;
    readonly signal: AbortSignal;
  },
): Promise<PipelinePlan> {
  const { pipeline, event, request, signal } = command;
  const definition = readDefinition(pipeline.definition);
  const lock = pipeline.templates ?? {};
  const settled = await settledOf(ports, pipeline, definition);
  const drafts: PlanPipelinesPorts = { ...ports, blobs: draftBlobs(ports.blobs) };
  const subject = {
    definition,
    settled,
    lock,
    warnings: [],
    binding: undefined,
    file: pipeline.file,
    files: pipeline.files,
    event,
    request,
  };
  return planPipeline(drafts, subject, 'compare', signal);
}

/** Whether applying or running would change anything, as far as could be told. */
export function hasChanges({ pipelines }: Pick<PlanReport, 'pipelines'>): boolean {
  return pipelines.some(
    ({ change, targets }) =>
      change !== 'unchanged' ||
      targets.some((target) => target.is === 'compared' && target.objects.some(({ is }) => is !== 'same')),
  );
}

type Subject = CheckedPipeline & {
  readonly file: string;
  readonly files: Hash | undefined;
  readonly event: SourceEvent;
  readonly request: PlanRequest;
  readonly binding: Team | undefined;
};

/** A plan claims what the team that it is held to may not have. */
class BeyondBinding extends Error {
  override readonly name = 'BeyondBinding';
}

async function planPipeline(
  ports: PlanPipelinesPorts,
  subject: Subject,
  live: 'compare' | 'leave',
  signal: AbortSignal,
): Promise<PipelinePlan> {
  const { definition } = subject;
  const name = definition.pipeline;
  const { inputs } = subject.request;
  const outline = await outlineOf(ports, subject, inputs);
  const [applied, run] = await Promise.all([ports.pipelines.get({ name }), planRun(ports, subject)]);
  const known = run.plan ?? outline.plan;
  const changes = await changesSinceApplied(ports, applied, definition, outline.plan, inputs);
  const before = run.plan === undefined ? {} : await imagesRunLast(ports, name);
  const usuallyMs = await expectedDuration(ports, name);
  // Live state, which no stranger is shown and no plan rests on.
  const holds = live === 'leave' ? undefined : (await ports.holds.read({ key: HOLDS_KEY }))?.value;
  return {
    pipeline: name,
    change: changeOf(applied, subject, changes),
    changes,
    stages: known === undefined ? [] : describeStages(known),
    images: Object.entries(run.plan?.images ?? {}).map(([image, to]) => ({
      name: image,
      from: Object.hasOwn(before, image) ? (before[image] ?? null) : null,
      to,
    })),
    unplanned: run.unplanned ?? null,
    targets:
      run.plan === undefined || live === 'leave' ? [] : await compareLive(ports, held(run.plan, subject), signal),
    ...gatesOf(ports.kinds, { ...definition, plan: known }, holds ?? NO_HOLDS, subject.request.at),
    usuallyMs: usuallyMs ?? null,
    basis: {
      pipeline: name,
      definition: hashText(canonicalJson(definition)),
      files: subject.files ?? null,
      generation: applied?.generation ?? 0,
      templates: { ...known?.templates },
      images: { ...run.plan?.images },
      inputs: inputsOf(definition, inputs),
      manifests: run.plan === undefined ? null : manifestsOf(run.plan),
      plan: run.plan === undefined ? null : planHash(run.plan),
    },
  };
}

/** One hash for the rendered manifests, wherever the plan keeps them; null where it has none. */
function manifestsOf({ manifests, stages }: Plan): Hash | null {
  const own = stages.flatMap((stage) => (stage.manifests === undefined ? [] : [[stage.target ?? '', stage.manifests]]));
  return own.length === 0 ? (manifests ?? null) : hashText(canonicalJson([manifests ?? null, own]));
}

async function outlineOf(
  ports: PlanPipelinesPorts,
  { definition, lock }: { readonly definition: Definition; readonly lock: TemplateLock | undefined },
  inputs: PlanRequest['inputs'],
): Promise<{ readonly plan?: Plan }> {
  const { kinds, targets } = ports;
  try {
    return {
      plan: outlinePlan({
        definition,
        kinds,
        targets,
        templates: await ports.lockedTemplates(lock),
        inputs: inputsOf(definition, inputs),
      }),
    };
  } catch (error) {
    // The plan of a run fails for the same reason, which is told there.
    if (error instanceof CannotPlan) return {};
    throw error;
  }
}

export function describeStages({ stages }: Plan): PlannedStage[] {
  return stages.map(({ id, kind, target = null, needs, template = null, skip = null }) => {
    return { id, kind, target, needs, template, skip };
  });
}

async function planRun(
  ports: PlanPipelinesPorts,
  subject: Subject,
): Promise<{ plan: Plan; unplanned?: undefined } | { plan?: undefined; unplanned: string }> {
  const { settled, event } = subject;
  const taken = triggerOf(settled, event);
  if ('text' in taken) return { unplanned: taken.text };
  try {
    const plan = await makePlan(ports, { ...subject, trigger: taken.index });
    await requireWithin(ports, plan, subject.binding);
    return { plan };
  } catch (error) {
    if (error instanceof CannotPlan || error instanceof RegistryError) return { unplanned: error.message };
    throw error;
  }
}

async function requireWithin(ports: PlanPipelinesPorts, plan: Plan, binding: Team | undefined): Promise<void> {
  if (binding === undefined) return;
  const claimed = beyondBinding(binding, plan, await objectsIn(ports.blobs, plan));
  if (claimed !== undefined) {
    throw new BeyondBinding(`${plan.pipeline} claims what its team may not have: ${claimed}`);
  }
}

function held(plan: Plan, { binding }: Subject): Plan {
  return binding === undefined ? plan : boundTo(binding, plan);
}

/** The trigger of the pipeline that takes the event, or why none does. */
function triggerOf(definition: SettledDefinition, event: SourceEvent): { index: number } | { text: string } {
  if (event.type === 'manual') {
    if (event.manual.pipeline === definition.pipeline) return { index: -1 };
    return { text: `The event would not start it: it asks for ${event.manual.pipeline}.` };
  }
  const keys = new Set(keysOf(event));
  const indices = triggerEntries(definition)
    .filter(({ key }) => keys.has(key))
    .map(({ index }) => index);
  const refusals: string[] = [];
  for (const index of indices) {
    const { text } = matchTrigger(definition, index, event);
    if (text === undefined) return { index };
    refusals.push(`on[${index}]: ${text}`);
  }
  const why = refusals.length === 0 ? 'none of its triggers looks at such events' : refusals.join('; ');
  return { text: `The event would not start it: ${why}.` };
}

async function changesSinceApplied(
  ports: PlanPipelinesPorts,
  applied: AppliedPipeline | undefined,
  definition: Definition,
  plan: Plan | undefined,
  inputs: PlanRequest['inputs'],
): Promise<readonly PipelineChange[]> {
  if (applied === undefined) return [];
  const before = readDefinition(applied.definition);
  const outline = await outlineOf(ports, { definition: before, lock: applied.templates }, inputs);
  return changesOfPipeline({ ...outline, definition: before }, { definition, ...(plan === undefined ? {} : { plan }) });
}

function changeOf(
  applied: AppliedPipeline | undefined,
  { definition, files }: Subject,
  changes: readonly PipelineChange[],
): PipelinePlan['change'] {
  if (applied === undefined) return 'created';
  const stored: unknown = JSON.parse(JSON.stringify(definition));
  const isSame = applied.files === files && canonicalJson(applied.definition) === canonicalJson(stored);
  return isSame && changes.length === 0 ? 'unchanged' : 'changed';
}

/** Throws CannotPlan where something is asked for that none of the pipelines has. */
function requireKnown(
  what: string,
  given: object,
  declaredBy: (definition: Definition) => object,
  definitions: readonly Definition[],
): void {
  const known = [...new Set(definitions.flatMap((definition) => Object.keys(declaredBy(definition))))];
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw new CannotPlan(`No pipeline has an ${what} called ${unknown}; there are ${known.join(', ') || 'none'}.`);
}

/** The inputs that the pipeline declares; text from a command line as the value that it stands for. */
function inputsOf(definition: Definition, inputs: PlanRequest['inputs']): { [name: string]: z.core.util.JSONType } {
  const own = Object.entries(inputs).flatMap(([name, value]) => {
    const declared = Object.hasOwn(definition.inputs, name) ? definition.inputs[name] : undefined;
    if (declared === undefined) return [];
    return [[name, typeof value === 'string' ? valueOfText(value, declared) : value]];
  });
  return JSON.parse(JSON.stringify(Object.fromEntries(own)));
}

async function eventOf(ports: PlanPipelinesPorts, id: string): Promise<SourceEvent> {
  const entry = await ports.inbox.get({ id });
  if (entry === undefined)
    throw new CannotPlan(`No event ${id} has been processed; gennaker events lists those that were.`);
  const parsed = sourceEvent.safeParse(entry.event);
  if (parsed.success) return parsed.data;
  throw new CannotPlan(`The event ${id} was refused and can start nothing: ${entry.refused ?? 'it is not readable'}`);
}

/** The event of a person who asks for the pipeline now. */
function asked(definition: Definition, { images, inputs, by, at }: PlanRequest): SourceEvent {
  const own = Object.entries(images).filter(([name]) => Object.hasOwn(definition.images, name));
  const chosen = {
    pipeline: definition.pipeline,
    inputs: inputsOf(definition, inputs),
    images: Object.fromEntries(own),
  };
  return manualEvent({ asked: chosen, request: 'plan', by, at });
}
