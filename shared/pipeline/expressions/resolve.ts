/**
 * Resolves the expressions in a value as far as is known now. What rests on the outputs of stages or on the execution
 * stays as text: one whole expression, with everything known put in as literals, so that it needs no other scope.
 */
import type { Json } from '../../core/json.ts';
import type { Path } from '../problem.ts';
import { type Budget, newBudget } from './cost.ts';
import { evaluateExpression, rewriteExpression, textOfReference } from './evaluate.ts';
import {
  type Expression,
  ExpressionProblem,
  MAXIMUM_RESOLVED_CHARACTERS,
  parseExpression,
  type Reference,
} from './syntax.ts';
import { hasExpression, partsOf, shownSource } from './text.ts';
import { bracketed, celOf, celText } from './write.ts';

/** What a reference stands for. */
export type Meaning =
  | { readonly is: 'known'; readonly value: Json }
  /** Known only while the execution runs: CEL over `stages` and `execution`. */
  | { readonly is: 'later'; readonly cel: string }
  | { readonly is: 'absent'; readonly text?: string };

export type MeaningOf = (reference: Reference) => Meaning;

/** `isLater`: the value still has expressions, for the running execution to resolve. */
export type Resolved = { readonly value: Json; readonly isLater: boolean };

/** An expression that cannot be resolved: where in the value, which, and why. */
export class UnresolvedExpression extends Error {
  override readonly name = 'UnresolvedExpression';
  readonly path: Path;

  constructor(source: string, path: Path, problem: ExpressionProblem) {
    super(`\${{ ${shownSource(source)} }}: ${problem.message}`, { cause: problem });
    this.path = path;
  }
}

/**
 * The value with its expressions resolved; maps and lists are looked through. `isResolved` is for values that were
 * resolved once before, whose expressions may be long. Throws UnresolvedExpression.
 */
export function resolveValue(
  value: Json,
  meaningOf: MeaningOf,
  { isResolved = false, path = [], budget = newBudget() }: { isResolved?: boolean; path?: Path; budget?: Budget } = {},
): Resolved {
  return resolvePart(value, meaningOf, { isResolved, budget }, [...path]);
}

/** How expressions are read, and what they may cost. */
type How = { readonly isResolved: boolean; readonly budget: Budget };

/** `path` is that of the value, and is changed while its parts are resolved. */
function resolvePart(value: Json, meaningOf: MeaningOf, how: How, path: (string | number)[]): Resolved {
  if (typeof value === 'string') return resolveText(value, meaningOf, how, path);
  if (!holdsExpression(value) || value === null || typeof value !== 'object') return { value, isLater: false };
  if (Array.isArray(value)) {
    const parts = value.map((part: Json, index): Resolved => {
      path.push(index);
      const resolved = resolvePart(part, meaningOf, how, path);
      path.pop();
      return resolved;
    });
    const isLater = parts.some((part) => part.isLater);
    return { value: parts.map((part) => keptOf(part, isLater)), isLater };
  }
  const named = Object.entries(value).map(([name, part]): [string, Resolved] => {
    path.push(name);
    const resolved = resolvePart(part ?? null, meaningOf, how, path);
    path.pop();
    return [name, resolved];
  });
  return combine(named);
}

/** Values never change, so those that were looked through need not be again: a template's are in many stages. */
const holding = new WeakMap<object, boolean>();

/** Whether text with an expression is anywhere in the value. */
export function holdsExpression(value: Json): boolean {
  if (value === null || typeof value !== 'object') return hasExpression(value);
  const known = holding.get(value);
  if (known !== undefined) return known;
  const found = Object.values(value).some((part: Json | undefined) => part !== undefined && holdsExpression(part));
  holding.set(value, found);
  return found;
}

/** A map of values that were each resolved on their own. */
export function combine(named: readonly (readonly [string, Resolved])[]): {
  readonly value: { readonly [name: string]: Json };
  readonly isLater: boolean;
} {
  const isLater = named.some(([, part]) => part.isLater);
  return { value: Object.fromEntries(named.map(([name, part]) => [name, keptOf(part, isLater)])), isLater };
}

/** Text that only looks like an expression would be taken for one later. */
function keptOf(part: Resolved, isLater: boolean): Json {
  return isLater && !part.isLater ? guarded(part.value) : part.value;
}

function resolveText(text: string, meaningOf: MeaningOf, how: How, path: Path): Resolved {
  if (!hasExpression(text)) return { value: text, isLater: false };
  const found = partsOf(text);
  if ('unclosed' in found) {
    throw new UnresolvedExpression(
      text,
      [...path],
      new ExpressionProblem('has no end: "}}" is missing', found.unclosed),
    );
  }
  const { parts } = found;
  const [first] = parts;
  const resolved = parts.map((part): Meaning => {
    if (part.is === 'text') return { is: 'known', value: part.text };
    try {
      return resolveExpression(part.source, meaningOf, how);
    } catch (error) {
      if (error instanceof ExpressionProblem) throw new UnresolvedExpression(part.source, [...path], error);
      throw error;
    }
  });
  if (parts.length === 1 && first?.is === 'expression') return whole(resolved[0]);
  const isLater = resolved.some((part) => part.is === 'later');
  if (!isLater) return { value: resolved.map((part) => asText(part, text, path)).join(''), isLater };
  const cel = resolved.map((part) => (part.is === 'later' ? `string(${part.cel})` : celText(asText(part, text, path))));
  return { value: `\${{ ${cel.join(' + ')} }}`, isLater };
}

