/** The language as a JSON Schema, which editors complete and check by. */
import { z } from 'zod';
import type { StageKind } from '../stages/kind.ts';
import { definitionSchema } from './schema.ts';
import { templateSchema } from './template.ts';
import type { StageKinds } from './usable.ts';
import { isRecord } from './yaml-file.ts';

/** Any text with an expression may stand where a value is resolved later. */
const EXPRESSION = { type: 'string', pattern: '\\$\\{\\{' };

type Json = { [keyword: string]: unknown };

/** The schema of one document, a pipeline or a template; with `kinds`, the parameters of each kind of stage too. */
export function pipelineJsonSchema(kinds: StageKinds = new Map()): { readonly [keyword: string]: unknown } {
  const definitions = new Definitions();
  const pipeline = documentSchema(definitionSchema, kinds, definitions);
  const template = documentSchema(templateSchema, kinds, definitions);
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Gennaker',
    if: { required: ['template'], properties: { template: {} } },
    then: template,
    else: pipeline,
    $defs: definitions.all,
  };
}

/** What several places of the schema refer to; references lead from its root, wherever they stand. */
class Definitions {
  readonly all: Json = {};
  readonly #known = new Map<z.ZodType, Json>();
  #schemas = 0;

  /** The schema of what may be written, its own definitions moved to the root. */
  schemaOf(schema: z.ZodType): Json {
    const known = this.#known.get(schema);
    if (known !== undefined) return known;
    const { $schema: _dialect, $defs = {}, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
    this.#schemas += 1;
    const prefix = `of${this.#schemas}`;
    for (const [name, definition] of Object.entries($defs)) this.all[prefix + name] = moved(definition, prefix);
    const made = moved(rest, prefix) as Json;
    this.#known.set(schema, made);
    return made;
  }
}

const OWN_DEFINITION = '#/$defs/';

function moved(part: unknown, prefix: string): unknown {
  if (Array.isArray(part)) return part.map((item) => moved(item, prefix));
  if (!isRecord(part)) return part;
  const entries = Object.entries(part).map(([keyword, value]): [string, unknown] => {
    const isReference = keyword === '$ref' && typeof value === 'string' && value.startsWith(OWN_DEFINITION);
    if (isReference) return [keyword, `${OWN_DEFINITION}${prefix}${value.slice(OWN_DEFINITION.length)}`];
    return [keyword, moved(value, prefix)];
  });
  return Object.fromEntries(entries);
}

function documentSchema(schema: z.ZodType, kinds: StageKinds, definitions: Definitions): Json {
  const document = structuredClone(definitions.schemaOf(schema));
  const [declared, inserted] = stageSchemasIn(document);
  const isPipeline = schema === definitionSchema;
  if (declared !== undefined) describeStage(declared, kinds, { isPipeline, definitions });
  if (inserted !== undefined) describeStage(inserted, kinds, { isPipeline: false, definitions });
  return document;
}

/** Of the document's stages, and of those that it inserts into templates. */
function stageSchemasIn(document: Json): StageSchema[] {
  const stage = valuesOf(propertiesOf(document).stages);
  if (stage === undefined || !hasProperties(stage)) return [];
  const inserted = valuesOf(valuesOf(stage.properties.insert));
  return inserted !== undefined && hasProperties(inserted) ? [stage, inserted] : [stage];
}

type Where = { readonly isPipeline: boolean; readonly definitions: Definitions };

function describeStage(stage: StageSchema, kinds: StageKinds, where: Where): void {
  const names = [...kinds.keys()];
  if (names.length === 0) return;
  const { uses } = stage.properties;
  const known = { enum: names };
  const template = {
    type: 'string',
    pattern: '^[a-z0-9-]+@',
    description: 'A template and its versions: microservice@2',
  };
  stage.properties.uses = { ...(isRecord(uses) ? uses : {}), anyOf: [known, template] };
  stage.allOf = [...kinds.values()].map((kind) => ruleOf(kind, where));
}

/** What holds for stages of the kind; those of a template have the target of whoever uses it. */
function ruleOf(kind: StageKind, { isPipeline, definitions }: Where): Json {
  const parameters = definitions.schemaOf(kind.with);
  const isWanted = isPipeline && kind.target === 'required';
  const target = isWanted ? { anyOf: [{ required: ['target'] }, { required: ['targets'] }] } : {};
  return {
    if: { properties: { uses: { const: kind.kind } }, required: ['uses'] },
    then: { description: kind.description, properties: { with: orExpressions(parameters) }, ...target },
  };
}

/** Every value of the schema may be an expression instead; maps and lists keep their shape for completion. */
function orExpressions(schema: unknown): unknown {
  if (!isRecord(schema)) return schema;
  const inner = Object.fromEntries(
    Object.entries(schema).map(([keyword, value]): [string, unknown] => {
      if (keyword === 'properties' && isRecord(value)) {
        return [keyword, Object.fromEntries(Object.entries(value).map(([name, part]) => [name, orExpression(part)]))];
      }
      if (Array.isArray(value) && ['anyOf', 'oneOf', 'allOf'].includes(keyword))
        return [keyword, value.map(orExpressions)];
      return keyword === 'items' || keyword === 'additionalProperties'
        ? [keyword, orExpression(value)]
        : [keyword, value];
    }),
  );
  return inner;
}

function orExpression(schema: unknown): unknown {
  if (!isRecord(schema) || Object.keys(schema).length === 0) return schema;
  const { description, ...rest } = schema;
  const isPlainText =
    rest.type === 'string' && rest.enum === undefined && rest.pattern === undefined && rest.format === undefined;
  if (isPlainText) return schema;
  return { ...(description === undefined ? {} : { description }), anyOf: [orExpressions(rest), EXPRESSION] };
}

type StageSchema = Json & { properties: Json };

function hasProperties(schema: Json): schema is StageSchema {
  return isRecord(schema.properties);
}

function propertiesOf(schema: Json): Json {
  return isRecord(schema.properties) ? schema.properties : {};
}

/** The schema of a map's values. */
function valuesOf(schema: unknown): Json | undefined {
  const values = isRecord(schema) ? schema.additionalProperties : undefined;
  return isRecord(values) ? values : undefined;
}
