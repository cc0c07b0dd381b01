/** Texts of YAML to Kubernetes objects: the one parser, with its limits, for what authors wrote and what programs rendered. */
import { describeObject, type Manifest } from '../ports/cluster.ts';
import { objectSchema, withoutAbsent } from './object-schema.ts';
import { formatPath, type Path, type Problem } from './problem.ts';
import { isRecord, readYaml, type YamlDocument } from './yaml-file.ts';

const MAXIMUM_TEXT_BYTES = 1024 * 1024;
const MAXIMUM_VALUES = 200_000;
const MAXIMUM_LIST_DEPTH = 3;

/** `renderedBy` is set where the text is not what stands in the file but what a program made of it. */
export type ManifestText = { readonly file: string; readonly text: string; readonly renderedBy?: string };

/** An object, and where it comes from. */
export type PlacedObject = {
  readonly object: Manifest;
  readonly file: string;
  readonly line: number;
  readonly column: number;
};

/** Every object of the texts, in their order, lists taken apart. */
export function readObjects(texts: Iterable<ManifestText>): { objects: PlacedObject[]; problems: Problem[] } {
  const objects: PlacedObject[] = [];
  const problems: Problem[] = [];
  for (const { file, text, renderedBy } of texts) {
    const limits = { maximumBytes: MAXIMUM_TEXT_BYTES, maximumValues: MAXIMUM_VALUES };
    const read = readYaml({ file, text, dialect: 'kubernetes', limits });
    const found = [...read.problems];
    for (const document of read.documents) {
      const inside = objectsOf(document, file);
      found.push(...inside.problems);
      const start = renderedBy === undefined ? document.start : { line: 1, column: 1 };
      for (const object of inside.objects) objects.push({ object, file, ...start });
    }
    problems.push(...(renderedBy === undefined ? found : found.map((problem) => placedInFile(problem, renderedBy))));
  }
  return { objects, problems };
}

/** The documents of a stream, each by itself: the limits are meant for what one author writes. */
export function documentsOf(text: string): string[] {
  return text.split(/^---\s*$/m).filter((part) => part.trim() !== '');
}

/** A problem in a rendered text says where it is in that text, because the author's file has other lines. */
function placedInFile({ file, line, message }: Problem, program: string): Problem {
  return { file, line: 1, column: 1, message: `${message} (line ${line} of what ${program} makes of it)` };
}

/**
 * One problem for each object that is there already: of the same API group, kind, name and namespace, which is
 * `namespace` where an object names none.
 */
export function duplicateProblems(objects: readonly PlacedObject[], namespace?: string): Problem[] {
  const seen = new Map<string, string>();
  const problems: Problem[] = [];
  for (const { object, file, line, column } of objects) {
    const { metadata, kind, apiVersion } = object;
    const group = apiVersion.includes('/') ? apiVersion.split('/', 1)[0] : '';
    const key = JSON.stringify([group, kind, metadata.namespace ?? namespace ?? null, metadata.name]);
    const earlier = seen.get(key);
    if (earlier === undefined) {
      seen.set(key, file);
      continue;
    }
    const message = `${describeObject({ kind, ...metadata })} is given twice; first in ${earlier}`;
    problems.push({ file, line, column, message });
  }
  return problems;
}

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
