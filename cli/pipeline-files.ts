/** Reads pipeline files and the manifests that they name, and lets nothing in from outside the pipeline's folder. */
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, posix, relative, resolve, sep } from 'node:path';
import picomatch from 'picomatch';
import { MAXIMUM_PIPELINE_FILE_BYTES, parsePipelines } from '../shared/pipeline/parse.ts';
import type { Problem } from '../shared/pipeline/problem.ts';
import type { Definition } from '../shared/pipeline/schema.ts';
import { MAXIMUM_BLOB_BYTES } from '../shared/ports/blobs.ts';
import { stageKinds } from '../shared/stages/registry.ts';
import { CommandFailure } from './failure.ts';

const MAXIMUM_MANIFEST_FILES = 500;
/** Files and folders that globs may make us look at. */
const MAXIMUM_ENTRIES = 20_000;
/** Folders that hold no manifests and many files. */
const PASSED_OVER = new Set(['node_modules', '.git']);

export type PipelineFile = {
  /** The path as the user gave it. */
  readonly file: string;
  readonly text: string;
  readonly pipelines: readonly Definition[];
  readonly problems: readonly Problem[];
};

/** Reads and checks each file. Throws CommandFailure for one that cannot be read. */
export async function readPipelineFiles(files: readonly string[]): Promise<PipelineFile[]> {
  return Promise.all(
    files.map(async (file) => {
      const text = await readText(file);
      const parsed = parsePipelines({ file, text, kinds: stageKinds() });
      return 'problems' in parsed
        ? { file, text, pipelines: [], problems: parsed.problems }
        : { file, text, pipelines: parsed.pipelines, problems: [] };
    }),
  );
}

async function readText(file: string): Promise<string> {
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
 * The text of every file that the pipelines' `manifests.files` name, by its path relative to the pipeline file, with
 * `/` between its parts. Throws CommandFailure where one is missing, lies outside the folder, or all are too large.
 */
export async function readManifestFiles(
  file: string,
  pipelines: readonly Definition[],
): Promise<{ [path: string]: string }> {
  const folder = await realpath(dirname(resolve(file)));
  const patterns = [...new Set(pipelines.flatMap(({ manifests }) => manifests?.files ?? []))];
  const paths = new Set<string>();
  for (const pattern of patterns) {
    for (const path of await pathsOf(file, folder, pattern)) {
      paths.add(path);
    }
  }
  if (paths.size > MAXIMUM_MANIFEST_FILES) {
    throw new CommandFailure(
      `${file} names ${paths.size} manifest files; at most ${MAXIMUM_MANIFEST_FILES} are taken.`,
    );
  }
  const texts: { [path: string]: string } = {};
  let bytes = 0;
  for (const path of [...paths].sort()) {
    const text = await readInside(file, folder, path);
    bytes += Buffer.byteLength(text);
    if (bytes > MAXIMUM_BLOB_BYTES) {
      throw new CommandFailure(`The manifests of ${file} have more than ${MAXIMUM_BLOB_BYTES} bytes in all.`);
    }
    texts[path] = text;
  }
  return texts;
}

async function pathsOf(file: string, folder: string, pattern: string): Promise<string[]> {
  const normal = posix.normalize(pattern.replaceAll('\\', '/'));
  if (isAbsolute(normal) || normal === '..' || normal.startsWith('../')) {
    throw outside(file, pattern);
  }
  const { base, isGlob } = picomatch.scan(normal);
  if (!isGlob) {
    return [normal];
  }
  const matches = picomatch(normal);
  const found: string[] = [];
  for await (const path of filesUnder(folder, base)) {
    if (matches(path)) {
      found.push(path);
    }
  }
  if (found.length === 0) {
    throw new CommandFailure(`${file}: manifests.files names "${pattern}", and no file in ${folder} matches it.`);
  }
  return found;
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

async function readInside(file: string, folder: string, path: string): Promise<string> {
  try {
    const real = await realpath(join(folder, path));
    const inside = relative(folder, real);
    if (inside.startsWith(`..${sep}`) || isAbsolute(inside)) {
      throw outside(file, path);
    }
    return await readFile(real, 'utf8');
  } catch (error) {
    if (error instanceof CommandFailure) {
      throw error;
    }
    throw new CommandFailure(
      codeOf(error) === 'ENOENT'
        ? `${file}: manifests.files names "${path}", and ${folder} has no such file.`
        : `Could not read ${join(folder, path)}`,
      codeOf(error) === 'ENOENT' ? {} : { cause: error },
    );
  }
}

function outside(file: string, path: string): CommandFailure {
  return new CommandFailure(
    `${file}: manifests.files names "${path}", which lies outside the pipeline's folder. ` +
      'Only files beside or below the pipeline file are taken.',
  );
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
