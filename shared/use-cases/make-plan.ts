/** Makes the plan that an event would run of a pipeline: the one way for starting executions and for showing plans beforehand. */
import type { Hash, PinnedImage, Plan } from '../core/plan.ts';
import { type CompileCommand, compile } from '../pipeline/compile.ts';
import { matchTag, newestTag } from '../pipeline/image-filter.ts';
import { manifestSources } from '../pipeline/manifest-sources.ts';
import { outline } from '../pipeline/outline.ts';
import { formatProblems } from '../pipeline/problem.ts';
import { type ManifestFiles, renderManifests } from '../pipeline/render.ts';
import type { Definition, ImageDefinition } from '../pipeline/schema.ts';
import type { Target } from '../pipeline/scope.ts';
import { CannotSettle, inputsFromTrigger, type SettledDefinition, settle } from '../pipeline/settle.ts';
import type { Blobs } from '../ports/blobs.ts';
import type { ExecutionStore } from '../ports/execution-store.ts';
import type { TemplateLock } from '../ports/pipelines.ts';
import { RenderError, type Renderer } from '../ports/renderer.ts';
import { normalizeRepository } from '../registry/reference.ts';
import { RegistryError, type TagResolver } from '../registry/resolver.ts';
import type { StageKind } from '../stages/kind.ts';
import { imagesOfEvent, triggerData } from '../triggers/matching.ts';
import type { SourceEvent } from '../triggers/source.ts';
import type { PlanReader } from './plans.ts';
import type { LockedTemplates } from './templates/locked.ts';

export type PlanPorts = {
  readonly executions: Pick<ExecutionStore, 'list'>;
  readonly plans: PlanReader;
  /** The rendered manifests are put here. */
  readonly blobs: Blobs;
  readonly resolver: TagResolver;
  readonly kinds: ReadonlyMap<string, StageKind>;
  readonly targets: readonly Target[];
  readonly renderer: Renderer;
  readonly lockedTemplates: LockedTemplates;
};

export type PlanCommand = {
  readonly definition: Definition;
  /** The exact versions of the templates that it uses. */
  readonly lock: TemplateLock | undefined;
  /** The path of the pipeline's file, for messages about it. */
  readonly file: string;
  /** The blob of the files beside it: a JSON object from path to text. */
  readonly files: Hash | undefined;
  readonly event: SourceEvent;
  /** The position in `on` of the trigger that took the event; -1 where a person asked. */
  readonly trigger: number;
};

/** How long the registries may take to tell the digests of one event's images, in ms. */
const RESOLVE_TIMEOUT_MS = 20_000;
/** How long rendering the manifests of one plan may take, in ms. */
const RENDER_TIMEOUT_MS = 60_000;
/** Executions that are looked through for the images that a pipeline ran last. */
const MAXIMUM_LOOKED_BACK = 20;

/** A plan that can never be made as things are; the sentence is for people. */
export class CannotPlan extends Error {
  override readonly name = 'CannotPlan';
}

/** Pins the images, renders the manifests and compiles. Throws CannotPlan, or RegistryError where a tag is not resolved. */
export async function makePlan(ports: PlanPorts, command: PlanCommand): Promise<Plan> {
  const { event } = command;
  try {
    const templates = await ports.lockedTemplates(command.lock);
    const open = settle({ definition: command.definition, templates, inputs: {}, isOpen: true });
    const trigger = triggerData(open, command.trigger, event);
    const inputs = event.type === 'manual' ? event.manual.inputs : inputsFromTrigger(open, command.trigger, trigger);
    const definition = settle({ definition: command.definition, templates, inputs });
    const images = await pinImages(ports, { ...command, definition });
    const { kinds, targets } = ports;
    const compiled = { definition, kinds, templates, targets, images, trigger };
    return compile({ ...compiled, ...(await rendered(ports, command, compiled)), ...filesFor(ports, command) });
  } catch (error) {
    throw inWords(error);
  }
}

/** The plan as far as it is known before anything has started it. Throws CannotPlan. */
export function outlinePlan(command: Parameters<typeof outline>[0]): Plan {
  try {
    return outline(command).plan;
  } catch (error) {
    throw inWords(error);
  }
}

/** What is wrong with the plan as CannotPlan; anything else as it is. */
function inWords(error: unknown): unknown {
  if (!(error instanceof CannotSettle) && !(error instanceof RenderError)) return error;
  return new CannotPlan(error.message, { cause: error });
}

/** The files, where a stage renders them later. */
function filesFor({ kinds }: PlanPorts, { definition, files }: PlanCommand): Pick<CompileCommand, 'files'> {
  const isNeeded = Object.values(definition.stages).some(({ uses }) => kinds.get(uses)?.rendersFiles === true);
  return files === undefined || !isNeeded ? {} : { files };
}

