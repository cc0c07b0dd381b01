/** A pipeline's manifests, from files, kustomize or helm, to the one list of Kubernetes objects that a plan carries. */
import type { z } from 'zod';
import type { PinnedImage } from '../core/plan.ts';
import { substituteImages } from '../kubernetes/images.ts';
import { MAXIMUM_BLOB_BYTES } from '../ports/blobs.ts';
import type { Manifest } from '../ports/cluster.ts';
import { type FileTexts, RenderError, type Renderer, type RenderRequest } from '../ports/renderer.ts';
import { chartTexts, type HelmSource, readChart, withoutHooks } from './chart.ts';
import { helmProblem, kustomizeProblem } from './complaints.ts';
import { checkKustomizations, joined, normalPath } from './kustomization.ts';
import {
  documentsOf,
  duplicateProblems,
  type ManifestText,
  type PlacedObject,
  readObjects,
} from './manifest-objects.ts';
import { resolvedManifestsSchema } from './manifests-schema.ts';
import { formatPath, type Problem, sortProblems } from './problem.ts';
import { selectFiles } from './select-files.ts';

const MAXIMUM_OBJECTS = 1000;

/** Text by path, relative to the pipeline file, with "/" between the parts. */
export type ManifestFiles = FileTexts;
type Problems = { readonly problems: readonly Problem[] };
export type Rendered = { readonly objects: readonly Manifest[] } | Problems;

export type RenderCommand = {
  /** The value of `manifests:`, its expressions resolved. */
  readonly source: unknown;
  readonly files: ManifestFiles;
  /** Where problems are told that no other file has. */
  readonly pipelineFile: string;
  /** Its name, which is the release's where no other is given. */
  readonly pipeline: string;
  readonly namespace: string;
  readonly renderer: Renderer;
  readonly signal: AbortSignal;
};

/**
 * What a plan carries: the blob's text, a JSON array of the objects with the images put in by digest. An image that no
 * object uses is a problem, because its push would change nothing; and so is a text that no blob can hold. Throws
 * RenderError where a program is missing, or what `signal` was aborted with.
 */
export async function renderManifests(
  command: RenderCommand & { readonly images: { readonly [name: string]: PinnedImage } },
): Promise<{ readonly text: string } | Problems> {
  const rendered = await renderObjects(command);
  if ('problems' in rendered) return rendered;
  const { manifests, unused, repositories } = substituteImages({ manifests: rendered.objects, images: command.images });
  const problems = unused.map((name) => {
    const used = repositories.length === 0 ? 'none' : repositories.join(', ');
    return atStart(command.pipelineFile, `images.${name}  is used by no manifest; the images in them are ${used}`);
  });
  const text = JSON.stringify(manifests);
  const bytes = Buffer.byteLength(text);
  if (bytes > MAXIMUM_BLOB_BYTES) {
    const message = `manifests  come to ${bytes} bytes as JSON; at most ${MAXIMUM_BLOB_BYTES} are kept`;
    problems.push(atStart(command.pipelineFile, message));
  }
  return problems.length === 0 ? { text } : { problems };
}

/** The objects as they are written or rendered. Throws as `renderManifests` does. */
export async function renderObjects(command: RenderCommand): Promise<Rendered> {
  const { pipelineFile } = command;
  const parsed = resolvedManifestsSchema.safeParse(command.source);
  if (!parsed.success) return { problems: sourceProblems(parsed.error, pipelineFile) };
  const { files, kustomize, helm } = parsed.data;
  if (files !== undefined) return readManifests({ ...command, patterns: files });
  try {
    if (kustomize !== undefined) return await renderKustomization(command, kustomize);
    if (helm !== undefined) return await renderChart(command, helm);
  } catch (error) {
    if (!(error instanceof RenderError) || error.code !== 'over-limit') throw error;
    return { problems: [atStart(pipelineFile, `manifests  ${error.message}`)] };
  }
  throw new Error('rendering the manifests: the source has none of its three forms');
}

