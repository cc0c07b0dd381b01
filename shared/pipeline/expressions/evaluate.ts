/** Checks the types of an expression, evaluates it, and rewrites what it refers to. */
import { Environment } from '@marcbachmann/cel-js';
import { RE2JS } from 're2js';
import type { Json } from '../../core/json.ts';
import { checkCost } from './cost.ts';
import { once } from './once.ts';
import { type Expression, ExpressionProblem, lowerFirst, type Reference } from './syntax.ts';
import { ANY, BOOLEAN, NUMBER, TEXT, type Type } from './types.ts';

/** Different references in one expression; each takes a variable of its type. */
const MAXIMUM_REFERENCES = 60;
const MAXIMUM_PATTERN = 500;
const MAXIMUM_RESULT_DEPTH = 20;

/** The sorts of variables that references become, by their CEL type. */
const SORTS = {
  text: 'string',
  number: 'double',
  boolean: 'bool',
  any: 'dyn',
  map: 'map<string, dyn>',
  list: 'list<dyn>',
  texts: 'list<string>',
  numbers: 'list<double>',
  booleans: 'list<bool>',
} as const;
type Sort = keyof typeof SORTS;

/** Made once: a variable for each reference that an expression may have, of each sort. */
const language = once((): Environment => {
  const made = new Environment({
    limits: { maxAstNodes: 10_000, maxDepth: 80 },
    homogeneousAggregateLiterals: false,
  });
  for (const [sort, type] of Object.entries(SORTS)) {
    for (let number = 0; number < MAXIMUM_REFERENCES; number++) made.registerVariable(`${sort}_${number}`, type);
  }
  // People write 1 and mean any number: CEL's own rule that integers and fractions never mix helps nobody here.
  const operators: { readonly [operator: string]: (left: number, right: number) => number } = {
    '+': (left, right) => left + right,
    '-': (left, right) => left - right,
    '*': (left, right) => left * right,
    '/': (left, right) => left / right,
    '%': (left, right) => left % right,
  };
  for (const [operator, compute] of Object.entries(operators)) {
    const mixed = (left: number | bigint, right: number | bigint) => compute(Number(left), Number(right));
    made.registerOperator(`int ${operator} double: double`, mixed);
    made.registerOperator(`double ${operator} int: double`, mixed);
  }
  // This makes `!=` and the other order too.
  made.registerOperator('int == double: bool', (left: bigint, right: number) => Number(left) === Number(right));
  made.registerOperator('double % double: double', (left: number, right: number) => left % right);
  made.registerFunction('string.matchesPattern(string): bool', matchesPattern);
  return made;
});

function matchesPattern(text: string, pattern: string): boolean {
  if (pattern.length > MAXIMUM_PATTERN) {
    throw new Error(`the pattern has ${pattern.length} characters; at most ${MAXIMUM_PATTERN} are allowed`);
  }
  return RE2JS.compile(pattern).matcher(text).find();
}

/** The expression with each reference replaced by a variable; positions lead back to the original. */
type Prepared = {
  readonly text: string;
  readonly variables: ReadonlyMap<string, Reference>;
  original(at: number): number;
};

function prepare(expression: Expression, typeOf: (reference: Reference) => Type): Prepared {
  const variables = new Map<string, Reference>();
  const names = new Map<string, string>();
  const edits = expression.references.map((reference): Edit => {
    const sort = reference.isTest ? 'boolean' : sortOf(typeOf(reference));
    const key = JSON.stringify([sort, reference.isTest, reference.root, reference.path]);
    const name = names.get(key) ?? `${sort}_${names.size}`;
    if (names.size > MAXIMUM_REFERENCES - 1 && !names.has(key)) {
      throw new ExpressionProblem(`refers to more than ${MAXIMUM_REFERENCES} things`, reference.start);
    }
    names.set(key, name);
    variables.set(name, reference);
    return { start: reference.start, end: reference.end, text: name };
  });
  for (const { start, end } of expression.patterns) edits.push({ start, end, text: 'matchesPattern' });
  const { text, original } = edited(expression.source, edits);
  return { text, variables, original };
}

