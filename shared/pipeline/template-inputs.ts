/** The inputs of a template as a pipeline gives them: resolved as far as is known, checked, and with their defaults. */
import type { Json } from '../core/json.ts';
import { literalOf, type Resolved } from './expressions/resolve.ts';
import { hasExpression } from './expressions/text.ts';
import { givenProblems, type InputDeclarations, withDefaults } from './inputs.ts';
import { valueAt } from './issues.ts';
import type { Path } from './problem.ts';

/** What is wrong with the values. Parts that are known only later are left out; their types were checked in the file. */
export function resolvedProblems(
  given: ReadonlyMap<string, Resolved>,
  declared: InputDeclarations,
  path: Path,
): ReturnType<typeof givenProblems> {
  const values = Object.fromEntries(
    [...given].map(([name, { value, isLater }]) => [name, isLater ? withLiterals(value) : value]),
  );
  const isOpen = (_value: unknown, at: Path): boolean => {
    const [name, ...inner] = at.slice(path.length);
    const resolved = given.get(String(name));
    // Text of a value that is wholly known only looks like an expression.
    if (resolved?.isLater !== true) return false;
    const written = valueAt(resolved.value, inner);
    return typeof written === 'string' && hasExpression(written) && literalOf(written) === undefined;
  };
  return givenProblems(values, declared, path, isOpen);
}

/** Every declared input with its value; those that are not given have their defaults. */
export function templateInputs(
  given: ReadonlyMap<string, Resolved>,
  declared: InputDeclarations,
): { [name: string]: Resolved } {
  return Object.fromEntries(
    Object.entries(declared).map(([name, input]): [string, Resolved] => {
      const resolved = given.get(name);
      if (resolved?.isLater === true && typeof resolved.value === 'string') return [name, resolved];
      const filled = withDefaults(resolved === undefined ? {} : { [name]: resolved.value }, { [name]: input });
      return [name, { value: filled[name] ?? null, isLater: resolved?.isLater ?? false }];
    }),
  );
}

/** The value with the text that stands for itself in it, where an expression is nothing but text. */
function withLiterals(value: Json): Json {
  if (typeof value === 'string') return literalOf(value) ?? value;
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map((part: Json) => withLiterals(part));
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, withLiterals(part ?? null)]));
}
