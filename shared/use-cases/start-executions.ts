/** Turns a source event into executions: finds the triggers that look at it, pins the images, makes the plans, and writes the inbox verdict last. */
import type { TriggerSummary } from '../core/run.ts';
import { matchTag } from '../pipeline/image-filter.ts';
import { readDefinition } from '../pipeline/parse.ts';
import type { Definition } from '../pipeline/schema.ts';
import { CannotSettle, type SettledDefinition, settle } from '../pipeline/settle.ts';
import type { Blobs } from '../ports/blobs.ts';
import type { Inbox, Verdict } from '../ports/inbox.ts';
import type { AppliedPipeline, Pipelines } from '../ports/pipelines.ts';
import { normalizeRepository } from '../registry/reference.ts';
import { RegistryError, type TagResolver } from '../registry/resolver.ts';
import { keysOf } from '../triggers/keys.ts';
import type { SourceEvent } from '../triggers/source.ts';
import { createExecution } from './create-execution.ts';
import { executionIdOf, type StatePorts } from './engine.ts';
import { CannotPlan, makePlan, type PlanPorts } from './make-plan.ts';
import { type BindingPorts, requireBinding } from './require-binding.ts';
import { childTrace, traceOf } from './trace.ts';

export type StartPorts = StatePorts & {
  readonly pipelines: Pipelines;
  readonly inbox: Inbox;
  readonly blobs: Blobs;
  readonly resolver: TagResolver;
} & Pick<BindingPorts, 'teams' | 'repositories'> &
  Pick<PlanPorts, 'kinds' | 'targets' | 'renderer' | 'lockedTemplates'>;

type Candidate = { readonly pipeline: string; readonly index: number };

/** Starts what the event is to start. Throws what a later delivery may mend, after everything else was started. */
export async function startExecutions(ports: StartPorts, event: SourceEvent): Promise<readonly Verdict[]> {
  const byPipeline = new Map<string, number[]>();
  for (const { pipeline, index } of await candidatesOf(ports, event)) {
    byPipeline.set(pipeline, [...(byPipeline.get(pipeline) ?? []), index]);
  }
  const outcomes = await Promise.allSettled(
    [...byPipeline].map(([pipeline, indices]) => considerPipeline(ports, event, pipeline, indices)),
  );
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  const verdicts = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? outcome.value : []));
  await ports.inbox.record({
    entry: {
      format: 1,
      id: event.id,
      receivedAt: event.at,
      source: event.source,
      text: event.text,
      event: JSON.parse(JSON.stringify(event)),
      verdicts,
    },
  });
  return verdicts;
}

async function candidatesOf(ports: StartPorts, event: SourceEvent): Promise<readonly Candidate[]> {
  if (event.type === 'manual') return [{ pipeline: event.manual.pipeline, index: -1 }];
  const found = await Promise.all(keysOf(event).map((key) => ports.pipelines.triggers({ key })));
  return found.flat();
}

async function considerPipeline(
  ports: StartPorts,
  event: SourceEvent,
  name: string,
  indices: readonly number[],
): Promise<readonly Verdict[]> {
  const failed = (text: string): Verdict => ({ is: 'failed', pipeline: name, trigger: indices[0] ?? -1, text });
  const pipeline = await ports.pipelines.get({ name });
  if (pipeline === undefined) return [failed(`No pipeline is called ${name}.`)];
  const verdicts: Verdict[] = [];
  try {
    const definition = readDefinition(pipeline.definition);
    const settled = await settledOf(ports, pipeline, definition);
    for (const index of indices) {
      const filtered = filteredBy(settled, index, event);
      if (filtered !== undefined) {
        verdicts.push({ is: 'filtered', pipeline: name, trigger: index, text: filtered });
        continue;
      }
      verdicts.push(await start(ports, event, pipeline, definition, index));
      // One event starts one execution of a pipeline, however many of its triggers look at it.
      break;
    }
    return verdicts;
  } catch (error) {
    if (error instanceof CannotPlan) return [...verdicts, failed(error.message)];
    if (error instanceof RegistryError && !error.retryable) return [...verdicts, failed(error.message)];
    throw error;
  }
}

/** The definition as its triggers were indexed: with the inputs that nobody has given yet. Throws CannotPlan. */
async function settledOf(
  ports: Pick<PlanPorts, 'lockedTemplates'>,
  pipeline: AppliedPipeline,
  definition: Definition,
): Promise<SettledDefinition> {
  try {
    const templates = await ports.lockedTemplates(pipeline.templates);
    return settle({ definition, templates, inputs: {}, isOpen: true });
  } catch (error) {
    if (error instanceof CannotSettle) throw new CannotPlan(error.message, { cause: error });
    throw error;
  }
}

/** Why the trigger does not take the event, or undefined where it does. */
export function filteredBy(
  definition: Pick<SettledDefinition, 'on' | 'images'>,
  index: number,
  event: SourceEvent,
): string | undefined {
  if (event.type === 'manual') return undefined;
  if (event.type !== 'image-pushed') return 'No trigger looks at such events.';
  const trigger = definition.on[index];
  const image = trigger === undefined ? undefined : definition.images[trigger.push];
  // The pipeline is read after its triggers: in between, the trigger may have become another's.
  const isTheSame = image !== undefined && normalizeRepository(image.repository) === event.image.repository;
  if (trigger === undefined || image === undefined || !isTheSame) {
    return 'The pipeline has changed: this trigger is not in it any more.';
  }
  const match = matchTag(image, event.image.tag);
  return match.matches ? undefined : match.text;
}

async function start(
  ports: StartPorts,
  event: SourceEvent,
  pipeline: AppliedPipeline,
  definition: Definition,
  index: number,
): Promise<Verdict> {
  const made = await makePlan(ports, {
    definition,
    lock: pipeline.templates,
    file: pipeline.file,
    files: pipeline.files,
    event,
    trigger: index,
  });
  const plan = await requireBinding(ports, pipeline, made);
  const trigger: TriggerSummary = {
    event: event.id,
    source: event.source,
    text: event.text,
    ...(event.type === 'manual' ? { by: event.manual.by } : {}),
    at: event.at,
  };
  const id = executionIdOf(pipeline.name, event.id);
  const created = await createExecution(ports, {
    id,
    indexed: await ports.plans.put(plan),
    trigger,
    trace: childTrace(traceOf(event), id),
  });
  return { is: created.is, pipeline: pipeline.name, execution: created.execution };
}
