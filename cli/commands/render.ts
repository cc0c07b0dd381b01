/** `gennaker render`: the manifests of a pipeline as a plan would carry them, made on this machine and shown. */
import { stringify } from 'yaml';
import { programRenderer } from '../../shared/adapters/programs/renderer.ts';
import type { Json, JsonObject } from '../../shared/core/json.ts';
import type { PinnedImage } from '../../shared/core/plan.ts';
import { substituteImages } from '../../shared/kubernetes/images.ts';
import { newBudget } from '../../shared/pipeline/expressions/cost.ts';
import { valueOfText } from '../../shared/pipeline/inputs.ts';
import { didYouMean } from '../../shared/pipeline/nearest.ts';
import type { Problem } from '../../shared/pipeline/problem.ts';
import { renderObjects } from '../../shared/pipeline/render.ts';
import type { Definition } from '../../shared/pipeline/schema.ts';
import { CannotSettle, resolved, scopeOf, settle } from '../../shared/pipeline/settle.ts';
import { NO_TEMPLATES } from '../../shared/pipeline/template.ts';
import type { Manifest } from '../../shared/ports/cluster.ts';
import { RenderError } from '../../shared/ports/renderer.ts';
import { normalizeRepository } from '../../shared/registry/reference.ts';
import { registryTagResolver } from '../../shared/registry/resolver.ts';
import type { Context } from '../context.ts';
import { CommandFailure, EXIT, type ExitCode, UsageError } from '../failure.ts';
import { readManifestFiles, readPipelineFiles } from '../pipeline-files.ts';
import { count } from '../text.ts';
import { pairs } from './run.ts';

export type RenderOptions = {
  readonly image?: readonly string[];
  readonly input?: readonly string[];
  readonly target?: string;
};

type RenderedPipeline = { readonly pipeline: string; readonly objects: readonly Manifest[] };
type Given = {
  readonly images: { readonly [name: string]: string };
  readonly inputs: { readonly [name: string]: string };
  readonly target: string | undefined;
};

/** Renders every pipeline of the file that has manifests. Needs no system. */
export async function render(context: Context, file: string, options: RenderOptions): Promise<ExitCode> {
  const given: Given = {
    images: pairs('--image', 'NAME=TAG', options.image),
    inputs: pairs('--input', 'NAME=VALUE', options.input),
    target: options.target,
  };
  const kinds = await context.kinds();
  const [read] = await readPipelineFiles([file], kinds);
  const pipelines = (read?.pipelines ?? []).filter(({ manifests }) => manifests !== undefined);
  const problems: Problem[] = [...(read?.problems ?? [])];
  if (problems.length === 0 && pipelines.length === 0) {
    throw new CommandFailure(`No pipeline in ${file} has manifests, so there is nothing to render.`);
  }
  const files = problems.length === 0 ? await readManifestFiles(file, pipelines, kinds) : {};
  const done: RenderedPipeline[] = [];
  for (const definition of problems.length === 0 ? pipelines : []) {
    const result = await renderOne(context, file, files, definition, given);
    if ('problems' in result) problems.push(...result.problems);
    else done.push(result);
  }
  if (problems.length > 0) {
    return tellProblems(context, problems);
  }
  context.result({ pipelines: done }, () => [textOf(done).trimEnd()]);
  return EXIT.success;
}

async function renderOne(
  context: Context,
  file: string,
  files: { readonly [path: string]: string },
  definition: Definition,
  given: Given,
): Promise<RenderedPipeline | { readonly problems: readonly Problem[] }> {
  const { pipeline, team } = definition;
  const { environment, signal } = context.surroundings;
  try {
    const settled = settle({ definition, templates: NO_TEMPLATES, inputs: inputsOf(definition, given.inputs) });
    const { namespace } = settled;
    const images = await pinned(settled.images, given.images, signal);
    const names = { name: pipeline, team, namespace };
    const scope = scopeOf(settled, { pipeline: names, images, trigger: {}, budget: newBudget() });
    const target = given.target === undefined ? {} : { target: { name: given.target, labels: {} } };
    const source = resolved(definition.manifests, { ...scope, ...target }, ['manifests']);
    const renderer = programRenderer(environment);
    const result = await renderObjects({ source, files, pipelineFile: file, pipeline, namespace, renderer, signal });
    if ('problems' in result) {
      return result;
    }
    return { pipeline, objects: substituteImages({ manifests: result.objects, images }).manifests };
  } catch (error) {
    if (error instanceof CannotSettle) {
      return { problems: error.problems.map((message) => ({ file, line: 1, column: 1, message })) };
    }
    if (error instanceof RenderError) {
      throw new CommandFailure(`${file} was not rendered: ${error.message}.`, { cause: error });
    }
    throw error;
  }
}

function inputsOf(definition: Definition, given: { readonly [name: string]: string }): JsonObject {
  const declared = definition.inputs;
  return Object.fromEntries(
    Object.entries(given).map(([name, text]): [string, Json] => [
      name,
      valueOfText(text, Object.hasOwn(declared, name) ? declared[name] : undefined),
    ]),
  );
}

/** The images that were named, `TAG` or `TAG@sha256:…`; what the tag means is asked of the registry where it is not said. */
async function pinned(
  images: Definition['images'],
  given: { readonly [name: string]: string },
  signal: AbortSignal,
): Promise<{ [name: string]: PinnedImage }> {
  const found: [string, PinnedImage][] = [];
  for (const [name, text] of Object.entries(given)) {
    const image = Object.hasOwn(images, name) ? images[name] : undefined;
    if (image === undefined) {
      const known = Object.keys(images);
      const hint = didYouMean(name, known) || `; there is ${known.join(', ') || 'none'}`;
      throw new UsageError(`--image names the image "${name}", which the pipeline does not have${hint}.`);
    }
    const repository = normalizeRepository(image.repository);
    const [tag = '', digest] = text.split('@', 2);
    const resolvedDigest = digest ?? (await registryTagResolver().resolve({ repository, tag, signal })).digest;
    found.push([name, { repository, tag, digest: resolvedDigest }]);
  }
  return Object.fromEntries(found);
}

/** One document for each object, as kubectl reads it: `yes` is in quotes where it is text. */
function textOf(pipelines: readonly RenderedPipeline[]): string {
  return pipelines
    .flatMap(({ objects }) => objects)
    .map((object) => stringify(object, { version: '1.1', lineWidth: 0, aliasDuplicateObjects: false }))
    .join('---\n');
}

function tellProblems(context: Context, problems: readonly Problem[]): ExitCode {
  if (context.format === 'json') {
    context.result({ pipelines: [], problems }, () => []);
  } else {
    context.progress([
      ...problems.map(({ file, line, column, message }) => `${file}:${line}:${column}  ${message}`),
      `${count(problems.length, 'problem')}. Nothing was rendered.`,
    ]);
  }
  return EXIT.failure;
}
