/** Finds the place in what helm and kustomize say about a file that they could not use. */
import { type Chart, inFolder } from './chart.ts';
import type { Problem } from './problem.ts';

/** `templates/a.yaml:3:14`, and `(templates/a.yaml:3)`. */
const HELM_PLACE = /([^\s():"<>]+\.(?:ya?ml|tpl|txt|json)):(\d+)(?::(\d+))?/;
const HELM_FILE = / (?:on|of|in) ([^\s():"<>]+\.(?:ya?ml|tpl|txt|json))/;
const KUSTOMIZE_PLACE = /yaml: line (\d+): .* in File: (\S+)$/;

/** A problem with helm's message, at the template that the message names where there is one; else at `fallback`. */
export function helmProblem(message: string, chart: Chart, fallback: string): Problem {
  const [, place, line, column] = HELM_PLACE.exec(message) ?? HELM_FILE.exec(message) ?? [];
  const file = place === undefined ? fallback : inFolder(place, chart);
  return { file, line: Number(line ?? 1), column: Number(column ?? 1), message };
}

/** A problem with kustomize's message, at the file that it names where only one of `paths` can be meant; else at `fallback`. */
export function kustomizeProblem(message: string, paths: readonly string[], fallback: string): Problem {
  const [, line, name] = KUSTOMIZE_PLACE.exec(message) ?? [];
  const meant = name === undefined ? [] : paths.filter((path) => path === name || path.endsWith(`/${name}`));
  const [file, ...others] = meant;
  if (file === undefined || others.length > 0) return { file: fallback, line: 1, column: 1, message };
  return { file, line: Number(line), column: 1, message };
}
