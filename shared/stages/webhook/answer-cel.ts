/** CEL over an HTTP answer: how a webhook tells what the far end has done, without a kind of its own for it. */
import { z } from 'zod';
import type { Json } from '../../core/json.ts';
import { checkExpression, evaluateExpression } from '../../pipeline/expressions/evaluate.ts';
import { partAt } from '../../pipeline/expressions/resolve.ts';
import { ANSWER_ROOTS, ExpressionProblem, parseExpression } from '../../pipeline/expressions/syntax.ts';
import { ANY, BOOLEAN, mayBe, NUMBER, nameOfType, TEXT, type Type } from '../../pipeline/expressions/types.ts';
import { TerminalError } from '../kind.ts';

const MAXIMUM_CEL = 2_000;

/** What the CEL can name: `body` is what the answer's JSON says, or its text. */
export type AnswerData = {
  readonly status: number;
  readonly headers: { readonly [name: string]: string };
  readonly body: Json;
};

const TYPES: { readonly [root: string]: Type } = { status: NUMBER, headers: { is: 'map', of: TEXT }, body: ANY };

function cel(wanted: Type): z.ZodString {
  return z
    .string()
    .min(1)
    .max(MAXIMUM_CEL)
    .check((context) => {
      const message = problemOf(context.value, wanted);
      if (message !== undefined) context.issues.push({ code: 'custom', input: context.value, continue: true, message });
    });
}

export const answerCondition = cel(BOOLEAN);
export const answerText = cel(TEXT);
export const answerValue = cel(ANY);

function problemOf(source: string, wanted: Type): string | undefined {
  try {
    const expression = parseExpression(source, false, ANSWER_ROOTS);
    const type =
      expression.only === undefined
        ? checkExpression(expression, ({ root, path }) => (path.length === 0 ? (TYPES[root] ?? ANY) : ANY))
        : ANY;
    return mayBe(type, wanted) ? undefined : `must give ${nameOfType(wanted)}, not ${nameOfType(type)}`;
  } catch (error) {
    if (!(error instanceof ExpressionProblem)) throw error;
    return `is wrong at character ${error.at + 1}: ${error.message}`;
  }
}

/** Reads a body as JSON where it is some, and as text where it is not. */
export function bodyValue(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}

/** The value of the CEL. Throws TerminalError, with the name of the parameter, where it has none. */
export function valueIn(source: string, parameter: string, answer: AnswerData): Json {
  try {
    const expression = parseExpression(source, false, ANSWER_ROOTS);
    return evaluateExpression(expression, ({ root, path }) => partAt(partAt(answer, [root]), path));
  } catch (error) {
    if (!(error instanceof ExpressionProblem)) throw error;
    throw new TerminalError(`${parameter}: ${source}: ${error.message}.`, { cause: error });
  }
}

/** As `valueIn`, for what has to give true or false. */
export function isTrueOf(source: string, parameter: string, answer: AnswerData): boolean {
  const value = valueIn(source, parameter, answer);
  if (typeof value === 'boolean') return value;
  throw new TerminalError(`${parameter}: ${source} gives ${JSON.stringify(value)}, and has to give true or false.`);
}
