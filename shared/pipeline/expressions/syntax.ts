/**
 * The syntax of one expression, which is CEL (https://github.com/google/cel-spec): its tree, and the references in it
 * to what a pipeline can reach. Nothing else can be named, so no expression reaches more than its roots.
 */
import { type ASTNode, Environment, ParseError } from '@marcbachmann/cel-js';
import { didYouMean } from '../nearest.ts';
import { once } from './once.ts';
import { inWords } from './words.ts';

export const ROOTS = ['inputs', 'trigger', 'images', 'pipeline', 'target', 'stages', 'execution'] as const;
/** What conditions over the content of an event can name, instead of the roots of a pipeline. */
export const EVENT_ROOTS = ['data', 'attributes', 'headers'] as const;
/** What expressions over an HTTP answer can name. */
export const ANSWER_ROOTS = ['status', 'body', 'headers'] as const;
export type Root = (typeof ROOTS)[number] | (typeof EVENT_ROOTS)[number] | (typeof ANSWER_ROOTS)[number];

const MAXIMUM_CHARACTERS = 4_000;
const MAXIMUM_NODES = 400;
/** What expressions grow to when those that they refer to are put in their place. */
export const MAXIMUM_RESOLVED_CHARACTERS = 64_000;
const MAXIMUM_RESOLVED_NODES = 8_000;
const MAXIMUM_SYNTAX_DEPTH = 60;

/** A name of something outside, from its root on: `stages.migrate.exitCode`. `start` is its place in the expression. */
export type Reference = {
  readonly root: Root;
  readonly path: readonly string[];
  readonly start: number;
  /** It stands in `has(…)`, so it need not be there; the place is that of the call. */
  readonly isTest: boolean;
};

export type Expression = {
  readonly source: string;
  readonly tree: ASTNode;
  readonly references: readonly Reference[];
  /** The nodes of the tree that are references. */
  readonly referenceOf: ReadonlyMap<ASTNode, Reference>;
  /** It is one reference and nothing else, so its value can be of any shape. */
  readonly only: Reference | undefined;
};

/** What is wrong with an expression, and where in it. */
export class ExpressionProblem extends Error {
  override readonly name = 'ExpressionProblem';
  readonly at: number;

  constructor(message: string, at: number, options?: { cause?: unknown }) {
    super(message, options);
    this.at = at;
  }
}

const FUNCTIONS = ['size', 'string', 'int', 'double', 'bool', 'has', 'timestamp', 'duration'] as const;
const METHODS = [
  ...['size', 'contains', 'startsWith', 'endsWith', 'matches', 'lowerAscii', 'upperAscii', 'trim', 'indexOf'],
  ...['lastIndexOf', 'substring', 'split', 'join', 'all', 'exists', 'exists_one', 'map', 'filter'],
  ...['getFullYear', 'getMonth', 'getDayOfMonth', 'getDate', 'getDayOfWeek', 'getDayOfYear', 'getHours', 'getMinutes'],
  ...['getSeconds', 'getMilliseconds'],
] as const;
/** Methods whose first argument is a name for each element. */
export const COMPREHENSIONS: ReadonlySet<string> = new Set(['all', 'exists', 'exists_one', 'map', 'filter']);

const limits = (maxAstNodes: number) => ({ maxAstNodes, maxDepth: MAXIMUM_SYNTAX_DEPTH });
const writtenSyntax = once(() => new Environment({ limits: limits(MAXIMUM_NODES) }));
const resolvedSyntax = once(() => new Environment({ limits: limits(MAXIMUM_RESOLVED_NODES) }));

/** Expressions that were read, newest last: a template's are met again in each pipeline, each target and each stage. */
const known = new Map<string, Expression>();
const MAXIMUM_KNOWN = 2_000;
/** Longer ones are hardly ever met twice. */
const MAXIMUM_KNOWN_CHARACTERS = 400;

/**
 * Reads an expression. `isResolved` is for those of a plan, which are longer than people may write them; `roots` is what
 * can be named. Throws ExpressionProblem.
 */
export function parseExpression(source: string, isResolved = false, roots: readonly Root[] = ROOTS): Expression {
  // Expressions over other roots are few, and would be taken for those of pipelines.
  if (roots !== ROOTS) return readExpression(source, isResolved, roots);
  const before = known.get(source);
  if (before !== undefined) return before;
  const expression = readExpression(source, isResolved, roots);
  if (source.length > MAXIMUM_KNOWN_CHARACTERS) return expression;
  const oldest = known.keys().next();
  if (known.size >= MAXIMUM_KNOWN && !oldest.done) known.delete(oldest.value);
  known.set(source, expression);
  return expression;
}

function readExpression(source: string, isResolved: boolean, roots: readonly Root[]): Expression {
  const maximum = isResolved ? MAXIMUM_RESOLVED_CHARACTERS : MAXIMUM_CHARACTERS;
  if (source.trim() === '') throw new ExpressionProblem('is empty', 0);
  if (source.length > maximum) {
    throw new ExpressionProblem(`has ${source.length} characters; an expression has at most ${maximum}`, 0);
  }
  let tree: ASTNode;
  try {
    tree = (isResolved ? resolvedSyntax : writtenSyntax)().parse(source).ast;
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    throw new ExpressionProblem(sentenceOf(error), error.range?.start ?? 0, { cause: error });
  }
  const found = new Finder(roots);
  found.visit(tree, new Set());
  const whole = found.referenceOf.get(tree);
  return {
    source,
    tree,
    references: [...found.referenceOf.values()],
    referenceOf: found.referenceOf,
    only: whole?.isTest === false ? whole : undefined,
  };
}

