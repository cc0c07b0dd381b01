/**
 * YAML text to plain values that keep their places, with a bound on everything, because the text comes from strangers:
 * aliases are expanded on a budget, duplicate keys and keys that would reach a prototype are refused.
 */
import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseAllDocuments,
  type Scalar,
} from 'yaml';
import { formatPath, type Path, type Problem, shortened } from './problem.ts';
import { countDocuments, type Position, placeInText, tooMuchToParse } from './yaml-text.ts';

export const MAXIMUM_DEPTH = 40;
export const MAXIMUM_DOCUMENTS = 200;
const MAXIMUM_SYNTAX_PROBLEMS = 20;
const TOO_MANY_SIGNS = 'the document has more quotes, anchors, aliases and tags than are read';
const TOO_DEEP = `the document is nested too deeply; at most ${MAXIMUM_DEPTH} levels are read`;

export type YamlLimits = { readonly maximumBytes: number; readonly maximumValues: number };

/** One document of a file: its value, and where each part of it stands. */
export type YamlDocument = {
  readonly value: unknown;
  readonly start: Position;
  /** Where the value at the path stands, or the nearest one around it. */
  valueAt(path: Path): Position;
  /** Where the key that the path ends in stands, or the nearest value around it. */
  keyAt(path: Path): Position;
  /** The text of the scalar at the path as it was written; undefined where there is none. */
  sourceAt(path: Path): string | undefined;
  /** Where the character at `offset` of the text at the path stands, or where the text begins. */
  inTextAt(path: Path, offset: number): Position;
};

export type YamlFile = { readonly documents: readonly YamlDocument[]; readonly problems: readonly Problem[] };

/**
 * Reads every document of the text; empty documents are left out. `dialect: 'kubernetes'` reads scalars as kubectl
 * does, by YAML 1.1 (`0644` is octal, `yes` is true, `<<` merges); `'pipeline'` by YAML 1.2.
 */
export function readYaml(command: {
  file: string;
  text: string;
  dialect: 'pipeline' | 'kubernetes';
  limits: YamlLimits;
}): YamlFile {
  const { file, text, dialect, limits } = command;
  const bytes = Buffer.byteLength(text);
  if (bytes > limits.maximumBytes) {
    const message = `the file has ${bytes} bytes; at most ${limits.maximumBytes} are read`;
    return { documents: [], problems: [{ file, line: 1, column: 1, message }] };
  }
  const tooMuch = tooMuchToParse(text);
  if (tooMuch !== undefined) {
    const { line, column, because } = tooMuch;
    return {
      documents: [],
      problems: [{ file, line, column, message: because === 'depth' ? TOO_DEEP : TOO_MANY_SIGNS }],
    };
  }
  const expected = countDocuments(text);
  if (expected > MAXIMUM_DOCUMENTS) {
    const message = `the file has ${expected} documents; at most ${MAXIMUM_DOCUMENTS} are read`;
    return { documents: [], problems: [{ file, line: 1, column: 1, message }] };
  }
  const lines = new LineCounter();
  // Duplicate keys are looked for below: the library's own check is quadratic in the number of keys.
  const shared = { lineCounter: lines, prettyErrors: false, uniqueKeys: false, logLevel: 'silent' } as const;
  const parsed = parseAllDocuments(
    text,
    dialect === 'pipeline'
      ? { ...shared, version: '1.2', schema: 'core' }
      : { ...shared, version: '1.1', schema: 'yaml-1.1', customTags: withoutTimes },
  );
  const documents = Array.isArray(parsed) ? parsed : [];
  const place = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const problems: Problem[] = [];
  const read: YamlDocument[] = [];
  for (const document of documents) {
    const syntax = syntaxProblems(document, { file, text, place });
    problems.push(...syntax);
    if (syntax.length > 0 || document.contents === null) continue;
    const reader = new Reader({ document, text, file, place, limits, merge: dialect === 'kubernetes' });
    const result = reader.read();
    problems.push(...reader.problems);
    if (result !== undefined && result.value !== null) read.push(result);
  }
  return { documents: read, problems };
}

