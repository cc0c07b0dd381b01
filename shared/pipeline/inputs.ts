/** What a pipeline or a template asks for: declarations of inputs, their types, and the check of given values. */
import { RE2JS } from 're2js';
import { z } from 'zod';
import type { Json, JsonObject } from '../core/json.ts';
import { BOOLEAN, NUMBER, TEXT, type Type } from './expressions/types.ts';
import { didYouMean } from './nearest.ts';
import { formatPath, type Path } from './problem.ts';
import { isRecord } from './yaml-file.ts';

export const MAXIMUM_INPUTS = 100;
const MAXIMUM_CHOICES = 100;
const MAXIMUM_LIST = 200;
const MAXIMUM_TEXT = 10_000;
const MAXIMUM_DESCRIPTION = 1_000;

export const INPUT_TYPES = ['string', 'number', 'boolean', 'choice', 'list', 'object'] as const;
type InputType = (typeof INPUT_TYPES)[number];

/** One declared input. `of` describes the entries of a list, `fields` those of an object. */
export type InputDeclaration = {
  readonly type: InputType;
  readonly description?: string | undefined;
  readonly default?: Json | undefined;
  readonly required?: boolean | undefined;
  readonly choices?: readonly string[] | undefined;
  readonly pattern?: string | undefined;
  readonly minimum?: number | undefined;
  readonly maximum?: number | undefined;
  readonly of?: InputDeclaration | undefined;
  readonly fields?: { readonly [name: string]: InputDeclaration } | undefined;
};

const inputName = z
  .string()
  .max(63)
  .regex(/^[a-z][a-z0-9_]*$/, {
    error: (issue) =>
      `must be a name of an input: a lower-case letter, then lower-case letters, digits and "_", not "${String(issue.input)}"`,
  });

/** Which fields each type has beside the common ones. */
const FIELDS_OF: { readonly [type in InputType]: readonly string[] } = {
  string: ['pattern'],
  number: ['minimum', 'maximum'],
  boolean: [],
  choice: ['choices'],
  list: ['of', 'maximum'],
  object: ['fields'],
};
const SPECIAL = ['pattern', 'minimum', 'maximum', 'choices', 'of', 'fields'] as const;

export const inputDeclaration: z.ZodType<InputDeclaration> = z.lazy(() =>
  z
    .strictObject({
      type: z.enum(INPUT_TYPES).describe('What may be given'),
      description: z.string().max(MAXIMUM_DESCRIPTION).optional().describe('One sentence for whoever is asked for it'),
      default: z.json().optional().describe('The value where none is given'),
      required: z.boolean().optional().describe('true: the pipeline cannot start without it'),
      choices: z
        .array(z.string().max(200))
        .min(1)
        .max(MAXIMUM_CHOICES)
        .optional()
        .describe('For a choice: the values to choose from'),
      pattern: z
        .string()
        .max(500)
        .optional()
        .describe('For a string: a regular expression (RE2) that all of it matches'),
      minimum: z.number().optional().describe('For a number: the least'),
      maximum: z.number().optional().describe('For a number: the most; for a list: how many entries'),
      of: inputDeclaration.optional().describe('For a list: what its entries are; by default strings'),
      fields: z.record(inputName, inputDeclaration).optional().describe('For an object: its fields'),
    })
    .check((context) => {
      for (const { path, text } of declarationProblems(context.value)) {
        context.issues.push({ code: 'custom', input: context.value, continue: true, message: text, path: [...path] });
      }
    }),
);

export const inputsSchema = z.record(inputName, inputDeclaration).check((context) => {
  const count = Object.keys(context.value).length;
  if (count <= MAXIMUM_INPUTS) return;
  const message = `has ${count} inputs; at most ${MAXIMUM_INPUTS} are allowed`;
  context.issues.push({ code: 'custom', input: context.value, continue: true, message });
});

