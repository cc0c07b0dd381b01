/** Finds the files that a pipeline's manifests are made of, wherever its folder lies, so that these and no others are uploaded. */
import { posix } from 'node:path';
import { MAXIMUM_BLOB_BYTES } from '../ports/blobs.ts';
import type { FileTexts } from '../ports/renderer.ts';
import type { StageKind } from '../stages/kind.ts';
import { hasExpression, partsOf } from './expressions/text.ts';
import { fileText } from './file-text.ts';
import { readPathGlob } from './glob.ts';
import { joined, KUSTOMIZATION_NAMES, normalPath, readKustomization } from './kustomization.ts';
import type { Problem } from './problem.ts';
import { isRecord } from './yaml-file.ts';

const MAXIMUM_FILES = 500;

/** A pipeline file's folder. Paths are relative to it, with "/" between the parts. */
export interface FileTree {
  /** The paths of all files below the folder ("." is the whole), or of none where there is no such folder. */
  list(folder: string): AsyncIterable<string>;
  /** Undefined where there is no such file, or a folder. Throws for one that lies outside by way of a link. */
  read(path: string): Promise<Uint8Array | undefined>;
}

type Collected = { readonly files: FileTexts } | { readonly problems: readonly Problem[] };

/**
 * What the pipeline says about where manifests come from: its `manifests:`, and the parameters of each stage, however
 * deep it stands, whose kind renders files later.
 */
export function manifestSourcesOf(definition: unknown, kinds: ReadonlyMap<string, StageKind>): unknown[] {
  const sources: unknown[] = isRecord(definition) ? [definition.manifests] : [];
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) for (const item of value) visit(item);
    if (!isRecord(value)) return;
    const kind = typeof value.uses === 'string' ? kinds.get(value.uses) : undefined;
    if (kind?.rendersFiles === true) sources.push(value.with);
    for (const inner of Object.values(value)) visit(inner);
  };
  visit(definition);
  return sources;
}

/**
 * The files that `sources` name: values of `manifests:`, which may still hold expressions, for which everything below
 * the part of the path before the first of them is taken. `pipelineFile` is for messages.
 */
export async function collectManifestFiles(command: {
  tree: FileTree;
  sources: readonly unknown[];
  pipelineFile: string;
}): Promise<Collected> {
  const collector = new Collector(command.tree, command.pipelineFile);
  for (const source of command.sources) if (isRecord(source)) await collector.add(source);
  const { files, problems } = collector;
  return problems.length === 0 ? { files: Object.fromEntries([...files].sort(byPath)) } : { problems };
}

class Collector {
  readonly files = new Map<string, string>();
  readonly problems: Problem[] = [];
  readonly #tree: FileTree;
  readonly #pipelineFile: string;
  #bytes = 0;

  constructor(tree: FileTree, pipelineFile: string) {
    this.#tree = tree;
    this.#pipelineFile = pipelineFile;
  }

  async add(source: { readonly [key: string]: unknown }): Promise<void> {
    for (const pattern of textsOf(source.files)) await this.#addPattern(pattern, 'manifests.files');
    for (const folder of textsOf(source.kustomize)) await this.#addKustomization(folder);
    if (!isRecord(source.helm)) return;
    for (const chart of textsOf(source.helm.chart)) await this.#addFolder(chart, 'manifests.helm.chart');
    for (const values of textsOf(source.helm.values)) await this.#addPattern(values, 'manifests.helm.values');
  }

