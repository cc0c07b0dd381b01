/** Reads pipeline files and the manifests that they name, and lets nothing in from outside the pipeline's folder. */
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, posix, relative, resolve, sep } from 'node:path';
import { collectManifestFiles, type FileTree, manifestSourcesOf } from '../shared/pipeline/collect-files.ts';
import { MAXIMUM_PIPELINE_FILE_BYTES, parsePipelines } from '../shared/pipeline/parse.ts';
import type { Problem } from '../shared/pipeline/problem.ts';
import type { Definition } from '../shared/pipeline/schema.ts';
import { type Template, UNCHECKED_TEMPLATES } from '../shared/pipeline/template.ts';
import type { StageKinds } from '../shared/pipeline/usable.ts';
import { MAXIMUM_BLOB_BYTES } from '../shared/ports/blobs.ts';
import { CommandFailure } from './failure.ts';

/** Files and folders that globs may make us look at. */
const MAXIMUM_ENTRIES = 20_000;
/** Folders that hold no manifests and many files. */
const PASSED_OVER = new Set(['node_modules', '.git']);

export type PipelineFile = {
  /** The path as the user gave it. */
  readonly file: string;
  readonly text: string;
  readonly pipelines: readonly Definition[];
  readonly templates: readonly Template[];
  readonly problems: readonly Problem[];
};

/** Reads and checks each file. Throws CommandFailure for one that cannot be read. */
export async function readPipelineFiles(files: readonly string[], kinds: StageKinds): Promise<PipelineFile[]> {
  return Promise.all(
    files.map(async (file) => {
      const text = await readText(file);
      const parsed = parsePipelines({ file, text, kinds, templatesFor: () => UNCHECKED_TEMPLATES });
      return 'problems' in parsed
        ? { file, text, pipelines: [], templates: [], problems: parsed.problems }
        : { file, text, ...parsed, problems: [] };
    }),
  );
}

/** The text of a file of pipelines or templates. Throws CommandFailure where it cannot be read or is too large. */
export async function readText(file: string): Promise<string> {
  try {
    const { size } = await stat(file);
    if (size > MAXIMUM_PIPELINE_FILE_BYTES) {
      throw new CommandFailure(
        `${file} has ${size} bytes; a pipeline file has at most ${MAXIMUM_PIPELINE_FILE_BYTES}.`,
      );
    }
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof CommandFailure) {
      throw error;
    }
    const missing = codeOf(error) === 'ENOENT';
    throw new CommandFailure(missing ? `There is no file ${file}.` : `Could not read ${file}`, {
      ...(missing ? {} : { cause: error }),
    });
  }
}

/**
 * Every file that the pipelines' manifests are made of, now or by a stage later, by its path relative to the pipeline
 * file, with `/` between its parts; what is not UTF-8 is as `fileText` writes it. Throws CommandFailure where one is
 * missing, lies outside the folder, or all are too large.
 */
export async function readManifestFiles(
  file: string,
  /** As they stand in the file; what is wrong with them is not told here. */
  pipelines: readonly unknown[],
  kinds: StageKinds,
): Promise<{ readonly [path: string]: string }> {
  const folder = await realpath(dirname(resolve(file)));
  const sources = pipelines.flatMap((definition) => manifestSourcesOf(definition, kinds));
  const collected = await collectManifestFiles({ tree: folderTree(folder), sources, pipelineFile: file });
  if ('files' in collected) {
    return collected.files;
  }
  const lines = collected.problems.map(({ file: at, line, column, message }) => `${at}:${line}:${column}  ${message}`);
  throw new CommandFailure(`${[...new Set(lines)].join('\n')}.`);
}

/** The folder on this machine, from which no link leads out. */
function folderTree(folder: string): FileTree {
  return { list: (base) => filesUnder(folder, base), read: (path) => readInside(folder, path) };
}

/** The paths, relative to the folder, of all files below `base`. */
async function* filesUnder(folder: string, base: string): AsyncGenerator<string> {
  const waiting = [base];
  let entries = 0;
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    for (const entry of await readdirOrNothing(join(folder, next))) {
      entries += 1;
      if (entries > MAXIMUM_ENTRIES) {
        throw new CommandFailure(
          `More than ${MAXIMUM_ENTRIES} files lie below ${join(folder, base)}; name a folder that holds only manifests.`,
        );
      }
      const path = posix.join(next, entry.name);
      if (entry.isDirectory()) {
        if (!PASSED_OVER.has(entry.name)) {
          waiting.push(path);
        }
      } else {
        yield path;
      }
    }
  }
}

async function readdirOrNothing(path: string) {
  try {
    return await readdir(path, { withFileTypes: true });
  } catch (error) {
    if (codeOf(error) === 'ENOENT') {
      return [];
    }
    throw new CommandFailure(`Could not look into ${path}`, { cause: error });
  }
}

async function readInside(folder: string, path: string): Promise<Uint8Array | undefined> {
  try {
    const real = await realpath(join(folder, path));
    const inside = relative(folder, real);
    if (inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside)) {
      throw new CommandFailure(
        `${join(folder, path)} is a link to what lies outside the pipeline's folder. ` +
          'Only files beside or below the pipeline file are taken.',
      );
    }
    const { size } = await stat(real);
    if (size > MAXIMUM_BLOB_BYTES) {
      throw new CommandFailure(`${join(folder, path)} has ${size} bytes; at most ${MAXIMUM_BLOB_BYTES} are taken.`);
    }
    return await readFile(real);
  } catch (error) {
    if (error instanceof CommandFailure) {
      throw error;
    }
    const isAbsent = ['ENOENT', 'ENOTDIR', 'EISDIR'].some((code) => codeOf(error) === code);
    if (isAbsent) {
      return undefined;
    }
    throw new CommandFailure(`Could not read ${join(folder, path)}`, { cause: error });
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