export type InputDeclarations = { readonly [name: string]: InputDeclaration };
type Found = { readonly path: Path; readonly text: string };
type IsOpen = (value: unknown, path: Path) => boolean;

function declarationProblems(input: InputDeclaration): Found[] {
  const found: Found[] = [];
  for (const field of SPECIAL) {
    if (input[field] === undefined || FIELDS_OF[input.type].includes(field)) continue;
    const owners = INPUT_TYPES.filter((type) => FIELDS_OF[type].includes(field));
    found.push({ path: [field], text: `has no meaning for type ${input.type}; it is for ${owners.join(' and ')}` });
  }
  if (input.type === 'choice' && input.choices === undefined) {
    found.push({ path: ['choices'], text: 'is missing: a choice needs the values to choose from' });
  }
  if (input.type === 'object' && input.fields === undefined) {
    found.push({ path: ['fields'], text: 'is missing: an object needs its fields' });
  }
  if (input.required === true && input.default !== undefined) {
    found.push({ path: ['default'], text: 'is never used, because the input is required; leave one of the two out' });
  }
  if (input.pattern !== undefined && patternOf(input.pattern) === undefined) {
    found.push({ path: ['pattern'], text: `is not a regular expression of RE2: ${input.pattern}` });
  } else if (input.default !== undefined) {
    found.push(...valueProblems(input.default, input, ['default']));
  }
  return found;
}

function patternOf(pattern: string): RE2JS | undefined {
  try {
    return RE2JS.compile(pattern);
  } catch {
    return undefined;
  }
}

/** The type that expressions see. */
export function typeOfInput(input: InputDeclaration): Type {
  switch (input.type) {
    case 'string':
    case 'choice':
      return TEXT;
    case 'number':
      return NUMBER;
    case 'boolean':
      return BOOLEAN;
    case 'list':
      return { is: 'list', of: input.of === undefined ? TEXT : typeOfInput(input.of) };
    case 'object':
      return typeOfInputs(input.fields ?? {});
  }
}

export function typeOfInputs(inputs: InputDeclarations): Type {
  return { is: 'object', fields: mapped(inputs, typeOfInput) };
}

function mapped<T, U>(record: { readonly [name: string]: T }, change: (value: T) => U): { [name: string]: U } {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]));
}

/** What is wrong with a value for the input; texts that `isOpen` says are known only later are left out. */
export function valueProblems(
  value: unknown,
  input: InputDeclaration,
  path: Path,
  isOpen: IsOpen = () => false,
): Found[] {
  if (isOpen(value, path)) return [];
  const wrong = (text: string): Found[] => [{ path, text }];
  switch (input.type) {
    case 'string': {
      if (typeof value !== 'string') return wrong(`must be text, not ${typeOfValue(value)}`);
      if (value.length > MAXIMUM_TEXT) {
        return wrong(`has ${value.length} characters; at most ${MAXIMUM_TEXT} are allowed`);
      }
      const fits = input.pattern === undefined || patternOf(input.pattern)?.matches(value) === true;
      return fits ? [] : wrong(`${shown(value)} does not match the pattern ${input.pattern}`);
    }
    case 'choice': {
      const choices = input.choices ?? [];
      if (typeof value === 'string' && choices.includes(value)) return [];
      const hint = typeof value === 'string' ? didYouMean(value, choices) : '';
      return wrong(`must be one of ${choices.join(', ')}, not ${shown(value)}${hint}`);
    }
    case 'number': {
      if (typeof value !== 'number') return wrong(`must be a number, not ${typeOfValue(value)}`);
      if (input.minimum !== undefined && value < input.minimum)
        return wrong(`must be at least ${input.minimum}, not ${value}`);
      const isTooMuch = input.maximum !== undefined && value > input.maximum;
      return isTooMuch ? wrong(`must be at most ${input.maximum}, not ${value}`) : [];
    }
    case 'boolean':
      return typeof value === 'boolean' ? [] : wrong(`must be true or false, not ${typeOfValue(value)}`);
    case 'list': {
      if (!Array.isArray(value)) return wrong(`must be a list, not ${typeOfValue(value)}`);
      const maximum = Math.min(input.maximum ?? MAXIMUM_LIST, MAXIMUM_LIST);
      if (value.length > maximum) return wrong(`must have at most ${maximum} entries, not ${value.length}`);
      const entry = input.of ?? { type: 'string' };
      return value.flatMap((item: unknown, index) => valueProblems(item, entry, [...path, index], isOpen));
    }
    case 'object':
      if (!isRecord(value)) return wrong(`must be a map, not ${typeOfValue(value)}`);
      return givenProblems(value, input.fields ?? {}, path, isOpen, 'a field');
  }
}

