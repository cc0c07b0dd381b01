/** Takes pipeline files as a person uploads them: all of a file's pipelines are checked, then all are kept, or none. */
import type { Hash } from '../core/plan.ts';
import { pipelinesWithoutTeam } from '../pipeline/binding.ts';
import { canonicalJson } from '../pipeline/canonical.ts';
import { compile } from '../pipeline/compile.ts';
import { hasExpression } from '../pipeline/expressions/text.ts';
import { MAXIMUM_PIPELINE_FILE_BYTES, parsePipelines, type TemplatesFor } from '../pipeline/parse.ts';
import type { Path, Problem } from '../pipeline/problem.ts';
import { type ManifestFiles, renderObjects } from '../pipeline/render.ts';
import type { Definition } from '../pipeline/schema.ts';
import type { Target } from '../pipeline/scope.ts';
import { CannotSettle, outlinedImages, type SettledDefinition, settle } from '../pipeline/settle.ts';
import { NO_TEMPLATES, type Template, templatesUsed } from '../pipeline/template.ts';
import { isRecord, readYaml } from '../pipeline/yaml-file.ts';
import type { Blobs } from '../ports/blobs.ts';
import type { Clock } from '../ports/clock.ts';
import type { AppliedPipeline, Pipelines, TemplateLock } from '../ports/pipelines.ts';
import { RenderError, type Renderer } from '../ports/renderer.ts';
import type { StageKind } from '../stages/kind.ts';
import { triggerEntries } from '../triggers/keys.ts';
import { locksBefore } from './templates/choose-version.ts';
import { choiceFor, type Library, type OpenLibrary, withTemplatesFor } from './templates/library.ts';
import { loopThrough, startersOf } from './trigger-loops.ts';

/** How long rendering the manifests of one upload may take, in ms. */
const RENDER_TIMEOUT_MS = 60_000;
const MAXIMUM_VALUES = 20_000;

export type ApplyPorts = {
  readonly pipelines: Pipelines;
  readonly blobs: Blobs;
  readonly clock: Clock;
  readonly kinds: ReadonlyMap<string, StageKind>;
  readonly targets: readonly Target[];
  readonly openLibrary: OpenLibrary;
  readonly renderer: Renderer;
};

export type CheckPorts = Pick<ApplyPorts, 'kinds' | 'targets' | 'openLibrary' | 'renderer'> & {
  readonly pipelines: Pick<Pipelines, 'get'>;
};

export type Applied =
  | {
      readonly is: 'applied';
      readonly pipelines: readonly { readonly name: string; readonly change: 'created' | 'changed' | 'unchanged' }[];
      /** What whoever applied them should know: one sentence each. */
      readonly notes: readonly string[];
    }
  | { readonly is: 'refused'; readonly problems: readonly Problem[] };

export type Upload = { readonly file: string; readonly text: string; readonly files: ManifestFiles };