/** The manifests with the images put in, kept as blobs: one for all targets, or one for each where they differ. */
async function rendered(
  ports: PlanPorts,
  command: PlanCommand,
  compiled: CompileCommand,
): Promise<Pick<CompileCommand, 'manifests' | 'manifestsOn'>> {
  const { definition } = compiled;
  if (definition.manifests === undefined) return {};
  const stored = command.files === undefined ? undefined : await ports.blobs.get({ hash: command.files });
  if (stored === undefined) {
    throw new CannotPlan(`The manifests of ${definition.pipeline} are not in the store: apply the pipeline again.`);
  }
  const files = JSON.parse(stored) as ManifestFiles;
  const signal = AbortSignal.timeout(RENDER_TIMEOUT_MS);
  const render = async (source: unknown): Promise<Hash> => {
    const { pipeline, namespace } = definition;
    const { renderer } = ports;
    const { images } = compiled;
    const given = { source, files, pipelineFile: command.file, pipeline, namespace, renderer, signal, images };
    const result = await renderManifests(given);
    if ('problems' in result) throw new CannotPlan(formatProblems(result.problems));
    return ports.blobs.put({ text: result.text });
  };
  const sources = manifestSources(compiled);
  if ('shared' in sources) return { manifests: await render(sources.shared) };
  const manifestsOn: { [target: string]: Hash } = {};
  for (const [target, source] of sources.byTarget) manifestsOn[target] = await render(source);
  return { manifestsOn };
}

/** Every image of the pipeline with its digest: the event's own, those that a person named, and the others as they ran last. */
async function pinImages(
  ports: PlanPorts,
  command: Omit<PlanCommand, 'definition'> & { readonly definition: SettledDefinition },
): Promise<{ readonly [name: string]: PinnedImage }> {
  const { definition, event } = command;
  const pushed = imagesOfEvent(definition, command.trigger, event);
  const asked = event.type === 'manual' ? event.manual.images : {};
  const unknown = Object.keys(asked).find((name) => !Object.hasOwn(definition.images, name));
  if (unknown !== undefined) {
    const known = Object.keys(definition.images).join(', ') || 'none';
    throw new CannotPlan(`${definition.pipeline} has no image called ${unknown}; it has ${known}.`);
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
    const told = Object.hasOwn(pushed, name) ? pushed[name] : undefined;
    if (told !== undefined) {
      pinned.push([name, await pin(image, told.tag, told.digest)]);
    } else if (given !== undefined) {
      const match = matchTag(image, given.tag);
      if (!match.matches) throw new CannotPlan(`The image ${name} may not have the tag ${given.tag}: ${match.text}.`);
      pinned.push([name, await pin(image, given.tag, given.digest)]);
    } else {
      earlier ??= await imagesRunLast(ports, definition.pipeline);
      const ranLast = Object.hasOwn(earlier, name) ? earlier[name] : undefined;
      const asNewest = startsWithoutImage(event) ? await newest(ports, image, signal) : undefined;
      if (asNewest !== undefined) pinned.push([name, await pin(image, asNewest, undefined)]);
      else pinned.push([name, await chosen(ports, { name, image, earlier: ranLast, pin, signal })]);
    }
  }
  return Object.fromEntries(pinned);
}

/** Nobody pushed an image or asked for one: then the newest that matches is what is wanted. */
function startsWithoutImage({ type }: SourceEvent): boolean {
  return type !== 'image-pushed' && type !== 'manual' && type !== 'pipeline-finished';
}

/** The newest tag that the image takes; undefined where the registry's tags cannot be listed, or none matches. */
async function newest(
  { resolver }: Pick<PlanPorts, 'resolver'>,
  image: ImageDefinition,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (isExact(image)) return image.tag;
  const tags = await resolver.list?.({ repository: normalizeRepository(image.repository), signal });
  return tags === undefined ? undefined : newestTag(image, tags);
}

function isExact({ tag }: ImageDefinition): boolean {
  return tag !== undefined && !/[*?]/.test(tag);
}

async function chosen(
  ports: Pick<PlanPorts, 'resolver'>,
  given: {
    readonly name: string;
    readonly image: ImageDefinition;
    readonly earlier: PinnedImage | undefined;
    readonly pin: (image: ImageDefinition, tag: string, digest: string | undefined) => Promise<PinnedImage>;
    readonly signal: AbortSignal;
  },
): Promise<PinnedImage> {
  const { name, image, earlier, pin, signal } = given;
  const repository = normalizeRepository(image.repository);
  if (earlier?.repository === repository && matchTag(image, earlier.tag).matches) return earlier;
  const tag = isExact(image) ? image.tag : undefined;
  if (tag !== undefined) return pin(image, tag, undefined);
  let refused: RegistryError | undefined;
  const found = await newest(ports, image, signal).catch((error: unknown) => {
    if (!(error instanceof RegistryError) || error.retryable) throw error;
    refused = error;
    return undefined;
  });
  if (found !== undefined) return pin(image, found, undefined);
  const why = refused === undefined ? '' : ` (${refused.message})`;
  const text = `No version of the image ${name} has come yet${why}. Push one to ${repository}, or name one: --image ${name}=TAG.`;
  throw new CannotPlan(text, { cause: refused });
}

/** The images of the pipeline's newest executions that succeeded, by name. */
export async function imagesRunLast(
  ports: Pick<PlanPorts, 'executions' | 'plans'>,
  pipeline: string,
): Promise<{ readonly [name: string]: PinnedImage }> {
  const executions = await ports.executions.list({ pipeline, limit: MAXIMUM_LOOKED_BACK });
  const good = executions.find((one) => one.phase.is === 'ended' && one.phase.end === 'succeeded') ?? executions[0];
  return good === undefined ? {} : (await ports.plans.get(good.plan)).plan.images;
}