function sentenceOf({ code, summary }: ParseError): string {
  const what = code === 'limit_exceeded' ? 'is too large' : 'is not an expression';
  return `${what}: ${inWords(summary)}`;
}

class Finder {
  readonly referenceOf = new Map<ASTNode, Reference>();
  readonly #roots: readonly Root[];

  constructor(roots: readonly Root[]) {
    this.#roots = roots;
  }

  visit(node: ASTNode, bound: ReadonlySet<string>): void {
    const reference = referenceAt(node, bound, this.#roots);
    if (reference !== undefined) {
      this.referenceOf.set(node, { ...reference, start: node.start, isTest: false });
      return;
    }
    switch (node.op) {
      case 'value':
        checkLiteral(node, node.args);
        return;
      case 'id':
        this.#name(node.args, node, bound);
        return;
      case 'call':
        this.#call(node, node.args[0], node.args[1], bound);
        return;
      case 'rcall':
        this.#method(node, node.args[0], node.args[1], node.args[2], bound);
        return;
      case 'list':
        for (const item of node.args) this.visit(item, bound);
        return;
      case 'map':
        for (const [key, value] of node.args) {
          if (key.op === 'value' && key.args === '__proto__') {
            throw new ExpressionProblem('"__proto__" cannot be used as a name', key.start);
          }
          this.visit(key, bound);
          this.visit(value, bound);
        }
        return;
      case '.':
      case '.?':
        this.visit(node.args[0], bound);
        return;
      case '!_':
      case '-_':
        this.visit(node.args, bound);
        return;
      default:
        for (const part of node.args) this.visit(part, bound);
    }
  }

  #name(name: string, node: ASTNode, bound: ReadonlySet<string>): void {
    if (bound.has(name)) return;
    const known = [...this.#roots, ...bound];
    const hint = didYouMean(name, known) || `; what can be named is ${known.join(', ')}`;
    throw new ExpressionProblem(`"${name}": nothing is called so here${hint}`, node.start);
  }

  #call(node: ASTNode, name: string, given: readonly ASTNode[], bound: ReadonlySet<string>): void {
    if (!FUNCTIONS.some((known) => known === name)) {
      const isMethod = METHODS.some((known) => known === name);
      const hint = isMethod
        ? `; it stands behind a value: value.${name}(…)`
        : didYouMean(name, FUNCTIONS) || `; the functions are ${FUNCTIONS.join(', ')}`;
      throw new ExpressionProblem(`"${name}": no such function${hint}`, node.start);
    }
    const [tested] = given;
    const reference = name === 'has' && tested !== undefined ? referenceAt(tested, bound, this.#roots) : undefined;
    if (reference !== undefined) {
      this.referenceOf.set(node, { ...reference, start: node.start, isTest: true });
      return;
    }
    for (const part of given) this.visit(part, bound);
  }

  #method(node: ASTNode, name: string, receiver: ASTNode, given: readonly ASTNode[], bound: ReadonlySet<string>): void {
    if (!METHODS.some((known) => known === name)) {
      const hint = didYouMean(name, METHODS) || `; there are ${METHODS.join(', ')}`;
      throw new ExpressionProblem(`"${name}": no value has a method of this name${hint}`, node.start);
    }
    this.visit(receiver, bound);
    const [element, ...rest] = given;
    if (COMPREHENSIONS.has(name) && element?.op === 'id') {
      const isRoot = this.#roots.some((root) => root === element.args);
      if (isRoot)
        throw new ExpressionProblem(`"${element.args}" has a meaning already; take another name`, element.start);
      for (const part of rest) this.visit(part, new Set([...bound, element.args]));
      return;
    }
    for (const part of given) this.visit(part, bound);
  }
}

/** Text, numbers, true, false and null are what JSON has too; numbers beyond 2^53 would not be kept exactly. */
function checkLiteral(node: ASTNode, value: unknown): void {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return;
  if (typeof value === 'number') return;
  if (typeof value !== 'bigint') {
    throw new ExpressionProblem('only text and numbers can be written; leave out the "u" or "b"', node.start);
  }
  if (value > Number.MAX_SAFE_INTEGER || value < Number.MIN_SAFE_INTEGER) {
    throw new ExpressionProblem(`the number ${value} is too large to be kept exactly`, node.start);
  }
}

/** The node as a chain of names from a root; undefined where it is something else. */
function referenceAt(
  node: ASTNode,
  bound: ReadonlySet<string>,
  roots: readonly Root[],
): { root: Root; path: readonly string[] } | undefined {
  if (node.op === 'id') {
    const root = roots.find((known) => known === node.args);
    return root === undefined || bound.has(root) ? undefined : { root, path: [] };
  }
  if (node.op !== '.' && node.op !== '[]') return undefined;
  const inner = referenceAt(node.args[0], bound, roots);
  if (inner === undefined) return undefined;
  const name = node.op === '.' ? node.args[1] : node.args[1].op === 'value' ? node.args[1].args : undefined;
  return typeof name === 'string' ? { root: inner.root, path: [...inner.path, name] } : undefined;
}
