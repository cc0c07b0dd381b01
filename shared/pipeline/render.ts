/** The uploaded manifest files to the one list of Kubernetes objects that a plan carries. */
import picomatch from 'picomatch';
import { z } from 'zod';
import type { PinnedImage } from '../core/plan.ts';
import { substituteImages } from '../kubernetes/images.ts';
import { MAXIMUM_BLOB_BYTES } from '../ports/blobs.ts';
import { describeObject, type Manifest } from '../ports/cluster.ts';
import { formatPath, type Path, type Problem, sortProblems } from './problem.ts';
import { isRecord, readYaml, type YamlDocument } from './yaml-file.ts';

export const MAXIMUM_MANIFEST_FILES = 500;
export const MAXIMUM_MANIFEST_FILE_BYTES = 1024 * 1024;
export const MAXIMUM_OBJECTS = 1000;
const MAXIMUM_VALUES = 200_000;
const MAXIMUM_LIST_DEPTH = 3;

/** Text by path, relative to the pipeline file, with "/" between the parts. */
export type ManifestFiles = { readonly [path: string]: string };
export type Rendered = { readonly objects: readonly Manifest[] } | { readonly problems: readonly Problem[] };

/**
 * Reads the objects of every file that one of the patterns names, in the order of the patterns, then of the paths.
 * `pipelineFile` is where a pattern that names no file is reported.
 */
export function readManifests(command: {
  files: ManifestFiles;
  patterns: readonly string[];
  pipelineFile: string;
}): Rendered {
  const { files, patterns, pipelineFile } = command;
  const selected = selectFiles({ paths: Object.keys(files), patterns, pipelineFile });
  if ('problems' in selected) return selected;
  const problems: Problem[] = [];
  const objects: Manifest[] = [];
  const seen = new Map<string, string>();
  for (const file of selected.paths) {
    const text = Object.hasOwn(files, file) ? files[file] : undefined;
    if (text === undefined) continue;
    const limits = { maximumBytes: MAXIMUM_MANIFEST_FILE_BYTES, maximumValues: MAXIMUM_VALUES };
    const read = readYaml({ file, text, dialect: 'kubernetes', limits });
    problems.push(...read.problems);
    for (const document of read.documents) {
      const found = objectsOf(document, file);
      problems.push(...found.problems);
      for (const object of found.objects) {
        const name = `${object.apiVersion} ${describeObject({ kind: object.kind, ...object.metadata })}`;
        const earlier = seen.get(name);
        if (earlier !== undefined) {
          const message = `${describeObject({ kind: object.kind, ...object.metadata })} is given twice; first in ${earlier}`;
          problems.push({ file, ...document.start, message });
        }
        seen.set(name, file);
        objects.push(object);
      }
    }
  }
  if (objects.length > MAXIMUM_OBJECTS) {
    const message = `manifests.files  has ${objects.length} objects; at most ${MAXIMUM_OBJECTS} are delivered`;
    problems.push({ file: pipelineFile, line: 1, column: 1, message });
  }
  return problems.length === 0 ? { objects } : { problems: sortProblems(problems) };
}

/**
 * What a plan carries: the blob's text, a JSON array of the objects with the images put in by digest. An image that no
 * object uses is a problem, because its push would change nothing; and so is a text that no blob can hold.
 */
export function renderManifests(command: {
  files: ManifestFiles;
  patterns: readonly string[];
  pipelineFile: string;
  images: { readonly [name: string]: PinnedImage };
}): { readonly text: string } | { readonly problems: readonly Problem[] } {
  const read = readManifests(command);
  if ('problems' in read) return read;
  const { manifests, unused, repositories } = substituteImages({ manifests: read.objects, images: command.images });
  const sentences = unused.map((name) => {
    const used = repositories.length === 0 ? 'none' : repositories.join(', ');
    return `images.${name}  is used by no manifest; the images in them are ${used}`;
  });
  const text = JSON.stringify(manifests);
  const bytes = Buffer.byteLength(text);
  if (bytes > MAXIMUM_BLOB_BYTES) {
    sentences.push(`manifests.files  come to ${bytes} bytes as JSON; at most ${MAXIMUM_BLOB_BYTES} are kept`);
  }
  const place = { file: command.pipelineFile, line: 1, column: 1 };
  return sentences.length === 0 ? { text } : { problems: sentences.map((message) => ({ ...place, message })) };
}