type Edit = { readonly start: number; readonly end: number; readonly text: string };

function edited(source: string, edits: readonly Edit[]): { text: string; original(at: number): number } {
  const ordered = edits.toSorted((a, b) => a.start - b.start);
  const marks: { at: number; from: number }[] = [{ at: 0, from: 0 }];
  let text = '';
  let from = 0;
  for (const edit of ordered) {
    text += source.slice(from, edit.start);
    marks.push({ at: text.length, from: edit.start });
    text += edit.text;
    from = edit.end;
    marks.push({ at: text.length, from });
  }
  text += source.slice(from);
  return {
    text,
    original(at) {
      const mark = marks.findLast((candidate) => candidate.at <= at) ?? { at: 0, from: 0 };
      return Math.min(mark.from + (at - mark.at), source.length);
    },
  };
}

function sortOf(type: Type): Sort {
  switch (type.is) {
    case 'object':
    case 'map':
      return 'map';
    case 'list':
      if (type.of.is === 'text') return 'texts';
      if (type.of.is === 'number') return 'numbers';
      return type.of.is === 'boolean' ? 'booleans' : 'list';
    case 'null':
      return 'any';
    default:
      return type.is;
  }
}

/** The expression's type. Throws ExpressionProblem where its parts do not fit, or what `typeOf` throws. */
export function checkExpression(expression: Expression, typeOf: (reference: Reference) => Type): Type {
  const types = new Map(expression.references.map((reference) => [reference, typeOf(reference)]));
  if (expression.only !== undefined) return types.get(expression.only) ?? ANY;
  const prepared = prepare(expression, (reference) => types.get(reference) ?? ANY);
  const result = language().check(prepared.text);
  if (!result.valid || result.type === undefined) {
    const { error } = result;
    const at = prepared.original(error?.range?.start ?? 0);
    throw new ExpressionProblem(told(error?.summary ?? 'it has no type'), at, { cause: error });
  }
  return typeOfCel(result.type);
}

/** The library's sentence in the words of the pipeline language. */
function told(summary: string): string {
  const sentence = lowerFirst(summary)
    .replace(/^no such overload: (.*)$/u, 'these do not go together: $1')
    .replaceAll('dyn', 'anything')
    .replaceAll(/\b(?:double|int)\b/gu, 'number')
    .replaceAll(/\bstring\b/gu, 'text')
    .replaceAll(/\bbool\b/gu, 'true or false');
  return sentence;
}

function typeOfCel(type: string): Type {
  const element = /^list<(.*)>$/u.exec(type)?.[1];
  if (element !== undefined) return { is: 'list', of: typeOfCel(element) };
  if (type === 'list') return { is: 'list', of: ANY };
  if (type.startsWith('map')) return { is: 'map', of: ANY };
  switch (type) {
    case 'string':
      return TEXT;
    case 'int':
    case 'uint':
    case 'double':
      return NUMBER;
    case 'bool':
      return BOOLEAN;
    case 'null':
      return { is: 'null' };
    case 'dyn':
      return ANY;
    default:
      throw new ExpressionProblem(
        `gives a ${type.split('.').at(-1)?.toLowerCase()}; make text of it with string(…)`,
        0,
      );
  }
}

/**
 * The expression's value. `lookUp` gives what a reference stands for, undefined where there is nothing. Throws
 * ExpressionProblem, also where it would cost too much.
 */