/** What is wrong with the values given for the inputs: unknown names, missing ones, wrong values. */
export function givenProblems(
  given: { readonly [name: string]: unknown },
  inputs: InputDeclarations,
  path: Path,
  isOpen: IsOpen = () => false,
  what: 'an input' | 'a field' = 'an input',
): Found[] {
  const names = Object.keys(inputs);
  const known = names.length === 0 ? '; there are none' : `; there are ${names.join(', ')}`;
  const unknown = Object.keys(given)
    .filter((name) => !Object.hasOwn(inputs, name))
    .map((name) => ({ path: [...path, name], text: `is not ${what}${didYouMean(name, names) || known}` }));
  const values = Object.entries(inputs).flatMap(([name, input]): Found[] => {
    const value = Object.hasOwn(given, name) ? given[name] : undefined;
    if (value !== undefined) return valueProblems(value, input, [...path, name], isOpen);
    if (input.required !== true || unknown.some(({ text }) => text.includes(`"${name}"`))) return [];
    const description = input.description === undefined ? '' : ` (${input.description})`;
    return [{ path: [...path, name], text: `is missing${description}` }];
  });
  return [...unknown, ...values];
}

/** The given values with the defaults of the others; an input without either is what is empty of its type. */
export function withDefaults(given: JsonObject, inputs: InputDeclarations): JsonObject {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, input]) => [
      name,
      filled(Object.hasOwn(given, name) ? given[name] : undefined, input),
    ]),
  );
}

function filled(value: Json | undefined, input: InputDeclaration): Json {
  const chosen = value ?? input.default;
  if (input.type === 'object' && (chosen === undefined || isRecord(chosen))) {
    return withDefaults((chosen ?? {}) as JsonObject, input.fields ?? {});
  }
  if (input.type === 'list' && Array.isArray(chosen)) {
    const { of } = input;
    return of === undefined ? chosen : chosen.map((item: Json) => filled(item, of));
  }
  if (chosen !== undefined) return chosen;
  if (input.type === 'list') return [];
  if (input.type === 'number') return input.minimum ?? 0;
  if (input.type === 'boolean') return false;
  return input.type === 'choice' ? (input.choices?.[0] ?? '') : '';
}

/** Text from a command line as the value of its input; text that fits no other way stays text. */
export function valueOfText(text: string, input: InputDeclaration | undefined): Json {
  if (input === undefined || input.type === 'string' || input.type === 'choice') return text;
  try {
    return z.json().parse(JSON.parse(text)) as Json;
  } catch {
    return input.type === 'list' ? text.split(',').map((part) => part.trim()) : text;
  }
}

/** Told with the whole name in front, for those who see no file: `inputs.size must be a number, not text`. */
export function sentencesOf(found: readonly Found[]): string[] {
  return found.map(({ path, text }) => `${formatPath(path)} ${text}`);
}

const MAXIMUM_SHOWN = 100;

/** The value as messages show it. */
function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= MAXIMUM_SHOWN ? text : `${text.slice(0, MAXIMUM_SHOWN).toWellFormed()}…`;
}

function typeOfValue(value: unknown): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'string') return 'text';
  if (typeof value === 'object') return 'a map';
  return `the ${typeof value} ${String(value)}`;
}