/** kubectl leaves dates and base-60 numbers as the text that they are. */
function withoutTimes<T>(tags: T[]): T[] {
  return tags.filter((tag) => {
    if (typeof tag !== 'object' || tag === null) return true;
    const isTimestamp = 'tag' in tag && tag.tag === 'tag:yaml.org,2002:timestamp';
    return !isTimestamp && !('format' in tag && tag.format === 'TIME');
  });
}

const EXPRESSION = '${{';
const QUOTE_EXPRESSIONS = `; put text with \${{ }} in quotes`;

function textOfLine(text: string, offset: number): string {
  const end = text.indexOf('\n', offset);
  return text.slice(text.lastIndexOf('\n', offset - 1) + 1, end < 0 ? text.length : end);
}

function syntaxProblems(
  document: Document,
  { file, text, place }: { file: string; text: string; place: (offset: number) => Position },
): Problem[] {
  const exhausted = document.errors.find((error) => error.code === 'RESOURCE_EXHAUSTION');
  if (exhausted !== undefined) {
    return [{ file, ...place(exhausted.pos[0]), message: TOO_DEEP }];
  }
  const lines = new Set<number>();
  return document.errors.flatMap((error): Problem[] => {
    const at = place(error.pos[0]);
    // What follows in the same line only follows from the first.
    if (lines.has(at.line) || lines.size >= MAXIMUM_SYNTAX_PROBLEMS) return [];
    lines.add(at.line);
    const written = textOfLine(text, error.pos[0]);
    const hint = written.includes(EXPRESSION) ? QUOTE_EXPRESSIONS : '';
    const sentence = `${error.message.charAt(0).toLowerCase()}${error.message.slice(1)}`;
    return [{ file, ...at, message: `is not YAML: ${sentence}${hint}` }];
  });
}

type Place = {
  readonly key: Position;
  readonly value: Position;
  readonly scalar?: Scalar;
};

/** Turns one document's nodes into a plain value, noting where each part stands. */
class Reader {
  readonly problems: Problem[] = [];
  readonly #document: Document;
  readonly #text: string;
  readonly #file: string;
  readonly #place: (offset: number) => Position;
  readonly #limits: YamlLimits;
  readonly #merge: boolean;
  readonly #places = new Map<string, Place>();
  readonly #anchors = new Map<string, unknown>();
  #values = 0;
  #expanding = 0;
  #stopped = false;

  constructor(command: {
    document: Document;
    text: string;
    file: string;
    place: (offset: number) => Position;
    limits: YamlLimits;
    merge: boolean;
  }) {
    this.#document = command.document;
    this.#text = command.text;
    this.#file = command.file;
    this.#place = command.place;
    this.#limits = command.limits;
    this.#merge = command.merge;
  }

