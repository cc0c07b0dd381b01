/** Checks the types of an expression, evaluates it, and rewrites what it refers to. */
import { type ASTNode, Environment } from '@marcbachmann/cel-js';
import { RE2JS } from 're2js';
import type { Json } from '../../core/json.ts';
import { type Budget, checkCost, MAXIMUM_REPETITION, newBudget } from './cost.ts';
import { once } from './once.ts';
import { type Expression, ExpressionProblem, type Reference } from './syntax.ts';
import { ANY, BOOLEAN, NUMBER, TEXT, type Type } from './types.ts';
import { inWords } from './words.ts';
import { celOf, celText, numberText, type Replace, type Written, writeTree } from './write.ts';

/** Different references in one expression; each takes a variable of its type. */
const MAXIMUM_REFERENCES = 60;
const MAXIMUM_PATTERN = 500;
const MAXIMUM_PATTERNS = 500;
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

/**
 * Made once: a variable for each reference that an expression may have, of each sort. Every number is a fraction, and
 * where CEL wants a whole one it is converted: its rule that the two never mix helps nobody here.
 */
const language = once((): Environment => {
  const made = new Environment({
    limits: { maxAstNodes: 20_000, maxDepth: 120 },
    homogeneousAggregateLiterals: false,
  });
  for (const [sort, type] of Object.entries(SORTS)) {
    for (let number = 0; number < MAXIMUM_REFERENCES; number++) made.registerVariable(`${sort}_${number}`, type);
  }
  made.registerOperator('double % double: double', (left: number, right: number) => left % right);
  made.registerFunction('string.matchesPattern(string): bool', matchesPattern);
  made.registerFunction('wholeNumber(double): int', wholeNumber);
  made.registerFunction('placeOf(double): int', wholeNumber);
  made.registerFunction('placeOf(string): string', (name: string) => name);
  made.registerFunction('string(google.protobuf.Timestamp): string', (time: Date) => time.toISOString());
  return made;
});

function wholeNumber(value: number): bigint {
  if (!Number.isSafeInteger(value)) throw new Error(`a whole number is wanted here, not ${value}`);
  return BigInt(value);
}

const patterns = new Map<string, RE2JS>();

/** Each pattern is compiled once: with large counts that takes longer than to match it. */
function matchesPattern(text: string, pattern: string): boolean {
  const known = patterns.get(pattern);
  if (known !== undefined) return known.matcher(text).find();
  if (pattern.length > MAXIMUM_PATTERN) {
    throw new Error(`the pattern has ${pattern.length} characters; at most ${MAXIMUM_PATTERN} are allowed`);
  }
  const counts = [...pattern.matchAll(/\{(\d+)(?:,(\d*))?\}/gu)].flatMap(([, least, most]) => [least, most]);
  if (counts.some((count) => Number(count ?? 0) > MAXIMUM_REPETITION)) {
    throw new Error(`the pattern repeats something more than ${MAXIMUM_REPETITION} times`);
  }
  const compiledPattern = RE2JS.compile(pattern);
  if (patterns.size >= MAXIMUM_PATTERNS) patterns.clear();
  patterns.set(pattern, compiledPattern);
  return compiledPattern.matcher(text).find();
}

/** The expression as the library can run it. */
type Prepared = Written & { readonly variables: ReadonlyMap<string, Reference> };

function prepare(expression: Expression, sortFor: (reference: Reference) => Sort): Prepared {
  const variables = new Map<string, Reference>();
  const names = new Map<string, string>();
  const variableOf = (reference: Reference): string => {
    const sort = reference.isTest ? 'boolean' : sortFor(reference);
    const key = JSON.stringify([sort, reference.isTest, reference.root, reference.path]);
    const name = names.get(key) ?? `${sort}_${names.size}`;
    if (names.size > MAXIMUM_REFERENCES - 1 && !names.has(key)) {
      throw new ExpressionProblem(`refers to more than ${MAXIMUM_REFERENCES} things`, reference.start);
    }
    names.set(key, name);
    variables.set(name, reference);
    return name;
  };
  const written = writeTree(expression.tree, (node, write, put) => {
    const reference = expression.referenceOf.get(node);
    if (reference !== undefined) {
      put(variableOf(reference));
      return true;
    }
    return convertNumbers(node, write, put);
  });
  return { ...written, variables };
}

/** What gives whole numbers. */
const GIVES_WHOLE: ReadonlySet<string> = new Set([
  ...['size', 'int', 'indexOf', 'lastIndexOf', 'getFullYear', 'getMonth', 'getDayOfMonth', 'getDate', 'getDayOfWeek'],
  ...['getDayOfYear', 'getHours', 'getMinutes', 'getSeconds', 'getMilliseconds'],
]);
/** Methods that take whole numbers, from which argument on. */
const TAKES_WHOLE: { readonly [method: string]: number } = { substring: 0, indexOf: 1, lastIndexOf: 1, split: 1 };

