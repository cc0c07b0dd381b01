/** Chooses the files that a pipeline's patterns name. */
import { readPathGlob } from './glob.ts';
import type { Problem } from './problem.ts';

const MAXIMUM_MANIFEST_FILES = 500;
const MAXIMUM_TOLD_CHARACTERS = 200;

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
    const glob = readPathGlob(pattern.replace(/^\.\//, ''));
    if ('problem' in glob) {
      place(`"${shortened(pattern)}" ${glob.problem}`);
      continue;
    }
    const found = paths.filter((path) => glob.matches(path));
    for (const path of found) selected.add(path);
    if (found.length === 0) place(`"${pattern}" names no file`);
  }
  if (selected.size > MAXIMUM_MANIFEST_FILES) {
    const message = `manifests.files  names ${selected.size} files; at most ${MAXIMUM_MANIFEST_FILES} are read`;
    problems.push({ file: pipelineFile, line: 1, column: 1, message });
  }
  return problems.length === 0 ? { paths: [...selected] } : { problems };
}

function shortened(pattern: string): string {
  return pattern.length <= MAXIMUM_TOLD_CHARACTERS ? pattern : `${pattern.slice(0, MAXIMUM_TOLD_CHARACTERS)}…`;
}