  read(): YamlDocument | undefined {
    const root = this.#document.contents;
    const start = this.#placeOf(root) ?? { line: 1, column: 1 };
    const value = this.#plain(root, [], start);
    if (this.#stopped) return undefined;
    const places = this.#places;
    const place = this.#place;
    const text = this.#text;
    const find = (path: Path): { place: Place; exact: boolean } | undefined => {
      for (let length = path.length; length >= 0; length -= 1) {
        const place = places.get(pathKey(path.slice(0, length)));
        if (place !== undefined) return { place, exact: length === path.length };
      }
      return undefined;
    };
    return {
      value,
      start,
      valueAt: (path) => find(path)?.place.value ?? start,
      keyAt: (path) => find(path)?.place.key ?? start,
      sourceAt: (path) => sourceOf(places.get(pathKey(path))?.scalar),
      inTextAt(path, offset) {
        const { value: at, scalar } = places.get(pathKey(path)) ?? {};
        if (at === undefined) return start;
        const [from, to] = scalar?.range ?? [];
        if (scalar?.type === undefined || from === undefined || to === undefined) return at;
        const written = placeInText(text.slice(from, to), scalar.type, offset);
        return written === undefined ? at : place(from + written);
      },
    };
  }

  #plain(node: unknown, path: Path, key: Position): unknown {
    if (this.#stopped) return undefined;
    this.#values += 1;
    const at = this.#placeOf(node) ?? key;
    if (this.#values > this.#limits.maximumValues) {
      return this.#stop(at, `the document has more than ${this.#limits.maximumValues} values, aliases expanded`);
    }
    if (path.length > MAXIMUM_DEPTH) {
      return this.#stop(at, TOO_DEEP);
    }
    if (isAlias(node)) {
      this.#expanding += 1;
      const value = this.#plain(this.#resolve(node, at), path, key);
      this.#expanding -= 1;
      return value;
    }
    this.#remember(node);
    this.#places.set(pathKey(path), { key, value: at, ...(isScalar(node) ? { scalar: node } : {}) });
    if (isScalar(node)) return this.#scalar(node, path, at);
    if (isSeq(node)) {
      return node.items.map((item, index) => this.#plain(item, [...path, index], this.#placeOf(item) ?? at));
    }
    if (isMap(node)) return this.#map(node, path, at);
    return null;
  }

  #scalar(node: Scalar, path: Path, at: Position): unknown {
    const { value } = node;
    if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    this.#problem(at, path, 'is a kind of value that JSON does not have; write it in quotes');
    return null;
  }

  #map(node: { items: { key: unknown; value: unknown }[] }, path: Path, at: Position): unknown {
    const result: { [key: string]: unknown } = {};
    const merged: { [key: string]: unknown }[] = [];
    for (const pair of node.items) {
      const keyAt = this.#placeOf(pair.key) ?? at;
      const key = this.#keyOf(pair.key, path, keyAt);
      if (key === undefined) continue;
      if (this.#merge && key === '<<' && isPlainKey(pair.key)) {
        const value = this.#plain(pair.value, [...path, key], keyAt);
        for (const part of Array.isArray(value) ? value : [value]) {
          if (isRecord(part)) merged.push(part);
          else this.#problem(keyAt, path, '"<<" can only merge maps');
        }
        continue;
      }
      if (Object.hasOwn(result, key)) this.#problem(keyAt, [...path, key], 'is given twice');
      else result[key] = this.#plain(pair.value, [...path, key], keyAt);
    }
    for (const part of merged) {
      for (const [key, value] of Object.entries(part)) if (!Object.hasOwn(result, key)) result[key] = value;
    }
    return result;
  }

  #keyOf(node: unknown, path: Path, at: Position): string | undefined {
    const resolved = isAlias(node) ? this.#resolve(node, at) : node;
    this.#remember(resolved);
    if (!isScalar(resolved) || resolved.value === null || typeof resolved.value === 'object') {
      this.#problem(at, path, 'has a key that is not text');
      return undefined;
    }
    const key = typeof resolved.value === 'string' ? resolved.value : (resolved.source ?? String(resolved.value));
    if (key === '__proto__') {
      this.#problem(at, [...path, key], 'cannot be used as a name');
      return undefined;
    }
    return key;
  }

  /** An alias means the last anchor of its name before it, so anchors are kept in the order of the text. */
  #remember(node: unknown): void {
    if (this.#expanding > 0) return;
    if ((isScalar(node) || isMap(node) || isSeq(node)) && node.anchor !== undefined)
      this.#anchors.set(node.anchor, node);
  }

  #resolve(alias: Alias, at: Position): unknown {
    const target = this.#anchors.get(alias.source);
    if (target === undefined) this.#stop(at, `no anchor "${alias.source}" stands before this alias`);
    return target;
  }

  #placeOf(node: unknown): Position | undefined {
    if (!isScalar(node) && !isMap(node) && !isSeq(node) && !isAlias(node)) return undefined;
    return node.range === undefined || node.range === null ? undefined : this.#place(node.range[0]);
  }

  #problem(at: Position, path: Path, sentence: string): void {
    const where = formatPath(path);
    const message = shortened(where === '' ? sentence : `${where}  ${sentence}`);
    this.problems.push({ file: this.#file, ...at, message });
  }

  #stop(at: Position, sentence: string): undefined {
    this.#stopped = true;
    this.#problem(at, [], sentence);
    return undefined;
  }
}

function sourceOf(node: Scalar | undefined): string | undefined {
  return typeof node?.source === 'string' ? node.source : undefined;
}

function isPlainKey(node: unknown): boolean {
  return isScalar(node) && node.type === 'PLAIN';
}

function pathKey(path: Path): string {
  return JSON.stringify(path);
}

/** Whether the value is a map: an object that is not a list. */
export function isRecord(value: unknown): value is { [key: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
