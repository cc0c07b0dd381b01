/** The language as a JSON Schema, which editors complete and check by. */
import { z } from 'zod';
import type { StageKinds } from './checks.ts';
import { definitionSchema } from './schema.ts';
import { isRecord } from './yaml-file.ts';

/** The schema of one pipeline document; with `kinds`, the parameters of each kind of stage too. */
export function pipelineJsonSchema(kinds: StageKinds = new Map()): { readonly [keyword: string]: unknown } {
  const schema: { [keyword: string]: unknown } = z.toJSONSchema(definitionSchema, { io: 'input' });
  const stage = stageSchemaIn(schema);
  const names = [...kinds.keys()];
  if (stage === undefined || names.length === 0) return schema;
  const { uses } = stage.properties;
  stage.properties.uses = { ...(isRecord(uses) ? uses : {}), enum: names };
  stage.allOf = [...kinds.values()].map((kind) => {
    const { $schema: _dialect, ...parameters } = z.toJSONSchema(kind.with, { io: 'input', unrepresentable: 'any' });
    const required =
      kind.target === 'required' ? [{ anyOf: [{ required: ['target'] }, { required: ['targets'] }] }] : [];
    return {
      if: { properties: { uses: { const: kind.kind } }, required: ['uses'] },
      then: { description: kind.description, properties: { with: parameters }, allOf: required },
    };
  });
  return schema;
}

type StageSchema = { [keyword: string]: unknown; properties: { [name: string]: unknown } };

function stageSchemaIn(schema: { [keyword: string]: unknown }): StageSchema | undefined {
  const properties = schema.properties;
  const stages = isRecord(properties) ? properties.stages : undefined;
  const stage = isRecord(stages) ? stages.additionalProperties : undefined;
  return isRecord(stage) && hasProperties(stage) ? stage : undefined;
}

function hasProperties(schema: { [keyword: string]: unknown }): schema is StageSchema {
  return isRecord(schema.properties);
}
