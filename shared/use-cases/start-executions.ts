/** Turns a source event into executions: finds the triggers that look at it, pins the images, makes the plans, and writes the inbox verdict last. */
import type { TriggerSummary } from '../core/run.ts';
import { readDefinition } from '../pipeline/parse.ts';
import type { Definition } from '../pipeline/schema.ts';
import { CannotSettle, type SettledDefinition, settle } from '../pipeline/settle.ts';
import type { Blobs } from '../ports/blobs.ts';
import type { Cells } from '../ports/cells.ts';
import { HOLDS_KEY, type Holds, NO_HOLDS } from '../ports/holds.ts';
import type { Compared, Verdict } from '../ports/inbox.ts';
import type { AppliedPipeline, Pipelines } from '../ports/pipelines.ts';
import { RegistryError, type TagResolver } from '../registry/resolver.ts';
import type { EventImage } from '../triggers/event-fields.ts';
import { keysOf } from '../triggers/keys.ts';
import { imagesOfEvent } from '../triggers/matching.ts';
import type { SourceEvent } from '../triggers/source.ts';
import { createExecution } from './create-execution.ts';
import { type DebouncePorts, leaderOf } from './debounce.ts';
import { executionIdOf, type StatePorts } from './engine.ts';
import { pauseOf } from './holds/judge.ts';
import { CannotPlan, makePlan, type PlanPorts } from './make-plan.ts';
import { matchTrigger } from './match-trigger.ts';
import { type RecordPorts, recordVerdicts } from './record-verdicts.ts';
import { type BindingPorts, requireBinding } from './require-binding.ts';
import { isBounded, startRuleOf, TooManyStarts } from './start-bound.ts';
import { childTrace, traceOf } from './trace.ts';
import { whoCaused } from './who-caused.ts';

export type StartPorts = StatePorts & {
  readonly pipelines: Pipelines;
  readonly inbox: RecordPorts['inbox'];
  readonly blobs: Blobs;
  readonly resolver: TagResolver;
  readonly pushes: DebouncePorts['pushes'];
  /** What is paused; absent where nothing can be. */
  readonly holds?: Pick<Cells<Holds>, 'read'>;
} & Pick<BindingPorts, 'teams' | 'repositories'> &
  Pick<PlanPorts, 'kinds' | 'targets' | 'renderer' | 'lockedTemplates'>;

