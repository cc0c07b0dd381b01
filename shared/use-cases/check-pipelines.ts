/** Checks pipeline files with everything that they name: templates, targets, manifests, and the pipelines that start each other. */
import { pipelinesWithoutTeam } from '../pipeline/binding.ts';
import { hasExpression } from '../pipeline/expressions/text.ts';
import { outline } from '../pipeline/outline.ts';
import { MAXIMUM_PIPELINE_FILE_BYTES, parsePipelines, type TemplatesFor } from '../pipeline/parse.ts';
import { formatPath, type Path, type Problem } from '../pipeline/problem.ts';
import { type ManifestFiles, renderObjects } from '../pipeline/render.ts';
import type { Definition } from '../pipeline/schema.ts';
import type { Target } from '../pipeline/scope.ts';
import { CannotSettle, type SettledDefinition } from '../pipeline/settle.ts';
import { NO_TEMPLATES, type Template, templatesUsed } from '../pipeline/template.ts';
import { isRecord, readYaml } from '../pipeline/yaml-file.ts';
import type { Pipelines, TemplateLock } from '../ports/pipelines.ts';
import { RenderError, type Renderer } from '../ports/renderer.ts';
import type { StageKind } from '../stages/kind.ts';
import { choiceFor, type Library, type OpenLibrary, withTemplatesFor } from './templates/library.ts';
import { loopsIn } from './trigger-loops.ts';

/** How long rendering the manifests of one upload may take, in ms. */
const RENDER_TIMEOUT_MS = 60_000;
const MAXIMUM_VALUES = 20_000;

export type CheckPorts = {
  readonly pipelines: Pick<Pipelines, 'get'>;
  readonly kinds: ReadonlyMap<string, StageKind>;
  readonly targets: readonly Target[];
  readonly openLibrary: OpenLibrary;
  readonly renderer: Renderer;
};

/** One pipeline file with its text and the manifests that it names, by their path relative to it. */
export type PipelineUpload = { readonly file: string; readonly text: string; readonly files: ManifestFiles };

/** The same where it is known to whom pipelines belong that name no team. */
export type TeamUpload = PipelineUpload & { readonly team?: string | undefined };

/** A pipeline with everything that it names found. */
export type CheckedPipeline = {
  readonly definition: Definition;
  /** As far as it is known before anyone gives inputs. */
  readonly settled: SettledDefinition;
  /** The exact versions of the templates that it uses. */
  readonly lock: TemplateLock;
  /** What is right and should be changed all the same: one sentence each. */
  readonly warnings: readonly string[];
};

export type Checked =
  | { readonly pipelines: readonly CheckedPipeline[]; readonly templates: readonly Template[] }
  | { readonly problems: readonly Problem[] };

/** The pipelines of an upload, with everything that they name found; or all that is wrong. Nothing is kept. */
export async function checkPipelines(ports: CheckPorts, upload: TeamUpload): Promise<Checked> {
  const { file, text, files, team } = upload;
  const { documents } = readYaml({
    file,
    text,
    dialect: 'pipeline',
    limits: { maximumBytes: MAXIMUM_PIPELINE_FILE_BYTES, maximumValues: MAXIMUM_VALUES },
  });
  const names = documents.flatMap(({ value }) =>
    isRecord(value) && typeof value.pipeline === 'string' ? [value.pipeline] : [],
  );
  const teamless = team === undefined ? new Set<string>() : pipelinesWithoutTeam({ file, text });
  const read = (templatesFor: TemplatesFor): Checked => {
    const parsed = parsePipelines({ file, text, kinds: ports.kinds, templatesFor });
    if ('problems' in parsed) return parsed;
    const problems: Problem[] = [];
    const pipelines = parsed.pipelines.flatMap((one): CheckedPipeline[] => {
      const definition = team !== undefined && teamless.has(one.pipeline) ? { ...one, team } : one;
      const result = outlined(ports, definition, templatesFor);
      if (!('problems' in result)) return [result];
      const document = documents.find(({ value }) => isRecord(value) && value.pipeline === one.pipeline);
      for (const message of result.problems) {
        const at = document?.keyAt(pathOf(message)) ?? { line: 1, column: 1 };
        problems.push({ file, ...at, message });
      }
      return [];
    });
    return problems.length > 0 ? { problems } : { pipelines, templates: parsed.templates };
  };
  const checked = documents.some(({ value }) => usesTemplate(value))
    ? await withPublished(ports, names, read)
    : read(() => NO_TEMPLATES);
  if ('problems' in checked) return checked;
  const problems: Problem[] = [];
  const declared = new Map(checked.pipelines.map(({ settled }) => [settled.pipeline, settled]));
  for (const { pipeline, path, text: sentence } of await loopsIn(ports.pipelines, declared)) {
    const document = documents.find(({ value }) => isRecord(value) && value.pipeline === pipeline);
    const at = document?.keyAt(path) ?? { line: 1, column: 1 };
    problems.push({ file, ...at, message: `${formatPath(path)}  ${sentence}` });
  }
  for (const { settled } of checked.pipelines)
    problems.push(...(await problemsOfManifests(ports, file, settled, files)));
  return problems.length > 0 ? { problems } : checked;
}