/** `files` holds the manifests by their path relative to `file`. */
export async function applyPipelines(ports: ApplyPorts, command: Upload): Promise<Applied> {
  const checked = await checkPipelines(ports, command);
  if ('problems' in checked) return { is: 'refused', problems: checked.problems };
  const { file } = command;
  if (checked.templates.length > 0) {
    const names = checked.templates.map(({ template }) => template).join(', ');
    const message = `the file has the template ${names}, which is not applied but published: gennaker templates publish ${file}`;
    return { is: 'refused', problems: [{ file, line: 1, column: 1, message }] };
  }
  const pipelines: { name: string; change: PipelineChange }[] = [];
  for (const one of checked.pipelines) {
    const before = await ports.pipelines.get({ name: one.definition.pipeline });
    const { pipeline, change } = await pipelineRecord(ports, { ...command, ...one, before });
    if (pipeline !== before) await ports.pipelines.put({ pipeline, triggers: triggerEntries(one.settled) });
    pipelines.push({ name: pipeline.name, change });
  }
  return { is: 'applied', pipelines, notes: checked.pipelines.flatMap(({ warnings }) => warnings) };
}

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
export async function checkPipelines(
  ports: CheckPorts,
  upload: Upload & {
    /** The team of pipelines that name none. */
    readonly team?: string | undefined;
  },
): Promise<Checked> {
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
      const outlined = outline(ports, definition, templatesFor);
      if (!('problems' in outlined)) return [outlined];
      const document = documents.find(({ value }) => isRecord(value) && value.pipeline === one.pipeline);
      for (const message of outlined.problems) {
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
  const declared = new Map(checked.pipelines.map(({ settled }) => [settled.pipeline, settled.on]));
  for (const [pipeline, on] of declared) {
    for (const { index, name } of startersOf(on)) {
      const loop = await loopThrough(ports.pipelines, declared, pipeline, name);
      if (loop === undefined) continue;
      const document = documents.find(({ value }) => isRecord(value) && value.pipeline === pipeline);
      const at = document?.keyAt(['on', index, 'pipeline']) ?? { line: 1, column: 1 };
      const message = `on[${index}].pipeline  makes a loop in which pipelines start one another without end: ${loop.join(' → ')}`;
      problems.push({ file, ...at, message });
    }
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

/** Plans with stand-ins for what is not known yet, which finds what only templates and targets together make wrong. */
function outline(
  { kinds, targets }: CheckPorts,
  definition: Definition,
  templatesFor: TemplatesFor,
): CheckedPipeline | { readonly problems: readonly string[] } {
  const templates = templatesFor(definition.pipeline);
  try {
    const settled = settle({ definition, templates, inputs: {}, isOpen: true });
    const lock = templatesUsed(definition.stages, templates);
    const images = outlinedImages(settled);
    compile({ definition: settled, kinds, templates, targets, images, trigger: undefined });
    return { definition, settled, lock, warnings: [] };
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

export type PipelineChange = 'created' | 'changed' | 'unchanged';

/** Who a pipeline belongs to: the repository and commit that it comes from, or who applied it by hand all the same. */
export type Origin = Pick<AppliedPipeline, 'managed' | 'override'>;

/** What is to be stored of a checked pipeline, and how that differs from what is stored; the files are kept already. */
export async function pipelineRecord(
  ports: Pick<ApplyPorts, 'blobs' | 'clock' | 'kinds'>,
  command: Upload &
    Pick<CheckedPipeline, 'definition' | 'lock'> & {
      readonly before: AppliedPipeline | undefined;
      readonly origin?: Origin;
    },
): Promise<{ readonly pipeline: AppliedPipeline; readonly change: PipelineChange }> {
  const { file, text, definition, lock, files, before, origin = {} } = command;
  const hash = await filesOf(ports, definition, files);
  const source = await ports.blobs.put({ text });
  const stored = JSON.parse(JSON.stringify(definition));
  const isSame =
    before?.files === hash &&
    canonicalJson(before?.definition ?? null) === canonicalJson(stored) &&
    canonicalJson(before?.templates ?? {}) === canonicalJson(lock);
  // That another commit says the same is no change; that it now belongs to another is.
  const isTheirs = before?.managed?.repository === origin.managed?.repository && before?.override === undefined;
  if (before !== undefined && isSame && isTheirs && origin.override === undefined) {
    // Comments are kept for people, and change nothing that runs.
    return { pipeline: before.source === source ? before : { ...before, source }, change: 'unchanged' };
  }
  const pipeline: AppliedPipeline = {
    format: 1,
    name: definition.pipeline,
    team: definition.team,
    file,
    definition: stored,
    ...(hash === undefined ? {} : { files: hash }),
    source,
    ...(Object.keys(lock).length === 0 ? {} : { templates: lock, templatesBefore: locksBefore(before, lock) }),
    appliedAt: ports.clock.now(),
    generation: (before?.generation ?? 0) + 1,
    ...origin,
  };
  return { pipeline, change: before === undefined ? 'created' : 'changed' };
}

/** The blob of the files, where the pipeline names any. */
export async function filesOf(
  { blobs, kinds }: Pick<ApplyPorts, 'blobs' | 'kinds'>,
  definition: Definition,
  files: ManifestFiles,
): Promise<Hash | undefined> {
  const rendersLater = Object.values(definition.stages).some(({ uses }) => kinds.get(uses)?.rendersFiles === true);
  if (definition.manifests === undefined && !rendersLater) return undefined;
  return blobs.put({ text: canonicalJson(files) });
}