/** A verdict, and whether the execution that it names was not there before. */
type Considered = { readonly verdict: Verdict; readonly isNew?: boolean };
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
  const considered = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? outcome.value : []));
  const verdicts = considered.map(({ verdict }) => verdict);
  const started = considered.filter(({ isNew }) => isNew !== undefined);
  const isRepeat = started.length > 0 && started.every(({ isNew }) => isNew === false);
  await recordVerdicts(ports, event, { verdicts, isRepeat });
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
): Promise<readonly Considered[]> {
  const failed = (text: string): Considered => ({
    verdict: { is: 'failed', pipeline: name, trigger: indices[0] ?? -1, text },
  });
  const pipeline = await ports.pipelines.get({ name });
  if (pipeline === undefined) return [failed(`No pipeline is called ${name}.`)];
  const verdicts: Considered[] = [];
  try {
    const definition = readDefinition(pipeline.definition);
    const settled = await settledOf(ports, pipeline, definition);
    for (const index of indices) {
      const { text, conditions: compared } = matchTrigger(settled, index, event);
      if (text !== undefined) {
        verdicts.push({ verdict: { is: 'filtered', pipeline: name, trigger: index, text, compared } });
        continue;
      }
      const paused = await pausedTrigger(ports, name, index);
      if (paused !== undefined) {
        verdicts.push({ verdict: { is: 'filtered', pipeline: name, trigger: index, text: paused, compared } });
        continue;
      }
      verdicts.push(await startUnlessTooOften(ports, { event, pipeline, definition, settled, index }, compared));
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

/** Why the trigger starts nothing for now, or undefined. */
export async function pausedTrigger(
  { holds }: Pick<StartPorts, 'holds'>,
  pipeline: string,
  index: number,
): Promise<string | undefined> {
  if (index < 0 || holds === undefined) return undefined;
  const scope = `${pipeline}/${index}`;
  const pause = pauseOf((await holds.read({ key: HOLDS_KEY }))?.value ?? NO_HOLDS, [`trigger:${scope}`]);
  if (pause === undefined) return undefined;
  return `the trigger was paused by ${pause.by}: ${pause.reason} (gennaker resume trigger ${scope})`;
}

/** The definition as its triggers were indexed: with the inputs that nobody has given yet. Throws CannotPlan. */
export async function settledOf(
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

type Starting = {
  readonly event: SourceEvent;
  readonly pipeline: AppliedPipeline;
  readonly definition: Definition;
  readonly settled: SettledDefinition;
  readonly index: number;
};

/** Starts the execution, unless events have started the pipeline too often. */
async function startUnlessTooOften(
  ports: StartPorts,
  starting: Starting,
  compared: readonly Compared[],
): Promise<Considered> {
  try {
    return await startOnce(ports, starting);
  } catch (error) {
    if (!(error instanceof TooManyStarts)) throw error;
    const { event, pipeline, index } = starting;
    const { text, compared: bound } = error.over;
    ports.log.write('WARNING', 'A pipeline is started by events too often', {
      pipeline: pipeline.name,
      event: event.id,
      ...bound,
    });
    return {
      verdict: { is: 'filtered', pipeline: pipeline.name, trigger: index, text, compared: [...compared, bound] },
    };
  }
}

/** How long the registry may take to tell the digest of what was pushed, in ms. */
const RESOLVE_TIMEOUT_MS = 20_000;

/** Starts the execution, or finds that another push of the same digest has started it. */
async function startOnce(ports: StartPorts, starting: Starting): Promise<Considered> {
  const { event, settled, index, pipeline } = starting;
  const pushed = soleImage(event, settled, index);
  // A replay is meant to start again what was started.
  if (pushed === undefined || event.replay !== undefined) return start(ports, starting, event.id);
  const { repository, tag } = pushed;
  const signal = AbortSignal.timeout(RESOLVE_TIMEOUT_MS);
  const digest = pushed.digest ?? (await ports.resolver.resolve({ repository, tag, signal })).digest;
  const push = { event: event.id, at: event.at, tag, digest, isRepeatable: pushed.isRepeatable };
  const leader = await leaderOf(ports, { pipeline: pipeline.name, repository, push });
  // The digest is asked once: what the group was chosen by is what is delivered.
  const pinned = event.type === 'image-pushed' ? { ...event, image: { ...event.image, digest } } : event;
  if (leader === event.id) return start(ports, { ...starting, event: pinned }, leader);
  const execution = executionIdOf(pipeline.name, leader);
  const isThere = (await ports.executions.readExecution({ id: execution })) !== undefined;
  // Whoever was to start it has not, or not yet: whichever comes first does.
  if (!isThere) return start(ports, { ...starting, event: pinned }, leader);
  const text = `${tag} is of the same digest as a push just before, which started ${execution}`;
  return { verdict: { is: 'duplicate', pipeline: pipeline.name, trigger: index, execution, text } };
}

/** The image of an event that is about the push of one and of nothing else. */
function soleImage(
  event: SourceEvent,
  settled: SettledDefinition,
  index: number,
): (EventImage & { readonly isRepeatable: boolean }) | undefined {
  const isRepeatable =
    event.type === 'image-pushed'
      ? event.image.isRepeatable === true
      : event.type === 'webhook-called'
        ? event.call.isRepeatable === true
        : event.type === 'message-arrived'
          ? false
          : undefined;
  if (isRepeatable === undefined) return undefined;
  const [image, ...others] = Object.values(imagesOfEvent(settled, index, event));
  return image === undefined || others.length > 0 ? undefined : { ...image, isRepeatable };
}

/** `leader` is the event that the execution's id is made from. */
async function start(
  ports: StartPorts,
  { event, pipeline, definition, index }: Starting,
  leader: string,
): Promise<Considered> {
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
    ...whoCaused(event),
    at: event.at,
  };
  const id = executionIdOf(pipeline.name, leader);
  const created = await createExecution(ports, {
    id,
    indexed: await ports.plans.put(plan),
    trigger,
    trace: childTrace(traceOf(event), id),
    startRule: isBounded(event) ? startRuleOf(plan.concurrency) : undefined,
  });
  const verdict = { is: created.is, pipeline: pipeline.name, execution: created.execution };
  return { verdict: index < 0 ? verdict : { ...verdict, trigger: index }, isNew: created.isNew };
}