const convertNumbers: Replace = (node, write, put) => {
  const list = (parts: readonly ASTNode[], wholeFrom = parts.length): void => {
    for (const [index, part] of parts.entries()) {
      if (index > 0) put(', ');
      if (index >= wholeFrom) put('wholeNumber(');
      write(part);
      if (index >= wholeFrom) put(')');
    }
  };
  const call = (name: string, given: () => void): true => {
    if (GIVES_WHOLE.has(name)) put('double(');
    given();
    put(GIVES_WHOLE.has(name) ? '))' : ')');
    return true;
  };
  switch (node.op) {
    case 'value':
      if (typeof node.args !== 'bigint') return false;
      put(numberText(Number(node.args)));
      return true;
    case '[]': {
      const [list_, index] = node.args;
      writeAsOne(list_, write, put);
      put('[');
      if (index.op === 'value') put(typeof index.args === 'bigint' ? String(index.args) : celOf(index.args as Json));
      else {
        put('placeOf(');
        write(index);
        put(')');
      }
      put(']');
      return true;
    }
    case 'call': {
      const [name, given] = node.args;
      return call(name, () => {
        put(`${name}(`);
        list(given);
      });
    }
    case 'rcall': {
      const [name, on, given] = node.args;
      return call(name, () => {
        writeAsOne(on, write, put);
        put(`.${name === 'matches' ? 'matchesPattern' : name}(`);
        list(given, TAKES_WHOLE[name]);
      });
    }
    default:
      return false;
  }
};

function writeAsOne(node: ASTNode, write: (part: ASTNode) => void, put: (text: string) => void): void {
  put('(');
  write(node);
  put(')');
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
  const prepared = prepare(expression, (reference) => sortOf(types.get(reference) ?? ANY));
  const result = language().check(prepared.text);
  if (!result.valid || result.type === undefined) {
    const { error } = result;
    const at = prepared.original(error?.range?.start ?? 0);
    throw new ExpressionProblem(inWords(error?.summary ?? 'it has no type'), at, { cause: error });
  }
  return typeOfCel(result.type);
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
        type.endsWith('Timestamp')
          ? 'gives a time; make text of it with string(…)'
          : 'gives a span of time; take a number of it, as with getMinutes()',
        0,
      );
  }
}

type Compiled = Prepared & { readonly evaluate: (variables: { readonly [name: string]: Json }) => unknown };
const compiled = new WeakMap<Expression, Compiled>();

function compiledOf(expression: Expression): Compiled {
  const before = compiled.get(expression);
  if (before !== undefined) return before;
  // What the values are decides when it runs: the types were checked when the expression was written.
  const prepared = prepare(expression, () => 'any');
  const made = { ...prepared, evaluate: language().parse(prepared.text) };
  compiled.set(expression, made);
  return made;
}

/**
 * The expression's value. `lookUp` gives what a reference stands for, undefined where there is nothing. Throws
 * ExpressionProblem, also where it would cost too much.
 */
export function evaluateExpression(
  expression: Expression,
  lookUp: (reference: Reference) => Json | undefined,
  budget: Budget = newBudget(),
): Json {
  const values = new Map(expression.references.map((reference) => [reference, lookUp(reference)]));
  for (const [reference, value] of values) {
    if (value === undefined && !reference.isTest) {
      throw new ExpressionProblem(`${textOfReference(reference)} is not there`, reference.start);
    }
  }
  if (expression.only !== undefined) return values.get(expression.only) ?? null;
  checkCost(expression, (reference) => values.get(reference), budget);
  const prepared = compiledOf(expression);
  const variables = [...prepared.variables].map(([name, reference]): [string, Json] => {
    const value = values.get(reference);
    return [name, reference.isTest ? value !== undefined : (value ?? null)];
  });
  let result: unknown;
  try {
    result = prepared.evaluate(Object.fromEntries(variables));
  } catch (error) {
    const { summary, range } = error as { summary?: string; range?: { start: number } };
    const sentence = inWords(summary ?? (error instanceof Error ? error.message : String(error)));
    throw new ExpressionProblem(sentence, prepared.original(range?.start ?? 0), { cause: error });
  }
  return plain(result, 0);
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
  return writeTree(expression.tree, (node, _write, put) => {
    const reference = expression.referenceOf.get(node);
    const text = reference === undefined ? undefined : replacement(reference);
    if (text !== undefined) put(text);
    return text !== undefined;
  }).text;
}

/** The reference as it could be written. */
export function textOfReference({ root, path }: Pick<Reference, 'root' | 'path'>): string {
  return root + indexes(path);
}

/** The names of a path as CEL writes them behind a value. */
export function indexes(path: readonly string[]): string {
  return path.map((name) => (/^[A-Za-z_]\w*$/u.test(name) ? `.${name}` : `[${celText(name)}]`)).join('');
}
