/** Text of pipeline files to checked definitions, or to everything that is wrong with them, with places. */
import { checkDocument, defaultStageTimeout, hasExpression, type StageKinds } from './checks.ts';
import { type Finding, findings, valueAt } from './issues.ts';
import { formatPath, type Problem, sortProblems } from './problem.ts';
import { type Definition, definitionSchema, parametersSchema, type StageDefinition } from './schema.ts';
import { readYaml, type YamlDocument } from './yaml-file.ts';

export const MAXIMUM_PIPELINE_FILE_BYTES = 256 * 1024;
const MAXIMUM_VALUES = 20_000;
/** Beyond these, the problems of one file are cut: nobody reads more, and a hostile file could make a great many. */
const MAXIMUM_PROBLEMS = 500;

export type Parsed = { readonly pipelines: readonly Definition[] } | { readonly problems: readonly Problem[] };

/**
 * Reads a file of one or more pipelines, one in each YAML document. Either every pipeline in it is right, or
 * `problems` holds all that is wrong, sorted by place.
 */
export function parsePipelines(command: { file: string; text: string; kinds: StageKinds }): Parsed {
  const { file, text, kinds } = command;
  const limits = { maximumBytes: MAXIMUM_PIPELINE_FILE_BYTES, maximumValues: MAXIMUM_VALUES };
  const { documents, problems: syntax } = readYaml({ file, text, dialect: 'pipeline', limits });
  const problems: Problem[] = [...syntax];
  const pipelines: Definition[] = [];
  const seen = new Set<string>();
  for (const document of documents) {
    const { definition, found } = readDocument(document, kinds);
    problems.push(...found.map((finding) => place(file, document, finding)));
    if (definition === undefined) continue;
    if (seen.has(definition.pipeline)) {
      const sentence = `"${definition.pipeline}" is the name of an earlier pipeline in this file`;
      problems.push(place(file, document, { path: ['pipeline'], at: 'value', sentence }));
    }
    seen.add(definition.pipeline);
    pipelines.push(definition);
  }
  if (documents.length === 0 && problems.length === 0) {
    problems.push({ file, line: 1, column: 1, message: 'the file has no pipeline; one begins with "pipeline: NAME"' });
  }
  return problems.length === 0 ? { pipelines } : { problems: sortProblems(problems).slice(0, MAXIMUM_PROBLEMS) };
}

/** Reads back a definition that was checked before and stored. Throws where it no longer fits the language. */
export function readDefinition(stored: unknown): Definition {
  const parsed = definitionSchema.safeParse(stored);
  if (!parsed.success) {
    throw new Error(
      'reading a stored pipeline: it does not fit this version of the language; apply the pipeline again',
      {
        cause: parsed.error,
      },
    );
  }
  return parsed.data;
}

function readDocument(
  document: YamlDocument,
  kinds: StageKinds,
): { definition?: Definition; found: readonly Finding[] } {
  const parsed = definitionSchema.safeParse(document.value);
  const shape = parsed.success
    ? []
    : findings(parsed.error.issues, {
        schema: definitionSchema,
        value: document.value,
        base: [],
        owner: 'a pipeline',
        document,
      });
  // What an expression stands for is not known yet, so nothing else is wrong with it.
  const found = [...shape, ...checkDocument(document, kinds)].filter(
    ({ path, isExpression }) => isExpression === true || !hasExpression(valueAt(document.value, path)),
  );
  if (!parsed.success || found.length > 0) return { found };
  const stages = Object.entries(parsed.data.stages).map(([id, stage]) => [id, complete(stage, parsed.data, kinds)]);
  return { definition: { ...parsed.data, stages: Object.fromEntries(stages) }, found };
}

/** The stage with its kind's own defaults filled in. */
function complete(stage: StageDefinition, definition: Definition, kinds: StageKinds): StageDefinition {
  const kind = kinds.get(stage.uses);
  if (kind === undefined) throw new Error(`completing a stage: no kind "${stage.uses}", though the checks passed it`);
  const parameters = kind.with.parse(stage.with);
  const timeout = stage.timeout ?? definition.defaults?.timeout ?? defaultStageTimeout(kind, parameters);
  return { ...stage, timeout, with: parametersSchema.parse(parameters) };
}

function place(file: string, document: YamlDocument, { path, at, sentence, alone }: Finding): Problem {
  const position = at === 'key' ? document.keyAt(path) : document.valueAt(path);
  const where = alone === true ? '' : formatPath(path);
  return { file, ...position, message: where === '' ? sentence : `${where}  ${sentence}` };
}