function whole(meaning: Meaning | undefined): Resolved {
  if (meaning?.is === 'later') return { value: `\${{ ${meaning.cel} }}`, isLater: true };
  return { value: meaning?.is === 'known' ? meaning.value : null, isLater: false };
}

function asText(meaning: Meaning, text: string, path: Path): string {
  const value = meaning.is === 'known' ? meaning.value : null;
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  const what = Array.isArray(value) ? 'a list' : value === null ? 'null' : 'a map';
  throw new UnresolvedExpression(
    text,
    [...path],
    new ExpressionProblem(`is ${what}, which cannot stand inside text`, 0),
  );
}

/** What one expression stands for. Throws ExpressionProblem. */
function resolveExpression(source: string, meaningOf: MeaningOf, { isResolved, budget }: How): Meaning {
  const expression = parseExpression(source, isResolved);
  if (expression.only !== undefined) return meaningOfOnly(expression.only, meaningOf);
  const meanings = new Map(expression.references.map((reference) => [reference, meaningOf(reference)]));
  const isLater = [...meanings.values()].some((meaning) => meaning.is === 'later');
  if (!isLater) {
    const lookUp = (reference: Reference) => known(reference, meanings.get(reference), isTested(expression, reference));
    return { is: 'known', value: evaluateExpression(expression, lookUp, budget) };
  }
  const cel = rewriteExpression(expression, (reference) => {
    const meaning = meanings.get(reference);
    if (meaning?.is === 'later') return reference.isTest ? testOf(meaning.cel) : bracketed(meaning.cel);
    const value = known(reference, meaning, isTested(expression, reference));
    if (reference.isTest) return String(value !== undefined);
    return celOf(value ?? notThere(reference));
  });
  if (cel.length > MAXIMUM_RESOLVED_CHARACTERS) {
    throw new ExpressionProblem(`grows to ${cel.length} characters; ${MAXIMUM_RESOLVED_CHARACTERS} are allowed`, 0);
  }
  return { is: 'later', cel };
}

/** Most expressions are nothing but a name. */
function meaningOfOnly(reference: Reference, meaningOf: MeaningOf): Meaning {
  const meaning = meaningOf(reference);
  if (meaning.is !== 'absent') return meaning;
  return { is: 'known', value: known(reference, meaning, false) ?? notThere(reference) };
}

function notThere(reference: Reference): never {
  throw new ExpressionProblem(`${textOfReference(reference)} is not there`, reference.start);
}

/** Only what is named directly can be absent: what an expression computes is there. */
function testOf(cel: string): string {
  const named = parseExpression(cel, true).only;
  const isStage = named?.root === 'stages' && named.path.length > 1;
  return isStage || (named?.root === 'trigger' && named.path.length > 0) ? `has(${cel})` : 'true';
}

/** `has(x) ? x : …` names what need not be there, in the branch that is not taken then. */
function isTested({ references }: Expression, reference: Reference): boolean {
  return references.some(
    ({ isTest, root, path }) =>
      isTest && root === reference.root && path.every((name, index) => name === reference.path[index]),
  );
}

function known(reference: Reference, meaning: Meaning | undefined, isTestedToo: boolean): Json | undefined {
  if (meaning?.is === 'known') return meaning.value;
  if (isTestedToo && !reference.isTest) return null;
  if (meaning?.is === 'absent' && meaning.text !== undefined && !reference.isTest) {
    throw new ExpressionProblem(meaning.text, reference.start);
  }
  return undefined;
}

function guarded(value: Json): Json {
  if (!holdsExpression(value)) return value;
  if (typeof value === 'string') return `\${{ ${celText(value)} }}`;
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map((part: Json) => guarded(part));
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, guarded(part ?? null)]));
}

/** What an expression that is nothing but text gives; undefined for any other. */
export function literalOf(text: string): string | undefined {
  if (!hasExpression(text)) return undefined;
  const found = partsOf(text);
  const [only] = 'parts' in found && found.parts.length === 1 ? found.parts : [];
  if (only?.is !== 'expression') return undefined;
  const { tree } = parseExpression(only.source, true);
  return tree.op === 'value' && typeof tree.args === 'string' ? tree.args : undefined;
}

/** A resolved value that still has expressions, as one CEL expression; whoever goes on behind it must bracket it. */
export function celOfResolved(value: Json): string {
  if (typeof value === 'string') {
    const found = hasExpression(value) ? partsOf(value) : undefined;
    const only = found !== undefined && 'parts' in found && found.parts.length === 1 ? found.parts[0] : undefined;
    return only?.is === 'expression' ? only.source.trim() : celText(value);
  }
  if (value === null || typeof value !== 'object') return celOf(value);
  if (Array.isArray(value)) return `[${value.map((part: Json) => celOfResolved(part)).join(', ')}]`;
  const entries = Object.entries(value).map(([name, part]) => `${celText(name)}: ${celOfResolved(part ?? null)}`);
  return `{${entries.join(', ')}}`;
}

/** The part of a value under the path; undefined where there is none. */
export function partAt(value: Json | undefined, path: readonly string[]): Json | undefined {
  let current = value;
  for (const name of path) {
    if (current === null || typeof current !== 'object' || Array.isArray(current)) return undefined;
    current = Object.hasOwn(current, name)
      ? (current as { readonly [name: string]: Json | undefined })[name]
      : undefined;
  }
  return current;
}
