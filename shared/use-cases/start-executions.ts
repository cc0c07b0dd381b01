/** Turns a source event into executions: finds the triggers that look at it, pins the images, makes the plans, and writes the inbox verdict last. */
import type { JsonObject } from '../core/json.ts';
import type { Hash, PinnedImage } from '../core/plan.ts';
import type { TriggerSummary } from '../core/run.ts';
import { compile } from '../pipeline/compile.ts';
import { matchTag } from '../pipeline/image-filter.ts';
import { readDefinition } from '../pipeline/parse.ts';
import { formatProblems } from '../pipeline/problem.ts';
import { type ManifestFiles, renderManifests } from '../pipeline/render.ts';
import type { Definition, ImageDefinition } from '../pipeline/schema.ts';
import type { Blobs } from '../ports/blobs.ts';
import type { Inbox, Verdict } from '../ports/inbox.ts';
import type { AppliedPipeline, Pipelines } from '../ports/pipelines.ts';
import { normalizeRepository } from '../registry/reference.ts';
import { RegistryError, type TagResolver } from '../registry/resolver.ts';
import { keysOf } from '../triggers/keys.ts';
import type { SourceEvent } from '../triggers/source.ts';
import { createExecution } from './create-execution.ts';
import { executionIdOf, type StatePorts } from './engine.ts';
import { childTrace, traceOf } from './trace.ts';

export type StartPorts = StatePorts & {
  readonly pipelines: Pipelines;
  readonly inbox: Inbox;
  readonly blobs: Blobs;
  readonly resolver: TagResolver;
};

/** How long the registries may take to tell the digests of one event's images, in ms. */
const RESOLVE_TIMEOUT_MS = 20_000;
/** Executions that are looked through for the images that a pipeline ran last. */
const MAXIMUM_LOOKED_BACK = 20;

/** A start that can never work as it is; the sentence goes into the inbox. */
class CannotStart extends Error {
  override readonly name = 'CannotStart';
}

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
    for (const index of indices) {
      const filtered = filteredBy(definition, index, event);
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
    if (error instanceof CannotStart) return [...verdicts, failed(error.message)];
    if (error instanceof RegistryError && !error.retryable) return [...verdicts, failed(error.message)];
    throw error;
  }
}

/** Why the trigger does not take the event, or undefined where it does. */
function filteredBy(definition: Definition, index: number, event: SourceEvent): string | undefined {
  if (event.type === 'manual') return undefined;
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
  const images = await pinImages(ports, event, definition, index);
  const manifests = await rendered(ports, pipeline, definition, images);
  const inputs: JsonObject = event.type === 'manual' ? event.manual.inputs : {};
  const plan = compile({ definition, images, inputs, ...(manifests === undefined ? {} : { manifests }) });
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

/** The manifests with the images put in, kept as a blob. */
async function rendered(
  ports: StartPorts,
  pipeline: AppliedPipeline,
  definition: Definition,
  images: { readonly [name: string]: PinnedImage },
): Promise<Hash | undefined> {
  if (definition.manifests === undefined) return undefined;
  const stored = pipeline.files === undefined ? undefined : await ports.blobs.get({ hash: pipeline.files });
  if (stored === undefined) {
    throw new CannotStart(`The manifests of ${pipeline.name} are not in the store: apply the pipeline again.`);
  }
  const files = JSON.parse(stored) as ManifestFiles;
  const result = renderManifests({ files, patterns: definition.manifests.files, pipelineFile: pipeline.file, images });
  if ('problems' in result) throw new CannotStart(formatProblems(result.problems));
  return ports.blobs.put({ text: result.text });
}

/** Every image of the pipeline with its digest: the event's own, those that a person named, and the others as they ran last. */
async function pinImages(
  ports: StartPorts,
  event: SourceEvent,
  definition: Definition,
  index: number,
): Promise<{ readonly [name: string]: PinnedImage }> {
  const pushed = event.type === 'image-pushed' ? definition.on[index]?.push : undefined;
  const asked = event.type === 'manual' ? event.manual.images : {};
  const unknown = Object.keys(asked).find((name) => !Object.hasOwn(definition.images, name));
  if (unknown !== undefined) {
    const known = Object.keys(definition.images).join(', ') || 'none';
    throw new CannotStart(`${definition.pipeline} has no image called ${unknown}; it has ${known}.`);
  }
  let earlier: { readonly [name: string]: PinnedImage } | undefined;
  const signal = AbortSignal.timeout(RESOLVE_TIMEOUT_MS);
  const pin = async (image: ImageDefinition, tag: string, digest: string | undefined): Promise<PinnedImage> => {
    const repository = normalizeRepository(image.repository);
    return { repository, tag, digest: digest ?? (await ports.resolver.resolve({ repository, tag, signal })).digest };
  };
  const pinned: [string, PinnedImage][] = [];
  for (const [name, image] of Object.entries(definition.images)) {
    const given = Object.hasOwn(asked, name) ? asked[name] : undefined;
    if (name === pushed && event.type === 'image-pushed') {
      pinned.push([name, await pin(image, event.image.tag, event.image.digest)]);
    } else if (given !== undefined) {
      const match = matchTag(image, given.tag);
      if (!match.matches) throw new CannotStart(`The image ${name} may not have the tag ${given.tag}: ${match.text}.`);
      pinned.push([name, await pin(image, given.tag, given.digest)]);
    } else {
      earlier ??= await imagesRunLast(ports, definition.pipeline);
      pinned.push([name, await chosen(name, image, Object.hasOwn(earlier, name) ? earlier[name] : undefined, pin)]);
    }
  }
  return Object.fromEntries(pinned);
}

async function chosen(
  name: string,
  image: ImageDefinition,
  earlier: PinnedImage | undefined,
  pin: (image: ImageDefinition, tag: string, digest: string | undefined) => Promise<PinnedImage>,
): Promise<PinnedImage> {
  const repository = normalizeRepository(image.repository);
  if (earlier?.repository === repository && matchTag(image, earlier.tag).matches) return earlier;
  if (image.tag !== undefined && !/[*?[\]{}!]/.test(image.tag)) return pin(image, image.tag, undefined);
  throw new CannotStart(
    `No version of the image ${name} has come yet. Push one to ${repository}, or name one: --image ${name}=TAG.`,
  );
}

/** The images of the pipeline's newest executions that succeeded, by name. */
async function imagesRunLast(ports: StartPorts, pipeline: string): Promise<{ readonly [name: string]: PinnedImage }> {
  const executions = await ports.executions.list({ pipeline, limit: MAXIMUM_LOOKED_BACK });
  const good = executions.find((one) => one.phase.is === 'ended' && one.phase.end === 'succeeded') ?? executions[0];
  return good === undefined ? {} : (await ports.plans.get(good.plan)).plan.images;
}
