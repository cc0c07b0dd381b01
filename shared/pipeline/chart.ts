/** Reads a chart before helm does, so that helm never meets one that lacks a part or would fetch something. */
import type { Manifest } from '../ports/cluster.ts';
import { isBinary } from './file-text.ts';
import { joined, normalPath } from './kustomization.ts';
import { documentsOf, type ManifestText, type PlacedObject } from './manifest-objects.ts';
import type { ManifestsSource } from './manifests-schema.ts';
import { formatPath, type Path, type Problem } from './problem.ts';
import { isRecord, readYaml, type YamlDocument } from './yaml-file.ts';

const LIMITS = { maximumBytes: 1024 * 1024, maximumValues: 50_000 };
const MAXIMUM_DEPENDENCIES = 100;

export type HelmSource = NonNullable<ManifestsSource['helm']>;

export type Chart = {
  /** The folder of Chart.yaml, relative to the pipeline file. */
  readonly folder: string;
  /** As Chart.yaml says; helm's messages and comments begin with it. */
  readonly name: string;
  /** False where a packaged chart is among its dependencies: its schemas cannot be looked at beforehand. */
  readonly checksSchema: boolean;
};

/** The chart, or everything that is wrong with it before any template of it is looked at. */
export function readChart(command: {
  files: { readonly [path: string]: string };
  source: HelmSource;
  pipelineFile: string;
}): { readonly chart: Chart } | { readonly problems: readonly Problem[] } {
  const { files, source, pipelineFile } = command;
  const folder = normalPath(source.chart);
  const problems: Problem[] = [];
  const atPipeline = (message: string): void => {
    problems.push({ file: pipelineFile, line: 1, column: 1, message });
  };
  for (const [index, values] of source.values.entries()) {
    const path = normalPath(values);
    if (!Object.hasOwn(files, path)) atPipeline(`manifests.helm.values[${index}]  "${values}" names no file`);
  }
  const paths = Object.keys(files);
  const file = joined(folder, 'Chart.yaml');
  const text = Object.hasOwn(files, file) ? files[file] : undefined;
  if (text === undefined) {
    atPipeline(`manifests.helm.chart  the folder "${source.chart}" has no Chart.yaml`);
    return { problems };
  }
  const read = readYaml({ file, text, dialect: 'kubernetes', limits: LIMITS });
  problems.push(...read.problems);
  const document = read.documents[0];
  const value = isRecord(document?.value) ? document.value : {};
  const name = typeof value.name === 'string' ? value.name : '';
  if (document !== undefined) problems.push(...dependencyProblems(document, file, folder, paths));
  const requirements = joined(folder, 'requirements.yaml');
  if (value.apiVersion === 'v1' && Object.hasOwn(files, requirements)) {
    const old = readYaml({
      file: requirements,
      text: files[requirements] ?? '',
      dialect: 'kubernetes',
      limits: LIMITS,
    });
    problems.push(...old.problems);
    for (const one of old.documents) problems.push(...dependencyProblems(one, requirements, folder, paths));
  }
  const inChart = paths.filter((path) => folder === '.' || path.startsWith(`${folder}/`));
  for (const path of inChart) {
    if (path.endsWith('/values.schema.json')) problems.push(...schemaProblems(path, files[path] ?? ''));
  }
  if (problems.length > 0) return { problems };
  const checksSchema = !inChart.some((path) => isBinary(files[path] ?? '') || /\.t(ar\.)?gz$/.test(path));
  return { chart: { folder, name, checksSchema } };
}

/** One problem for each dependency that is not in the chart's folder already. */
function dependencyProblems(document: YamlDocument, file: string, folder: string, paths: readonly string[]): Problem[] {
  const { value } = document;
  const listed = isRecord(value) && Array.isArray(value.dependencies) ? value.dependencies : [];
  const charts = joined(folder, 'charts');
  const problems: Problem[] = [];
  for (const [index, dependency] of listed.slice(0, MAXIMUM_DEPENDENCIES).entries()) {
    const name = isRecord(dependency) ? dependency.name : undefined;
    if (typeof name !== 'string') continue;
    const there = paths.some(
      (path) => path === `${charts}/${name}/Chart.yaml` || isPackage(path, `${charts}/${name}-`),
    );
    if (there) continue;
    const way = `nothing is fetched here: run \`helm dependency update ${folder}\` and commit ${charts}`;
    const at: Path = ['dependencies', index];
    problems.push({ file, ...document.valueAt(at), message: `${formatPath(at)}  ${name} is not in ${charts}; ${way}` });
  }
  return problems;
}

