/** The sorts of text that a pipeline's schemas are made of. */
import { z } from 'zod';
import { hasExpression } from './expressions/text.ts';

export const MAXIMUM_EXPRESSION = 4000;

/** Any text that is not empty. */
export const TEXT = /^.+$/s;

/** A pattern whose failure is told in words. */
export function named(pattern: RegExp, words: string, maximumLength = 63): z.ZodString {
  return z
    .string()
    .max(maximumLength)
    .regex(pattern, { error: (issue) => `must be ${words}, not "${String(issue.input)}"` });
}

/** Text of a form, or an expression that gives such text. */
export function resolved(pattern: RegExp, words: string, maximumLength = 63): z.ZodString {
  return z
    .string()
    .max(MAXIMUM_EXPRESSION)
    .regex(new RegExp(`${pattern.source}|\\$\\{\\{`, pattern.flags), {
      error: (issue) => `must be ${words}, not "${String(issue.input)}"`,
    })
    .check((context) => {
      if (hasExpression(context.value) || context.value.length <= maximumLength) return;
      const message = `must have at most ${maximumLength} characters, not ${context.value.length}`;
      context.issues.push({ code: 'custom', input: context.value, continue: true, message });
    });
}
