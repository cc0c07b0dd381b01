/** Takes the pipeline files of a folder together: either all that they declare is right and becomes live, or nothing changes. */
import { posix } from 'node:path';
import { findPipelineFiles } from '../git/pipeline-files.ts';
import { problemsOfBinding } from '../pipeline/binding.ts';
import { collectManifestFiles, type FileTree } from '../pipeline/collect-files.ts';
import { fileBytes } from '../pipeline/file-text.ts';
import { type Problem, sortProblems } from '../pipeline/problem.ts';
import type { Definition } from '../pipeline/schema.ts';
import { isRecord, readYaml } from '../pipeline/yaml-file.ts';
import type { Position } from '../pipeline/yaml-text.ts';
import type { AppliedPipeline, PipelineChanges, Pipelines } from '../ports/pipelines.ts';
import type { Team } from '../ports/repositories.ts';
import { triggerEntries } from '../triggers/keys.ts';
import { type CheckedPipeline, type CheckPorts, checkPipelines, type PipelineUpload } from './check-pipelines.ts';
import { type Origin, type PipelineChange, pipelineRecord, type RecordPorts } from './pipeline-record.ts';

/** Documents that are written together; Firestore takes 500. */
const MAXIMUM_WRITES = 400;
const YAML_LIMITS = { maximumBytes: 1024 * 1024, maximumValues: 50_000 };
const MAXIMUM_TRIES = 5;

export type ApplyPorts = CheckPorts & RecordPorts & { readonly pipelines: Pipelines };

/** Pipeline files as they were found, and what was wrong with finding what they name. */
export type FoundUploads = { readonly uploads: readonly PipelineUpload[]; readonly problems: readonly Problem[] };

/** The pipeline files among the files, each with what it names. */
export async function uploadsIn(files: { readonly [path: string]: string }): Promise<FoundUploads> {
  const found = findPipelineFiles(files);
  if ('tooMany' in found) {
    const message = `there are ${found.tooMany} pipeline files; at most ${found.maximum} are taken together`;
    return { uploads: [], problems: [{ file: '.', line: 1, column: 1, message }] };
  }
  const uploads: PipelineUpload[] = [];
  const problems: Problem[] = [];
  for (const file of found.paths) {
    const text = files[file] ?? '';
    const collected = await collectManifestFiles({
      tree: treeAt(files, posix.dirname(file)),
      sources: manifestSources(file, text),
      pipelineFile: file,
    });
    if ('problems' in collected) problems.push(...collected.problems);
    else uploads.push({ file, text, files: collected.files });
  }
  return { uploads, problems };
}

/** Every value of `manifests:` in the file, of pipelines and of stages, faults included. */
function manifestSources(file: string, text: string): unknown[] {
  const { documents } = readYaml({ file, text, dialect: 'pipeline', limits: YAML_LIMITS });
  return documents.flatMap(({ value }): unknown[] => {
    if (!isRecord(value)) return [];
    const stages = isRecord(value.stages) ? Object.values(value.stages) : [];
    const ofStages = stages.flatMap((stage) => (isRecord(stage) && isRecord(stage.with) ? [stage.with.manifests] : []));
    return [value.manifests, ...ofStages];
  });
}

function treeAt(files: { readonly [path: string]: string }, folder: string): FileTree {
  const base = folder === '.' ? '' : `${folder}/`;
  return {
    async *list(inner) {
      const prefix = inner === '.' ? base : `${base}${inner}/`;
      for (const path of Object.keys(files).sort()) if (path.startsWith(prefix)) yield path.slice(base.length);
    },
    async read(path) {
      const name = `${base}${path}`;
      const text = Object.hasOwn(files, name) ? files[name] : undefined;
      return text === undefined ? undefined : fileBytes(text);
    },
  };
}

/** A checked pipeline, the file that declares it, and where that says its name. */
export type CheckedFile = CheckedPipeline & { readonly upload: PipelineUpload; readonly at: Position };

