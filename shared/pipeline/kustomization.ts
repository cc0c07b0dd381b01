/**
 * Reads kustomizations before kustomize does, so that it never meets one that fetches something, runs something or
 * reaches out of the pipeline's folder.
 */
import { posix } from 'node:path';
import { didYouMean } from './nearest.ts';
import { formatPath, type Path, type Problem } from './problem.ts';
import { isRecord, readYaml } from './yaml-file.ts';

/** The names that kustomize looks for in a folder. */
export const KUSTOMIZATION_NAMES = ['kustomization.yaml', 'kustomization.yml', 'Kustomization'] as const;

const LIMITS = { maximumBytes: 1024 * 1024, maximumValues: 50_000 };

/** Another file, or a folder with a kustomization of its own, relative to the pipeline file. */
export type Reference = {
  readonly path: string;
  /** Where the reference stands: the file, and the place in it. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly where: string;
};

/** What stands in fields that name nothing outside the kustomization itself. */
const PLAIN_FIELDS = [
  ...['apiVersion', 'kind', 'metadata', 'namespace', 'namePrefix', 'nameSuffix', 'labels', 'commonLabels'],
  ...['commonAnnotations', 'images', 'replicas', 'vars', 'generatorOptions', 'sortOptions', 'buildMetadata'],
] as const;
/** Lists of paths. */
const PATH_FIELDS = ['resources', 'components', 'bases', 'crds', 'configurations', 'patchesStrategicMerge'] as const;
/** Lists of maps that may have a `path`. */
const PATCH_FIELDS = ['patches', 'patchesJson6902', 'replacements'] as const;
const GENERATOR_FIELDS = ['configMapGenerator', 'secretGenerator'] as const;
const REFERRING_FIELDS = [...PATH_FIELDS, ...PATCH_FIELDS, ...GENERATOR_FIELDS, 'openapi'] as const;
const KNOWN_FIELDS: readonly string[] = [...PLAIN_FIELDS, ...REFERRING_FIELDS];

const REFUSED_FIELDS: ReadonlyMap<string, string> = new Map([
  ...['generators', 'transformers', 'validators'].map((field): [string, string] => [
    field,
    'configures plugins, which are not run here; use patches, replacements, labels or configMapGenerator',
  ]),
  ...['helmCharts', 'helmGlobals', 'helmChartInflationGenerator'].map((field): [string, string] => [
    field,
    'inflates charts, which is not done here; use manifests.helm, or commit what helm renders',
  ]),
]);

/** Every problem of the kustomization in the folder and of those that it builds on. */
export function checkKustomizations(command: {
  files: { readonly [path: string]: string };
  folder: string;
  pipelineFile: string;
}): Problem[] {
  const { files, folder, pipelineFile } = command;
  const names = new Set(Object.keys(files));
  const folders = foldersOf(names);
  const problems: Problem[] = [];
  const seen = new Set<string>();
  const root = { file: pipelineFile, line: 1, column: 1, where: 'manifests.kustomize' };
  if (names.has(normalPath(folder))) {
    const { where, ...at } = root;
    return [{ ...at, message: `${where}  "${folder}" is a file; name the folder that it lies in` }];
  }
  const waiting: Reference[] = [{ ...root, path: normalPath(folder) }];
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const { path, where, ...at } = next;
    if (seen.has(path)) continue;
    seen.add(path);
    if (names.has(path)) continue;
    if (!folders.has(path)) {
      problems.push({ ...at, message: `${where}  "${path}" is neither a file nor a folder of the pipeline's folder` });
      continue;
    }
    const there = KUSTOMIZATION_NAMES.map((name) => joined(path, name)).filter((name) => names.has(name));
    const [file] = there;
    if (file === undefined || there.length > 1) {
      const sentence = file === undefined ? 'has no kustomization.yaml' : `has several: ${there.join(', ')}`;
      problems.push({ ...at, message: `${where}  the folder "${path}" ${sentence}` });
      continue;
    }
    const read = readKustomization({ file, text: files[file] ?? '' });
    problems.push(...read.problems);
    waiting.push(...read.references);
  }
  return problems;
}

