/** Finds among a repository's files those that declare pipelines or templates; the others are manifests and whatever else there is. */

const MAXIMUM_PIPELINE_FILES = 500;
const NAMED_SO = /(^|\/|\.)gennaker\.ya?ml$/;
/** A document that declares one, or that was meant to: a misspelt first line must not make a pipeline vanish. */
const DECLARES = /^(pipeline|template|stages)[ \t]*:/m;
/** What every Kubernetes object has, and no pipeline. */
const KUBERNETES = /^apiVersion[ \t]*:/m;

export type Found = { readonly paths: readonly string[] } | { readonly tooMany: number; readonly maximum: number };

/** The paths of pipeline and template files, in order. */
export function findPipelineFiles(files: { readonly [path: string]: string }): Found {
  const paths = Object.entries(files)
    .filter(([path, text]) => /\.ya?ml$/.test(path) && (NAMED_SO.test(path) || text.split(/^---/m).some(declares)))
    .map(([path]) => path)
    .sort();
  return paths.length > MAXIMUM_PIPELINE_FILES ? { tooMany: paths.length, maximum: MAXIMUM_PIPELINE_FILES } : { paths };
}

function declares(document: string): boolean {
  return DECLARES.test(document) && !KUBERNETES.test(document);
}
