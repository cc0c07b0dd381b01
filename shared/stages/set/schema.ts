/** What a set is given and tells; it remembers nothing. */
import { z } from 'zod';
import type { Json } from '../../core/json.ts';

const MAXIMUM_VALUES = 50;
const MAXIMUM_CHARACTERS = 32 * 1024;

const valueName = z.string().regex(/^[a-z][a-z0-9_]{0,62}$/, 'must be lower-case letters, digits and _');

export const setParameters = z
  .record(valueName, z.json())
  .refine((values) => Object.keys(values).length > 0, 'must name at least one value')
  .refine((values) => Object.keys(values).length <= MAXIMUM_VALUES, `must name at most ${MAXIMUM_VALUES} values`)
  .refine(
    (values) => JSON.stringify(values).length <= MAXIMUM_CHARACTERS,
    `must have at most ${MAXIMUM_CHARACTERS} characters in all`,
  )
  .describe('Values by their name; each is an output');
export type SetParameters = z.output<typeof setParameters>;

export const setCursor = z.strictObject({ version: z.literal(1) });
export type SetCursor = z.output<typeof setCursor>;

export const setOutputs = z.record(z.string(), z.json());
export type SetOutputs = { [name: string]: Json };

/** Of the names that the author gave, each with the type of its value; an expression may give anything. */
export function outputsOf(parameters: SetParameters): z.ZodType<SetOutputs> {
  const fields = Object.entries(parameters).map(([name, value]): [string, z.ZodType<Json>] => [name, typeOf(value)]);
  return z.strictObject(Object.fromEntries(fields)) as z.ZodType<SetOutputs>;
}

function typeOf(value: Json): z.ZodType<Json> {
  if (typeof value === 'number') return z.number();
  if (typeof value === 'boolean') return z.boolean();
  if (typeof value === 'string' && !value.includes('${{')) return z.string();
  return z.json();
}