function isPackage(path: string, start: string): boolean {
  return path.startsWith(start) && /^v?\d[^/]*\.t(ar\.)?gz$/.test(path.slice(start.length));
}

const REFERENCES: ReadonlySet<string> = new Set(['$ref', '$dynamicRef', '$recursiveRef']);

/** helm would fetch a schema that another one refers to. */
function schemaProblems(file: string, text: string): Problem[] {
  const { documents, problems } = readYaml({ file, text, dialect: 'kubernetes', limits: LIMITS });
  const found = [...problems];
  const visit = (value: unknown, path: Path, document: YamlDocument): void => {
    if (Array.isArray(value)) for (const [index, item] of value.entries()) visit(item, [...path, index], document);
    if (!isRecord(value)) return;
    for (const [key, inner] of Object.entries(value)) {
      const at = [...path, key];
      visit(inner, at, document);
      if (typeof inner !== 'string') continue;
      const isOutside = REFERENCES.has(key) && !inner.startsWith('#');
      const isUnknown = key === '$schema' && !/^https?:\/\/json-schema\.org\//.test(inner);
      if (!isOutside && !isUnknown) continue;
      const sentence = `"${inner}" lies outside of this file, and nothing is fetched here; put it under "$defs"`;
      found.push({ file, ...document.valueAt(at), message: `${formatPath(at)}  ${sentence}` });
    }
  };
  for (const document of documents) visit(document.value, [], document);
  return found;
}

const SOURCE = /^# Source: (\S+)\s*$/m;

/** What helm printed, document by document, each with the file that it comes from. */
export function* chartTexts(text: string, chart: Chart): Generator<ManifestText> {
  for (const part of documentsOf(text)) {
    const source = SOURCE.exec(part)?.[1];
    yield {
      file: source === undefined ? joined(chart.folder, 'Chart.yaml') : inFolder(source, chart),
      text: part,
      renderedBy: 'helm',
    };
  }
}

/** The path of a file as helm names it, which begins with the chart's name, from the pipeline file. */
export function inFolder(path: string, chart: Chart): string {
  return path.startsWith(`${chart.name}/`) ? joined(chart.folder, path.slice(chart.name.length + 1)) : path;
}

const HOOK = 'helm.sh/hook';
/** These run neither when a release is installed nor when it is upgraded. */
const IDLE_HOOKS: ReadonlySet<string> = new Set([
  ...['test', 'test-success', 'test-failure', 'pre-delete', 'post-delete', 'pre-rollback', 'post-rollback'],
]);

/** The objects without hooks, and a problem for each hook that would have run, unless those are to be left out. */
export function withoutHooks(
  objects: readonly PlacedObject[],
  hooks: HelmSource['hooks'],
): { objects: PlacedObject[]; problems: Problem[] } {
  const kept = objects.filter(({ object }) => hooksOf(object).length === 0);
  if (hooks === 'leave-out') return { objects: kept, problems: [] };
  const problems = objects.flatMap(({ object, file, line, column }): Problem[] => {
    const running = hooksOf(object).filter((hook) => !IDLE_HOOKS.has(hook));
    if (running.length === 0) return [];
    const what = `${object.kind} ${object.metadata.name} is a hook (${running.join(', ')}), and hooks are not run`;
    const way = 'make it a stage of its own, switch it off by a value, or say hooks: leave-out';
    return [{ file, line, column, message: `metadata.annotations  ${what}; ${way}` }];
  });
  return { objects: kept, problems };
}

function hooksOf(object: Manifest): string[] {
  const text = object.metadata.annotations?.[HOOK] ?? '';
  return text
    .split(',')
    .map((hook) => hook.trim())
    .filter((hook) => hook !== '');
}