/**
 * Reads the objects of every file that one of the patterns names, in the order of the patterns, then of the paths.
 * `pipelineFile` is where a pattern that names no file is reported.
 */
export function readManifests(command: {
  files: ManifestFiles;
  patterns: readonly string[];
  pipelineFile: string;
  namespace?: string;
}): Rendered {
  const { files, patterns, pipelineFile } = command;
  const selected = selectFiles({ paths: Object.keys(files), patterns, pipelineFile });
  if ('problems' in selected) return selected;
  const texts = selected.paths.map((file): ManifestText => ({ file, text: files[file] ?? '' }));
  return judged(readObjects(texts), command);
}

async function renderKustomization(command: RenderCommand, folder: string): Promise<Rendered> {
  const { files, pipelineFile } = command;
  const found = checkKustomizations({ files, folder, pipelineFile });
  if (found.length > 0) return { problems: sortProblems(found) };
  const file = joined(folder, 'kustomization.yaml');
  const fallback = Object.hasOwn(files, file) ? file : pipelineFile;
  const printed = await run(command, { program: 'kustomize', folder: normalPath(folder) });
  if ('refused' in printed) return { problems: [kustomizeProblem(printed.refused, Object.keys(files), fallback)] };
  const texts = documentsOf(printed.text).map(
    (text): ManifestText => ({ file: fallback, text, renderedBy: 'kustomize' }),
  );
  return judged(readObjects(texts), command);
}

async function renderChart(command: RenderCommand, source: HelmSource): Promise<Rendered> {
  const { files, pipelineFile, pipeline, namespace } = command;
  const read = readChart({ files, source, pipelineFile });
  if ('problems' in read) return { problems: sortProblems(read.problems) };
  const { chart } = read;
  const kubeVersion = source['kube-version'];
  const printed = await run(command, {
    program: 'helm',
    chart: chart.folder,
    values: source.values.map(normalPath),
    set: source.set,
    release: source.release ?? pipeline,
    namespace,
    ...(kubeVersion === undefined ? {} : { kubeVersion }),
    apiVersions: source['api-versions'],
    checksSchema: chart.checksSchema,
  });
  if ('refused' in printed)
    return { problems: [helmProblem(printed.refused, chart, joined(chart.folder, 'Chart.yaml'))] };
  const { objects, problems } = readObjects(chartTexts(printed.text, chart));
  const kept = withoutHooks(objects, source.hooks);
  return judged({ objects: kept.objects, problems: [...problems, ...kept.problems] }, command);
}

/** What the program printed, or why it refused the files. */
async function run(
  command: RenderCommand,
  request: RenderRequest,
): Promise<{ readonly text: string } | { readonly refused: string }> {
  const { renderer, files, signal } = command;
  try {
    return { text: await renderer.render({ files, request, signal }) };
  } catch (error) {
    if (error instanceof RenderError && error.code === 'refused') return { refused: error.message };
    throw error;
  }
}

/** The objects, where nothing is wrong with them and with all of them together. */
function judged(
  read: { readonly objects: readonly PlacedObject[]; readonly problems: readonly Problem[] },
  command: { readonly pipelineFile: string; readonly namespace?: string },
): Rendered {
  const { objects } = read;
  const problems = [...read.problems, ...duplicateProblems(objects, command.namespace)];
  if (objects.length > MAXIMUM_OBJECTS) {
    const message = `manifests  come to ${objects.length} objects; at most ${MAXIMUM_OBJECTS} are delivered`;
    problems.push(atStart(command.pipelineFile, message));
  }
  return problems.length === 0
    ? { objects: objects.map(({ object }) => object) }
    : { problems: sortProblems(problems) };
}

function sourceProblems(error: z.ZodError, pipelineFile: string): Problem[] {
  return error.issues.map((issue) => {
    const path = ['manifests', ...issue.path.map((part) => (typeof part === 'number' ? part : String(part)))];
    return atStart(pipelineFile, `${formatPath(path)}  ${issue.message}`);
  });
}

function atStart(file: string, message: string): Problem {
  return { file, line: 1, column: 1, message };
}