/** What one kustomization refers to, and what is wrong with it by itself. `file` is relative to the pipeline file. */
export function readKustomization(command: { file: string; text: string }): {
  readonly references: readonly Reference[];
  readonly problems: readonly Problem[];
} {
  const { file, text } = command;
  const { documents, problems } = readYaml({ file, text, dialect: 'kubernetes', limits: LIMITS });
  const [document] = documents;
  if (problems.length > 0) return { references: [], problems };
  if (document === undefined || documents.length > 1 || !isRecord(document.value)) {
    const message = `must be one map: a kustomization; it has ${documents.length} documents`;
    return { references: [], problems: [{ file, line: 1, column: 1, message }] };
  }
  const { value } = document;
  const found: Problem[] = [];
  for (const field of Object.keys(value)) {
    const sentence = fieldProblem(field);
    if (sentence !== undefined) found.push({ file, ...document.keyAt([field]), message: `${field}  ${sentence}` });
  }
  const references: Reference[] = [];
  for (const [path, entry] of pathsIn(value)) {
    const where = formatPath(path);
    const at = document.valueAt(path);
    const sentence = referenceProblem(entry, file);
    if (sentence !== undefined) found.push({ file, ...at, message: `${where}  ${sentence}` });
    else references.push({ path: normalPath(posix.join(posix.dirname(file), entry)), file, ...at, where });
  }
  return { references, problems: found };
}

function fieldProblem(field: string): string | undefined {
  if (KNOWN_FIELDS.includes(field)) return undefined;
  const refused = [...REFUSED_FIELDS].find(([name]) => folded(name) === folded(field));
  if (refused !== undefined) return refused[1];
  return `is not a field of a kustomization${didYouMean(field, [...KNOWN_FIELDS])}`;
}

/** Every path that the kustomization names, with its place. */
function* pathsIn(value: { readonly [key: string]: unknown }): Generator<readonly [Path, string]> {
  for (const field of PATH_FIELDS) {
    for (const [path, entry] of textsIn(value[field], [field])) {
      if (field !== 'patchesStrategicMerge' || !/^\s*\{|\n/.test(entry)) yield [path, entry];
    }
  }
  for (const field of PATCH_FIELDS) {
    for (const [path, entry] of entriesOf(value[field], field)) yield* under(entry, path, ['path']);
  }
  for (const field of GENERATOR_FIELDS) {
    for (const [path, entry] of entriesOf(value[field], field)) {
      yield* under(entry, path, ['env', 'envs']);
      for (const [at, text] of under(entry, path, ['files'])) yield [at, text.slice(text.indexOf('=') + 1)];
    }
  }
  yield* under(value.openapi, ['openapi'], ['path']);
}

function* entriesOf(value: unknown, field: string): Generator<readonly [Path, unknown]> {
  for (const [index, entry] of Array.isArray(value) ? value.entries() : []) yield [[field, index], entry];
}

/** The texts in the named fields of a map, however their names are capitalised: kustomize does not mind it. */
function* under(value: unknown, path: Path, names: readonly string[]): Generator<readonly [Path, string]> {
  if (!isRecord(value)) return;
  for (const [key, inner] of Object.entries(value)) {
    if (names.includes(folded(key))) yield* textsIn(inner, [...path, key]);
  }
}

/** A text, or each text of a list. */
function* textsIn(value: unknown, path: Path): Generator<readonly [Path, string]> {
  if (typeof value === 'string') yield [path, value];
  for (const [index, entry] of Array.isArray(value) ? value.entries() : []) {
    if (typeof entry === 'string') yield [[...path, index], entry];
  }
}

/** As Go folds case when it compares the names of fields. */
function folded(name: string): string {
  return name.toUpperCase().toLowerCase();
}

function referenceProblem(entry: string, file: string): string | undefined {
  if (/^[a-z][a-z0-9+.-]*::?\/\/|^git@|^(www\.)?(github|gitlab)\.com[/:]|[?&](ref|version)=/i.test(entry)) {
    return `"${entry}" is an address; nothing is fetched here: download it and commit it`;
  }
  if (entry === '') return 'must not be empty';
  const path = posix.join(posix.dirname(file), entry);
  if (posix.isAbsolute(entry) || entry.includes('\\') || path === '..' || path.startsWith('../')) {
    return `"${entry}" leads out of the pipeline's folder; move the pipeline file to a folder that holds both`;
  }
  return undefined;
}

/** Without "./" and "/" around it; the pipeline's own folder is ".". */
export function normalPath(path: string): string {
  const normal = posix.normalize(path).replace(/\/+$/, '');
  return normal === '' ? '.' : normal;
}

/** `folder/name`, or the name alone in the pipeline's own folder. */
export function joined(folder: string, name: string): string {
  const normal = normalPath(folder);
  return normal === '.' ? name : `${normal}/${name}`;
}

function foldersOf(names: ReadonlySet<string>): ReadonlySet<string> {
  const folders = new Set<string>(['.']);
  for (const name of names) {
    for (let folder = posix.dirname(name); folder !== '.' && !folders.has(folder); folder = posix.dirname(folder)) {
      folders.add(folder);
    }
  }
  return folders;
}