export function evaluateExpression(expression: Expression, lookUp: (reference: Reference) => Json | undefined): Json {
  const values = new Map(expression.references.map((reference) => [reference, lookUp(reference)]));
  for (const [reference, value] of values) {
    if (value === undefined && !reference.isTest) {
      throw new ExpressionProblem(`${textOfReference(reference)} is not there`, reference.start);
    }
  }
  if (expression.only !== undefined) return values.get(expression.only) ?? null;
  checkCost(expression, (start, end) => {
    const reference = expression.references.find((one) => one.start === start && one.end === end);
    return reference === undefined || reference.isTest ? null : values.get(reference);
  });
  const prepared = prepare(expression, (reference) => typeOfValue(values.get(reference)));
  const variables = [...prepared.variables].map(([name, reference]): [string, Json] => {
    const value = values.get(reference);
    return [name, reference.isTest ? value !== undefined : (value ?? null)];
  });
  let result: unknown;
  try {
    result = language().evaluate(prepared.text, Object.fromEntries(variables));
  } catch (error) {
    const { summary, range } = error as { summary?: string; range?: { start: number } };
    const sentence = summary === undefined ? (error instanceof Error ? error.message : String(error)) : told(summary);
    throw new ExpressionProblem(sentence, prepared.original(range?.start ?? 0), { cause: error });
  }
  return plain(result, 0);
}

/** The type of a value as it is, with what is in it left open where it varies. */
function typeOfValue(value: Json | undefined): Type {
  if (typeof value === 'string') return TEXT;
  if (typeof value === 'number') return NUMBER;
  if (typeof value === 'boolean') return BOOLEAN;
  if (value === null || value === undefined) return { is: 'null' };
  if (!Array.isArray(value)) return { is: 'map', of: ANY };
  const sorts = new Set(value.map((item: Json) => typeOfValue(item).is));
  const [sort] = sorts;
  const isPlain = sorts.size === 1 && (sort === 'text' || sort === 'number' || sort === 'boolean');
  return { is: 'list', of: isPlain ? { is: sort } : ANY };
}

function plain(value: unknown, depth: number): Json {
  if (depth > MAXIMUM_RESULT_DEPTH) throw new ExpressionProblem('gives a value that is nested too deeply', 0);
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number' || typeof value === 'bigint') {
    const number = Number(value);
    if (!Number.isFinite(number)) throw new ExpressionProblem('gives no finite number', 0);
    return number;
  }
  if (Array.isArray(value)) return value.map((item) => plain(item, depth + 1));
  const entries = value instanceof Map ? [...value] : isPlainObject(value) ? Object.entries(value) : undefined;
  if (entries === undefined) throw new ExpressionProblem('gives a value that is no text, number, list or map', 0);
  const named = entries.map(([name, item]): [string, Json] => [String(name), plain(item, depth + 1)]);
  return Object.fromEntries(named);
}

function isPlainObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && [Object.prototype, null].includes(Object.getPrototypeOf(value));
}

/** The expression with each reference replaced by other CEL; `undefined` leaves it as it is. */
export function rewriteExpression(
  expression: Expression,
  replacement: (reference: Reference) => string | undefined,
): string {
  const edits = expression.references.flatMap((reference): Edit[] => {
    const text = replacement(reference);
    return text === undefined ? [] : [{ start: reference.start, end: reference.end, text }];
  });
  return edited(expression.source, edits).text.trim();
}

/** The reference as it could be written. */
export function textOfReference({ root, path }: Pick<Reference, 'root' | 'path'>): string {
  return root + path.map((name) => (/^[A-Za-z_]\w*$/u.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`)).join('');
}

/** A value as CEL writes it. */
export function celOf(value: Json): string {
  if (typeof value === 'string') return celText(value);
  if (typeof value === 'number') return value < 0 ? `(${numberText(value)})` : numberText(value);
  if (Array.isArray(value)) return `[${value.map((item: Json) => celOf(item)).join(', ')}]`;
  if (value === null || typeof value !== 'object') return String(value);
  return `{${Object.entries(value)
    .map(([name, item]) => `${celText(name)}: ${celOf(item ?? null)}`)
    .join(', ')}}`;
}

function numberText(value: number): string {
  const text = String(value);
  return /[.e]/u.test(text) ? text : `${text}.0`;
}

/** In ASCII, so that every position in the result is the same in bytes and characters. */
export function celText(text: string): string {
  return JSON.stringify(text).replaceAll(/[^\x20-\x7e]/gu, (character) => {
    const point = character.codePointAt(0) ?? 0;
    return point > 0xffff ? `\\U${point.toString(16).padStart(8, '0')}` : `\\u${point.toString(16).padStart(4, '0')}`;
  });
}