/** The paths that the patterns name, each once; a pattern that names none is a problem. */
export function selectFiles(command: {
  paths: readonly string[];
  patterns: readonly string[];
  pipelineFile: string;
}): { readonly paths: readonly string[] } | { readonly problems: readonly Problem[] } {
  const { pipelineFile } = command;
  const paths = [...command.paths].sort();
  const problems: Problem[] = [];
  const selected = new Set<string>();
  for (const [index, pattern] of command.patterns.entries()) {
    const place = (sentence: string): void => {
      problems.push({ file: pipelineFile, line: 1, column: 1, message: `manifests.files[${index}]  ${sentence}` });
    };
    if (pattern.startsWith('/') || pattern.split('/').includes('..')) {
      place(`"${pattern}" leads out of the pipeline's folder`);
      continue;
    }
    const matches = picomatch(pattern.replace(/^\.\//, ''), { dot: false, nonegate: true });
    const found = paths.filter((path) => matches(path));
    for (const path of found) selected.add(path);
    if (found.length === 0) place(`"${pattern}" names no file`);
  }
  if (selected.size > MAXIMUM_MANIFEST_FILES) {
    const message = `manifests.files  names ${selected.size} files; at most ${MAXIMUM_MANIFEST_FILES} are read`;
    problems.push({ file: pipelineFile, line: 1, column: 1, message });
  }
  return problems.length === 0 ? { paths: [...selected] } : { problems };
}

const NAME = z.string({ error: 'must be text' }).min(1, 'must not be empty');
const LABELS = z.record(z.string(), z.string({ error: 'must be text; write it in quotes' }));

/** The little that every object must have; the API server knows the rest. */
const objectSchema = z.looseObject(
  {
    apiVersion: NAME,
    kind: NAME,
    metadata: z.looseObject(
      { name: NAME, namespace: NAME.optional(), labels: LABELS.optional(), annotations: LABELS.optional() },
      { error: (issue) => (issue.code === 'invalid_type' ? 'must be a map with a name' : undefined) },
    ),
  },
  { error: (issue) => (issue.code === 'invalid_type' ? 'must be a map: a Kubernetes object' : undefined) },
);

/** The objects of a document: itself, or the items of the list that it is. */
function objectsOf(document: YamlDocument, file: string): { objects: Manifest[]; problems: Problem[] } {
  const objects: Manifest[] = [];
  const problems: Problem[] = [];
  const visit = (value: unknown, path: Path, depth: number): void => {
    if (isList(value) && depth < MAXIMUM_LIST_DEPTH) {
      for (const [index, item] of value.items.entries()) visit(item, [...path, 'items', index], depth + 1);
      return;
    }
    const parsed = objectSchema.safeParse(value);
    if (parsed.success) objects.push(withoutAbsent(parsed.data));
    for (const issue of parsed.error?.issues ?? []) {
      const at: Path = [...path, ...issue.path.map((part) => (typeof part === 'number' ? part : String(part)))];
      const where = formatPath(at);
      const isMissing = issue.code === 'invalid_type' && issue.input === undefined && !hasKey(value, issue.path);
      const sentence = isMissing ? 'is missing; every Kubernetes object has one' : issue.message;
      problems.push({ file, ...document.valueAt(at), message: `${where === '' ? 'the object' : where}  ${sentence}` });
    }
  };
  visit(document.value, [], 0);
  return { objects, problems };
}

function isList(value: unknown): value is { items: unknown[] } {
  return isRecord(value) && value.kind === 'List' && Array.isArray(value.items);
}

function hasKey(value: unknown, path: readonly PropertyKey[]): boolean {
  let current = value;
  for (const part of path) {
    if (!isRecord(current) || !Object.hasOwn(current, part)) return false;
    current = current[String(part)];
  }
  return true;
}

type Loose = z.output<typeof objectSchema>;

/** Optional fields that are absent, not undefined, as a manifest's type says. */
function withoutAbsent(object: Loose): Manifest {
  const { name, namespace, labels, annotations, ...rest } = object.metadata;
  return {
    ...object,
    metadata: {
      ...rest,
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
    },
  };
}