/**
 * Checks the uploads together; nothing is kept. `team` is what they are bound to: a pipeline that names no team belongs
 * to it, and what they or the files `bound` claim beyond it is a problem.
 */
export async function checkFiles(
  ports: CheckPorts,
  command: FoundUploads & { readonly team?: Team; readonly bound?: readonly PipelineUpload[] },
): Promise<{ readonly checked: readonly CheckedFile[] } | { readonly problems: readonly Problem[] }> {
  const { uploads, team, bound = [] } = command;
  const problems: Problem[] = [...command.problems];
  if (team !== undefined) {
    problems.push(...[...uploads, ...bound].flatMap((upload) => problemsOfBinding({ ...upload, team })));
  }
  const checked: CheckedFile[] = [];
  const files = new Map<string, string>();
  for (const upload of uploads) {
    const result = await checkPipelines(ports, { ...upload, team: team?.name });
    if ('problems' in result) {
      problems.push(...result.problems);
      continue;
    }
    for (const { template } of result.templates) {
      const message =
        `template  "${template}" is not applied but published: gennaker templates publish ${upload.file}; ` +
        'it has a file of its own, which a repository publishes with its pipelines';
      problems.push({ file: upload.file, line: 1, column: 1, message });
    }
    const places = placesOf(upload);
    for (const one of result.pipelines) {
      const { definition } = one;
      const at = places.get(definition.pipeline) ?? { line: 1, column: 1 };
      const earlier = files.get(definition.pipeline);
      if (earlier !== undefined && earlier !== upload.file) {
        const message = `pipeline  "${definition.pipeline}" is declared in ${earlier} too`;
        problems.push({ file: upload.file, ...at, message });
      }
      files.set(definition.pipeline, upload.file);
      if (team !== undefined) problems.push(...problemsOfNamespace(upload.file, definition, team, at));
      checked.push({ ...one, upload, at });
    }
  }
  return problems.length === 0 ? { checked } : { problems: sortProblems(problems) };
}

/** Where each pipeline of the file says its name. */
function placesOf({ file, text }: PipelineUpload): Map<string, Position> {
  const { documents } = readYaml({ file, text, dialect: 'pipeline', limits: YAML_LIMITS });
  return new Map(
    documents.flatMap((document): [string, Position][] => {
      const { value } = document;
      if (!isRecord(value) || typeof value.pipeline !== 'string') return [];
      return [[value.pipeline, document.valueAt(['pipeline'])]];
    }),
  );
}

/** The namespace that a pipeline has without naming one is its team's, which the team may not have. */
function problemsOfNamespace(file: string, definition: Definition, team: Team, at: Position): Problem[] {
  if (definition.namespace !== undefined || definition.team !== team.name) return [];
  const probe = `namespace: "${team.name}"\n`;
  return problemsOfBinding({ file, text: probe, team }).map(({ message }) => ({
    file,
    ...at,
    message: `${message}. It is the default; name one of those with "namespace:"`,
  }));
}

export type AppliedFiles =
  | {
      readonly is: 'applied';
      readonly pipelines: readonly { readonly name: string; readonly change: PipelineChange | 'removed' }[];
      /** Overrides that ended: one sentence each. */
      readonly notes: readonly string[];
    }
  | { readonly is: 'refused'; readonly problems: readonly Problem[] };

/**
 * Checks the uploads and makes all of them live, or none. `origin` says for each pipeline whom it belongs to, or why
 * it may not be changed. Of `formerly`, pipelines that no upload declares are removed. `mayWrite` is asked directly
 * before each write; where it says no, the rest is left and StaleApply is thrown.
 */
