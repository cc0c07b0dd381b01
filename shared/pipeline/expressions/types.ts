/** The types of expressions: as few as a person needs, made from the schemas of inputs and outputs. */
import { z } from 'zod';
import type { Path } from '../problem.ts';
import { isRecord } from '../yaml-file.ts';

export type Type =
  | { readonly is: 'text' | 'number' | 'boolean' | 'null' | 'any' }
  | { readonly is: 'list'; readonly of: Type }
  /** Any names, all with values of one type. */
  | { readonly is: 'map'; readonly of: Type }
  /** These names and no others. */
  | {
      readonly is: 'object';
      readonly fields: { readonly [name: string]: Type };
      /** They are the outputs of a stage for each of its targets. */
      readonly isByTarget?: true;
    };

export const ANY: Type = { is: 'any' };
export const TEXT: Type = { is: 'text' };
export const NUMBER: Type = { is: 'number' };
export const BOOLEAN: Type = { is: 'boolean' };

const MAXIMUM_DEPTH = 20;

/** The type as people call it. */
export function nameOfType(type: Type): string {
  switch (type.is) {
    case 'text':
      return 'text';
    case 'number':
      return 'a number';
    case 'boolean':
      return 'true or false';
    case 'null':
      return 'null';
    case 'any':
      return 'anything';
    case 'list':
      return type.of.is === 'any' ? 'a list' : `a list of ${pluralOf(type.of)}`;
    case 'map':
    case 'object':
      return 'a map';
  }
}

function pluralOf(type: Type): string {
  switch (type.is) {
    case 'text':
      return 'texts';
    case 'number':
      return 'numbers';
    case 'boolean':
      return 'true or false';
    case 'list':
      return 'lists';
    case 'map':
    case 'object':
      return 'maps';
    case 'null':
    case 'any':
      return 'anything';
  }
}

const outputTypes = new WeakMap<z.core.$ZodType, Type>();
const inputSchemas = new WeakMap<z.core.$ZodType, unknown>();

/** The type of values that the schema lets through. */
export function typeOfSchema(schema: z.core.$ZodType): Type {
  const known = outputTypes.get(schema);
  if (known !== undefined) return known;
  const type = typeOfJsonSchema(z.toJSONSchema(schema, { io: 'output', unrepresentable: 'any' }));
  outputTypes.set(schema, type);
  return type;
}

function inputSchemaOf(schema: z.core.$ZodType): unknown {
  if (!inputSchemas.has(schema)) {
    inputSchemas.set(schema, z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }));
  }
  return inputSchemas.get(schema);
}

/** The type of values that a JSON Schema describes; what it says in other ways than by type is `any`. */
export function typeOfJsonSchema(schema: unknown, depth = 0): Type {
  if (!isRecord(schema) || depth > MAXIMUM_DEPTH) return ANY;
  const { type } = schema;
  if (type === undefined) return typeOfConstants(schema);
  if (type === 'string') return TEXT;
  if (type === 'number' || type === 'integer') return NUMBER;
  if (type === 'boolean') return BOOLEAN;
  if (type === 'null') return { is: 'null' };
  if (type === 'array') return { is: 'list', of: typeOfJsonSchema(schema.items, depth + 1) };
  if (type !== 'object') return ANY;
  if (isRecord(schema.properties)) {
    const isOpen = isRecord(schema.additionalProperties) && Object.keys(schema.additionalProperties).length === 0;
    if (isOpen) return { is: 'map', of: ANY };
    const fields = Object.entries(schema.properties).map(([name, field]) => [name, typeOfJsonSchema(field, depth + 1)]);
    return { is: 'object', fields: Object.fromEntries(fields) };
  }
  return { is: 'map', of: typeOfJsonSchema(schema.additionalProperties, depth + 1) };
}

function typeOfConstants(schema: { readonly [keyword: string]: unknown }): Type {
  const constants = Array.isArray(schema.enum) ? schema.enum : schema.const === undefined ? [] : [schema.const];
  const sorts = new Set(constants.map((constant: unknown) => typeof constant));
  if (sorts.size !== 1) return ANY;
  if (sorts.has('string')) return TEXT;
  if (sorts.has('number')) return NUMBER;
  return sorts.has('boolean') ? BOOLEAN : ANY;
}

/** Whether a value of type `given` may stand where `schema` is asked for; where one of them says little, it may. */
export function mayBe(given: Type, wanted: Type): boolean {
  if (given.is === 'any' || wanted.is === 'any') return true;
  if (given.is === 'list') return wanted.is === 'list' && mayBe(given.of, wanted.of);
  if (given.is !== 'map' && given.is !== 'object') return given.is === wanted.is;
  if (wanted.is === 'map') {
    return Object.values(given.is === 'map' ? { any: given.of } : given.fields).every((type) => mayBe(type, wanted.of));
  }
  if (wanted.is !== 'object') return false;
  if (given.is === 'map') return true;
  return Object.entries(given.fields).every(([name, type]) => {
    const field = Object.hasOwn(wanted.fields, name) ? wanted.fields[name] : undefined;
    return field !== undefined && mayBe(type, field);
  });
}

/** The types that the schema allows at the path; empty where it does not know the path. */
export function typesAt(schema: z.core.$ZodType, path: Path): readonly Type[] {
  let current: readonly unknown[] = [inputSchemaOf(schema)];
  for (const part of path) current = current.flatMap((at) => alternatives(at)).flatMap((at) => inside(at, part));
  return current.flatMap((at) => alternatives(at)).map((at) => typeOfJsonSchema(at));
}

/** A schema with `anyOf` is each of them. */
function alternatives(schema: unknown, depth = 0): readonly unknown[] {
  if (!isRecord(schema) || depth > MAXIMUM_DEPTH) return [schema];
  const several = [schema.anyOf, schema.oneOf].find((list): list is unknown[] => Array.isArray(list));
  if (several === undefined || schema.type !== undefined) return [schema];
  return several.flatMap((each) => alternatives(each, depth + 1));
}

function inside(schema: unknown, part: string | number): readonly unknown[] {
  if (!isRecord(schema)) return [];
  if (typeof part === 'number') {
    const { prefixItems, items } = schema;
    if (Array.isArray(prefixItems) && part < prefixItems.length) return [prefixItems[part]];
    return items === undefined ? [] : [items];
  }
  const { properties, additionalProperties } = schema;
  if (isRecord(properties) && Object.hasOwn(properties, part)) return [properties[part]];
  return isRecord(additionalProperties) ? [additionalProperties] : [];
}