/** Whether a stage of the document, or one that it inserts, uses a template. */
function usesTemplate(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(
    ([key, part]) => (key === 'uses' && typeof part === 'string' && part.includes('@')) || usesTemplate(part),
  );
}

async function withPublished(
  ports: CheckPorts,
  names: readonly string[],
  read: (templatesFor: TemplatesFor) => Checked,
): Promise<Checked> {
  const locks = new Map<string, TemplateLock | undefined>();
  for (const name of names) locks.set(name, (await ports.pipelines.get({ name }))?.templates);
  const library = await ports.openLibrary();
  const checked = await withTemplatesFor(library, (pipeline) => choiceFor(pipeline, locks.get(pipeline)), read);
  if ('problems' in checked) return checked;
  const pipelines = checked.pipelines.map((one) => ({ ...one, warnings: deprecationsIn(one, library) }));
  return { ...checked, pipelines };
}

function deprecationsIn({ definition, lock }: CheckedPipeline, { records }: Library): string[] {
  return Object.entries(lock).flatMap(([name, version]) => {
    const published = records.get(name)?.versions.find((one) => one.version === version);
    if (published?.deprecated === undefined) return [];
    return [`${definition.pipeline} uses ${name}@${version}, which is deprecated: ${published.deprecated}`];
  });
}

/** Finds what only templates and targets together make wrong. */
function outlined(
  { kinds, targets }: CheckPorts,
  definition: Definition,
  templatesFor: TemplatesFor,
): CheckedPipeline | { readonly problems: readonly string[] } {
  const templates = templatesFor(definition.pipeline);
  try {
    const { settled } = outline({ definition, kinds, templates, targets });
    return { definition, settled, lock: templatesUsed(definition.stages, templates), warnings: [] };
  } catch (error) {
    if (error instanceof CannotSettle) return { problems: error.problems };
    throw error;
  }
}

/** The path that a sentence begins with: `stages.release  no target is …`. */
function pathOf(message: string): Path {
  const [path = ''] = message.split(/\s/u, 1);
  return path
    .split(/[.[\]]/u)
    .filter((part) => part !== '')
    .map((part) => (/^\d+$/u.test(part) ? Number(part) : part));
}

async function problemsOfManifests(
  { renderer }: CheckPorts,
  file: string,
  { manifests, pipeline, namespace }: SettledDefinition,
  files: ManifestFiles,
): Promise<readonly Problem[]> {
  // What expressions in it stand for is known when the pipeline starts.
  if (manifests === undefined || hasExpression(JSON.stringify(manifests))) return [];
  const signal = AbortSignal.timeout(RENDER_TIMEOUT_MS);
  try {
    const command = { source: manifests, files, pipelineFile: file, pipeline, namespace, renderer, signal };
    const rendered = await renderObjects(command);
    return 'problems' in rendered ? rendered.problems : [];
  } catch (error) {
    if (!(error instanceof RenderError)) throw error;
    return [{ file, line: 1, column: 1, message: `manifests  ${error.message}` }];
  }
}
