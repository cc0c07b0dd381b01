/** CEL over what an event carries: conditions that must be true, and values that are picked out of it. */

import { z } from 'zod';
import type { Json } from '../core/json.ts';
import { checkExpression, evaluateExpression, textOfReference } from '../pipeline/expressions/evaluate.ts';
import { partAt } from '../pipeline/expressions/resolve.ts';
import {
  EVENT_ROOTS,
  type Expression,
  ExpressionProblem,
  parseExpression,
  type Reference,
} from '../pipeline/expressions/syntax.ts';
import { hasExpression } from '../pipeline/expressions/text.ts';
import { ANY, BOOLEAN, mayBe, nameOfType, TEXT, type Type } from '../pipeline/expressions/types.ts';
import { type Condition, condition } from './condition.ts';

const MAXIMUM_CEL = 4_000;
/** Values that are shown beside a condition. */
const MAXIMUM_VALUES_SHOWN = 10;
const MAXIMUM_VALUE_SHOWN = 80;

/** What CEL of a trigger can name. */
export type EventData = {
  readonly data: Json;
  readonly attributes?: { readonly [name: string]: string };
  readonly headers?: { readonly [name: string]: string };
};

/** CEL that gives one of these types; checked when the pipeline is. */
function cel(wanted: readonly Type[], words: string): z.ZodString {
  return z
    .string()
    .min(1)
    .max(MAXIMUM_CEL)
    .check((context) => {
      if (hasExpression(context.value)) return;
      const message = problemOf(context.value, wanted);
      if (message !== undefined) context.issues.push({ code: 'custom', input: context.value, continue: true, message });
    })
    .describe(words);
}

/** A condition: CEL that gives true or false. */
export const celCondition = cel([BOOLEAN], 'CEL that must be true, over what the event carries');
/** CEL that gives text, such as the tag of an image. */
export const celText = cel([TEXT], 'CEL that gives text, over what the event carries');
/** CEL that gives a value of any type. */
export const celValue = cel([ANY], 'CEL that gives a value, over what the event carries');

function typeOf({ root, path }: Reference): Type {
  if (root === 'data') return ANY;
  return path.length === 0 ? { is: 'map', of: TEXT } : TEXT;
}

function problemOf(source: string, wanted: readonly Type[]): string | undefined {
  try {
    const expression = parseExpression(source, false, EVENT_ROOTS);
    const isWhole = expression.only !== undefined;
    const type = isWhole ? ANY : checkExpression(expression, typeOf);
    if (wanted.some((each) => mayBe(type, each))) return undefined;
    return `must give ${wanted.map(nameOfType).join(' or ')}, not ${nameOfType(type)}`;
  } catch (error) {
    if (!(error instanceof ExpressionProblem)) throw error;
    return `is wrong at character ${error.at + 1}: ${error.message}`;
  }
}

/** The value of the CEL, or why it has none. */
export function pick(source: string, event: EventData): { readonly value: Json } | { readonly problem: string } {
  try {
    return { value: resultOf(parseExpression(source, false, EVENT_ROOTS), event) };
  } catch (error) {
    if (!(error instanceof ExpressionProblem)) throw error;
    return { problem: error.message };
  }
}

/** The condition with the values of all that it names. */
export function whereCondition(source: string | undefined, event: EventData): Condition[] {
  if (source === undefined) return [];
  const told = (got: string, met: boolean, text?: string): Condition[] => [
    condition({ condition: 'where', wanted: source, got, met, text }),
  ];
  try {
    const expression = parseExpression(source, false, EVENT_ROOTS);
    const got = valuesShown(expression, event);
    const value = resultOf(expression, event);
    if (value === true) return told(got, true);
    return told(got, false, `where ${source} gives ${JSON.stringify(value)}: ${got}`);
  } catch (error) {
    if (!(error instanceof ExpressionProblem)) throw error;
    return told(error.message, false, `where ${source}: ${error.message}`);
  }
}

function resultOf(expression: Expression, event: EventData): Json {
  return evaluateExpression(expression, (reference) => lookUp(reference, event));
}

function lookUp({ root, path }: Reference, event: EventData): Json | undefined {
  if (root !== 'data' && root !== 'attributes' && root !== 'headers') return undefined;
  return partAt(event[root] ?? {}, path);
}

function valuesShown(expression: Expression, event: EventData): string {
  const shown = new Map<string, string>();
  for (const reference of expression.references.slice(0, MAXIMUM_VALUES_SHOWN)) {
    const value = lookUp(reference, event);
    const text = value === undefined ? 'not there' : JSON.stringify(value).slice(0, MAXIMUM_VALUE_SHOWN);
    shown.set(textOfReference(reference), text);
  }
  return [...shown].map(([name, text]) => `${name} is ${text}`).join(', ');
}
