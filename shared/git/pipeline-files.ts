/** Finds among a repository's files those that declare pipelines or templates; the others are manifests and whatever else there is. */
import { isRecord, readYaml } from '../pipeline/yaml-file.ts';

const MAXIMUM_PIPELINE_FILES = 500;
const LIMITS = { maximumBytes: 1024 * 1024, maximumValues: 50_000 };
const NAMED_SO = /(^|\/|\.)gennaker\.ya?ml$/;
/** Without these words nothing is declared, and the text need not be parsed. */
const MAY_DECLARE = /pipeline|template|stages/;
/** What declares in a text that is no YAML, or is only a chart's template of YAML. */
const LINE_DECLARES = /^["']?(pipeline|template|stages)["']?[ \t]*:/m;
const LINE_OF_KUBERNETES = /^["']?apiVersion["']?[ \t]*:/m;

export type Found = { readonly paths: readonly string[] } | { readonly tooMany: number; readonly maximum: number };

/** The paths of pipeline and template files, in order. */
export function findPipelineFiles(files: { readonly [path: string]: string }): Found {
  const paths = Object.entries(files)
    .filter(([path, text]) => /\.ya?ml$/.test(path) && (NAMED_SO.test(path) || declaresAny(path, text)))
    .map(([path]) => path)
    .sort();
  return paths.length > MAXIMUM_PIPELINE_FILES ? { tooMany: paths.length, maximum: MAXIMUM_PIPELINE_FILES } : { paths };
}

/** Whether a document of the file is a template. */
export function declaresTemplate({ file, text }: { readonly file: string; readonly text: string }): boolean {
  const { documents } = readYaml({ file, text, dialect: 'pipeline', limits: LIMITS });
  return documents.some(({ value }) => isRecord(value) && value.template !== undefined);
}

function declaresAny(file: string, text: string): boolean {
  if (!MAY_DECLARE.test(text)) return false;
  const { documents, problems } = readYaml({ file, text, dialect: 'pipeline', limits: LIMITS });
  if (documents.some(({ value }) => declares(value))) return true;
  // A fault must not make a pipeline vanish: where the text cannot be read, its lines decide.
  return (
    problems.length > 0 &&
    text.split(/^---/m).some((part) => LINE_DECLARES.test(part) && !LINE_OF_KUBERNETES.test(part))
  );
}

/**
 * A document declares where it has one of the first lines of a pipeline or a template, or was meant to: one whose first
 * line is misspelt has stages. Of Kubernetes objects some have a map called `template`, or a text called `pipeline`; what
 * has stages is no such object, whatever `apiVersion` says, and the checks of the language tell of that line.
 */
function declares(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { pipeline, template, stages, apiVersion, kind } = value;
  if (apiVersion === undefined || kind === undefined) {
    return pipeline !== undefined || template !== undefined || stages !== undefined;
  }
  return isRecord(stages) && (typeof pipeline === 'string' || typeof template === 'string');
}
