/**
 * Resolves the expressions in a value as far as is known now. What rests on the outputs of stages or on the execution
 * stays as text: one whole expression, with everything known put in as literals, so that it needs no other scope.
 */
import type { Json } from '../../core/json.ts';
import type { Path } from '../problem.ts';
import { evaluateExpression, rewriteExpression, textOfReference } from './evaluate.ts';
import { ExpressionProblem, MAXIMUM_RESOLVED_CHARACTERS, parseExpression, type Reference } from './syntax.ts';
import { hasExpression, partsOf } from './text.ts';
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
    super(`\${{ ${source.trim()} }}: ${problem.message}`, { cause: problem });
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
  { isResolved = false, path = [] }: { isResolved?: boolean; path?: Path } = {},
): Resolved {
  if (typeof value === 'string') return resolveText(value, meaningOf, isResolved, path);
  if (value === null || typeof value !== 'object') return { value, isLater: false };
  const named = Object.entries(value).map(([name, part]): [string, Resolved] => {
    const key = Array.isArray(value) ? Number(name) : name;
    return [name, resolveValue(part ?? null, meaningOf, { isResolved, path: [...path, key] })];
  });
  const combined = combine(named);
  return Array.isArray(value) ? { ...combined, value: Object.values(combined.value) } : combined;
}

/** A map of values that were each resolved on their own. */
export function combine(named: readonly (readonly [string, Resolved])[]): {
  readonly value: { readonly [name: string]: Json };
  readonly isLater: boolean;
} {
  const isLater = named.some(([, part]) => part.isLater);
  // Text that only looks like an expression would be taken for one later.
  const kept = (part: Resolved): Json => (isLater && !part.isLater ? guarded(part.value) : part.value);
  return { value: Object.fromEntries(named.map(([name, part]) => [name, kept(part)])), isLater };
}

function resolveText(text: string, meaningOf: MeaningOf, isResolved: boolean, path: Path): Resolved {
  if (!hasExpression(text)) return { value: text, isLater: false };
  const found = partsOf(text);
  if ('unclosed' in found) {
    throw new UnresolvedExpression(text, path, new ExpressionProblem('has no end: "}}" is missing', found.unclosed));
  }
  const { parts } = found;
  const [first] = parts;
  const resolved = parts.map((part): Meaning => {
    if (part.is === 'text') return { is: 'known', value: part.text };
    try {
      return resolveExpression(part.source, meaningOf, isResolved);
    } catch (error) {
      if (error instanceof ExpressionProblem) throw new UnresolvedExpression(part.source, path, error);
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
  throw new UnresolvedExpression(text, path, new ExpressionProblem(`is ${what}, which cannot stand inside text`, 0));
}

/** What one expression stands for. Throws ExpressionProblem. */
export function resolveExpression(source: string, meaningOf: MeaningOf, isResolved = false): Meaning {
  const expression = parseExpression(source, isResolved);
  const meanings = new Map(expression.references.map((reference) => [reference, meaningOf(reference)]));
  const isLater = [...meanings.values()].some((meaning) => meaning.is === 'later');
  if (!isLater) {
    const value = evaluateExpression(expression, (reference) => known(reference, meanings.get(reference)));
    return { is: 'known', value };
  }
  const whole = expression.only === undefined ? undefined : meanings.get(expression.only);
  if (whole?.is === 'later') return whole;
  const cel = rewriteExpression(expression, (reference) => {
    const meaning = meanings.get(reference);
    if (meaning?.is === 'later') return reference.isTest ? testOf(meaning.cel) : bracketed(meaning.cel);
    const value = known(reference, meaning);
    if (reference.isTest) return String(value !== undefined);
    if (value === undefined) throw new ExpressionProblem(`${textOfReference(reference)} is not there`, reference.start);
    return celOf(value);
  });
  if (cel.length > MAXIMUM_RESOLVED_CHARACTERS) {
    throw new ExpressionProblem(`grows to ${cel.length} characters; ${MAXIMUM_RESOLVED_CHARACTERS} are allowed`, 0);
  }
  return { is: 'later', cel };
}

/** Only what is named directly can be absent: what an expression computes is there. */
function testOf(cel: string): string {
  const named = parseExpression(cel, true).only;
  return named?.root === 'stages' && named.path.length > 1 ? `has(${cel})` : 'true';
}

function known(reference: Reference, meaning: Meaning | undefined): Json | undefined {
  if (meaning?.is === 'known') return meaning.value;
  if (meaning?.is === 'absent' && meaning.text !== undefined && !reference.isTest) {
    throw new ExpressionProblem(meaning.text, reference.start);
  }
  return undefined;
}

function guarded(value: Json): Json {
  if (typeof value === 'string') return hasExpression(value) ? `\${{ ${celText(value)} }}` : value;
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