  async #addPattern(pattern: string, where: string): Promise<void> {
    const globbed = withoutExpressions(pattern);
    const normal = this.#inside(globbed, where);
    if (normal === undefined) return;
    const glob = readPathGlob(normal);
    if ('problem' in glob) {
      this.#problem(where, `names a pattern that ${glob.problem}`);
      return;
    }
    if (!glob.isGlob) {
      if (!(await this.#take(normal))) this.#problem(where, `names "${pattern}", and there is no such file`);
      return;
    }
    let found = 0;
    for await (const path of this.#tree.list(normalPath(glob.base))) {
      if (this.#isFull()) break;
      if (!glob.matches(path)) continue;
      found += 1;
      await this.#take(path);
    }
    // Which of them an expression means is seen only when it is known.
    if (found === 0 && !hasExpression(pattern)) this.#problem(where, `names "${pattern}", and no file matches it`);
  }

  async #addFolder(folder: string, where: string): Promise<void> {
    const normal = this.#inside(beforeExpressions(folder), where);
    if (normal === undefined) return;
    let found = 0;
    for await (const path of this.#tree.list(normal)) {
      found += 1;
      if (!(await this.#take(path)))
        this.#problem(where, `has "${path}", which is a link to a folder, and is not followed`);
      if (this.#isFull()) break;
    }
    if (found === 0) this.#problem(where, `names the folder "${folder}", and there is none, or it is empty`);
  }

  /** The kustomization in the folder, and everything that it and those that it builds on refer to. */
  async #addKustomization(folder: string): Promise<void> {
    const normal = this.#inside(beforeExpressions(folder), 'manifests.kustomize');
    if (normal === undefined) return;
    const waiting: string[] = [];
    if (hasExpression(folder)) {
      for await (const path of this.#tree.list(normal)) if (isKustomization(path)) waiting.push(path);
    } else {
      waiting.push(normal);
    }
    const seen = new Set<string>();
    for (let next = waiting.shift(); next !== undefined && !this.#isFull(); next = waiting.shift()) {
      if (seen.has(next)) continue;
      seen.add(next);
      const text = await this.#takeText(next);
      if (text !== undefined && isKustomization(next)) {
        waiting.push(...readKustomization({ file: next, text }).references.map(({ path }) => path));
      } else if (text === undefined && !isKustomization(next)) {
        // A folder. What is missing altogether is told, with its place, when the whole is checked.
        for (const name of KUSTOMIZATION_NAMES) waiting.push(joined(next, name));
      }
    }
  }

  async #take(path: string): Promise<boolean> {
    return (await this.#takeText(path)) !== undefined;
  }

  async #takeText(path: string): Promise<string | undefined> {
    const before = this.files.get(path);
    if (before !== undefined) return before;
    const bytes = await this.#tree.read(path);
    if (bytes === undefined) return undefined;
    const text = fileText(bytes);
    this.files.set(path, text);
    this.#bytes += Buffer.byteLength(text);
    if (this.files.size > MAXIMUM_FILES) {
      this.#problem('manifests', `come from more than ${MAXIMUM_FILES} files; at most that many are taken`);
    } else if (this.#bytes > MAXIMUM_BLOB_BYTES) {
      this.#problem('manifests', `come from files of more than ${MAXIMUM_BLOB_BYTES} bytes in all`);
    }
    return text;
  }

  #isFull(): boolean {
    return this.files.size > MAXIMUM_FILES || this.#bytes > MAXIMUM_BLOB_BYTES;
  }

  #inside(path: string, where: string): string | undefined {
    const normal = normalPath(path.replaceAll('\\', '/'));
    if (!posix.isAbsolute(normal) && normal !== '..' && !normal.startsWith('../')) return normal;
    const way = 'Only files beside or below the pipeline file are taken';
    this.#problem(where, `names "${path}", which lies outside the pipeline's folder. ${way}`);
    return undefined;
  }

  #problem(where: string, sentence: string): void {
    this.problems.push({ file: this.#pipelineFile, line: 1, column: 1, message: `${where}  ${sentence}` });
  }
}

function isKustomization(path: string): boolean {
  return KUSTOMIZATION_NAMES.some((name) => path === name || path.endsWith(`/${name}`));
}

function textsOf(value: unknown): string[] {
  return (Array.isArray(value) ? value : [value]).filter((entry) => typeof entry === 'string');
}

/** A pattern of all that the expressions in it may stand for: one that is a whole part of the path may be several. */
function withoutExpressions(path: string): string {
  const split = partsOf(path);
  if ('unclosed' in split) return path;
  return split.parts.reduce((before, part, index) => {
    if (part.is === 'text') return before + part.text;
    const next = split.parts[index + 1];
    const isWhole = /(^|\/)$/.test(before) && (next === undefined || (next.is === 'text' && next.text.startsWith('/')));
    return before + (isWhole ? '**/*' : '*');
  }, '');
}

/** The folder that lies before the first expression. */
function beforeExpressions(path: string): string {
  const split = partsOf(path);
  if ('unclosed' in split || split.parts.every((part) => part.is === 'text')) return path;
  const [first] = split.parts;
  return first?.is === 'text' ? posix.dirname(`${first.text}x`) : '.';
}

function byPath([a]: [string, string], [b]: [string, string]): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