export async function applyFiles(
  ports: ApplyPorts,
  command: FoundUploads & {
    readonly team?: Team;
    readonly origin: (before: AppliedPipeline | undefined) => Promise<Origin | { readonly refused: string }>;
    readonly formerly?: readonly string[];
    readonly mayRemove?: (before: AppliedPipeline) => boolean;
    readonly mayWrite?: () => boolean;
  },
): Promise<AppliedFiles> {
  for (let tries = 0; tries < MAXIMUM_TRIES; tries += 1) {
    const result = await tryApply(ports, command);
    if (result !== 'conflict') return result;
  }
  throw new Error(`the pipelines were changed by others ${MAXIMUM_TRIES} times while they were applied; try again`);
}

/** Somebody else may be writing by now: what was to be written is left to them. */
export class StaleApply extends Error {
  override readonly name = 'StaleApply';
}

async function tryApply(
  ports: ApplyPorts,
  command: Parameters<typeof applyFiles>[1],
): Promise<AppliedFiles | 'conflict'> {
  const checked = await checkFiles(ports, command);
  if ('problems' in checked) return { is: 'refused', problems: checked.problems };
  const problems: Problem[] = [];
  const notes: string[] = [];
  const pipelines: { name: string; change: PipelineChange | 'removed' }[] = [];
  const puts: PipelineChanges['puts'][number][] = [];
  for (const one of checked.checked) {
    const { upload, at, definition, settled } = one;
    const before = await ports.pipelines.get({ name: definition.pipeline });
    const origin = await command.origin(before);
    if ('refused' in origin) {
      problems.push({ file: upload.file, ...at, message: `pipeline  ${origin.refused}` });
      continue;
    }
    notes.push(...one.warnings);
    const { pipeline, change } = await pipelineRecord(ports, { ...upload, ...one, before, origin });
    pipelines.push({ name: pipeline.name, change });
    if (pipeline === before) continue;
    if (before?.override !== undefined && origin.override === undefined) {
      notes.push(`${pipeline.name}: what ${before.override.by} applied by hand (${before.override.reason}) ends`);
    }
    puts.push({ pipeline, triggers: triggerEntries(settled), expected: before?.generation ?? 0 });
  }
  if (problems.length > 0) return { is: 'refused', problems: sortProblems(problems) };
  const declared = new Set(checked.checked.map(({ definition }) => definition.pipeline));
  const removals: { name: string; expected: number }[] = [];
  for (const name of command.formerly ?? []) {
    const before = declared.has(name) ? undefined : await ports.pipelines.get({ name });
    if (before === undefined || command.mayRemove?.(before) === false) continue;
    removals.push({ name, expected: before.generation });
    pipelines.push({ name, change: 'removed' });
  }
  for (const group of grouped({ puts, removals })) {
    if (command.mayWrite?.() === false) throw new StaleApply('the time to write has run out');
    if ((await ports.pipelines.change(group)) === 'conflict') return 'conflict';
  }
  return { is: 'applied', pipelines, notes };
}

/** As few commits as Firestore allows; nearly always one. A crash between two is made good by the next try. */
function grouped({ puts, removals }: PipelineChanges): PipelineChanges[] {
  type Change =
    | { readonly put: PipelineChanges['puts'][number] }
    | { readonly removal: { name: string; expected: number } };
  const groups: Change[][] = [];
  let room = 0;
  for (const change of [...puts.map((put) => ({ put })), ...removals.map((removal) => ({ removal }))] as Change[]) {
    // A pipeline's own document, its triggers, and as many that it had before and has no more.
    const writes =
      1 +
      ('put' in change ? 2 * Math.max(change.put.triggers.length, MAXIMUM_FORMER_TRIGGERS) : MAXIMUM_FORMER_TRIGGERS);
    if (writes > room) {
      groups.push([]);
      room = MAXIMUM_WRITES;
    }
    groups.at(-1)?.push(change);
    room -= writes;
  }
  return groups.map((group) => ({
    puts: group.flatMap((change) => ('put' in change ? [change.put] : [])),
    removals: group.flatMap((change) => ('removal' in change ? [change.removal] : [])),
  }));
}

/** Triggers that one pipeline hardly ever has more of. */
const MAXIMUM_FORMER_TRIGGERS = 4;
