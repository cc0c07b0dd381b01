/** Text of pipeline and template files to checked definitions, or to everything that is wrong with them, with places. */
import type { z } from 'zod';
import { checkDocument } from './checks.ts';
import { hasExpression } from './expressions/text.ts';
import { type Finding, findings, valueAt } from './issues.ts';
import { formatPath, type Problem, shortened, sortProblems } from './problem.ts';
import { type Definition, definitionSchema } from './schema.ts';
import { NO_TEMPLATES, type Template, type Templates, templateSchema, templatesOf } from './template.ts';
import type { Usable } from './usable.ts';
import { isRecord, readYaml, type YamlDocument } from './yaml-file.ts';

export const MAXIMUM_PIPELINE_FILE_BYTES = 256 * 1024;
const MAXIMUM_VALUES = 20_000;
/** Beyond these, the problems of one file are cut: nobody reads more, and a hostile file could make a great many. */
const MAXIMUM_PROBLEMS = 500;

const NO_EXPRESSION = 'cannot have an expression, or has one that is too long';

/** Which version of a template a use leads to can differ from pipeline to pipeline. */
export type TemplatesFor = (pipeline: string) => Templates;

export type Parsed =
  | { readonly pipelines: readonly Definition[]; readonly templates: readonly Template[] }
  | { readonly problems: readonly Problem[] };

/**
 * Reads a file of pipelines and templates, one in each YAML document. Either everything in it is right, or `problems`
 * holds all that is wrong, sorted by place. Pipelines can use the templates of the file beside the published ones.
 */
export function parsePipelines(command: {
  file: string;
  text: string;
  kinds: Usable['kinds'];
  /** The published templates, as they are for the pipeline of a name. */
  templatesFor?: TemplatesFor;
}): Parsed {
  const { file, text, kinds, templatesFor = () => NO_TEMPLATES } = command;
  const limits = { maximumBytes: MAXIMUM_PIPELINE_FILE_BYTES, maximumValues: MAXIMUM_VALUES };
  const { documents, problems: syntax } = readYaml({ file, text, dialect: 'pipeline', limits });
  const problems: Problem[] = [...syntax];
  const reader = new Reader(file, kinds, templatesFor);
  // Templates first: pipelines above them may use them.
  for (const document of documents) if (isTemplate(document)) reader.template(document);
  for (const document of documents) if (!isTemplate(document)) reader.pipeline(document);
  problems.push(...reader.problems);
  if (documents.length === 0 && problems.length === 0) {
    problems.push({ file, line: 1, column: 1, message: 'the file has no pipeline; one begins with "pipeline: NAME"' });
  }
  if (problems.length > 0) return { problems: sortProblems(problems).slice(0, MAXIMUM_PROBLEMS) };
  return { pipelines: reader.pipelines, templates: reader.templates };
}

function isTemplate({ value }: YamlDocument): boolean {
  return isRecord(value) && value.template !== undefined && value.pipeline === undefined;
}

class Reader {
  readonly pipelines: Definition[] = [];
  readonly templates: Template[] = [];
  readonly problems: Problem[] = [];
  readonly #file: string;
  readonly #kinds: Usable['kinds'];
  readonly #templatesFor: TemplatesFor;

  constructor(file: string, kinds: Usable['kinds'], templatesFor: TemplatesFor) {
    this.#file = file;
    this.#kinds = kinds;
    this.#templatesFor = templatesFor;
  }

  template(document: YamlDocument): void {
    const template = this.#read(document, templateSchema, 'a template');
    if (template === undefined) return;
    const same = (other: Template) => other.template === template.template && other.version === template.version;
    if (this.templates.some(same)) {
      const sentence = `"${template.template}" has this version earlier in this file`;
      this.#problem(document, { path: ['version'], at: 'value', sentence });
    }
    this.templates.push(template);
  }

  pipeline(document: YamlDocument): void {
    const pipeline = this.#read(document, definitionSchema, 'a pipeline');
    if (pipeline === undefined) return;
    if (this.pipelines.some((other) => other.pipeline === pipeline.pipeline)) {
      const sentence = `"${pipeline.pipeline}" is the name of an earlier pipeline in this file`;
      this.#problem(document, { path: ['pipeline'], at: 'value', sentence });
    }
    this.pipelines.push(pipeline);
  }

  /** The document as its schema gives it; undefined where something is wrong, which is noted. */
  #read<T>(document: YamlDocument, schema: z.ZodType<T>, owner: string): T | undefined {
    if (isRecord(document.value) && document.value.template !== undefined && document.value.pipeline !== undefined) {
      const sentence =
        'stands beside "pipeline"; a document has one of the two, and a line with "---" divides documents';
      this.#problem(document, { path: ['template'], at: 'key', sentence });
      return undefined;
    }
    const parsed = schema.safeParse(document.value);
    const shape = parsed.success
      ? []
      : findings(parsed.error.issues, { schema, value: document.value, base: [], owner, document });
    const name = isRecord(document.value) && typeof document.value.pipeline === 'string' ? document.value.pipeline : '';
    const usable = { kinds: this.#kinds, templates: withOwn(this.#templatesFor(name), this.templates) };
    // What an expression stands for is checked by its type; nothing else can be wrong with its text.
    const isOfExpression = ({ path }: Finding): boolean => hasExpression(valueAt(document.value, path));
    const checks = checkDocument(document, usable).filter((one) => one.isExpression === true || !isOfExpression(one));
    const told = new Set(checks.map(({ path }) => formatPath(path)));
    // Where an expression may stand, the shape lets any through: what it refuses may have none.
    const shapes = shape
      .map((one) => (isOfExpression(one) ? { ...one, sentence: NO_EXPRESSION } : one))
      .filter((one) => !isOfExpression(one) || !told.has(formatPath(one.path)));
    const found = [...shapes, ...checks];
    for (const finding of found) this.#problem(document, finding);
    return parsed.success && found.length === 0 ? parsed.data : undefined;
  }

  #problem(document: YamlDocument, { path, at, sentence, alone, offset }: Finding): void {
    const value = offset === undefined ? document.valueAt(path) : document.inTextAt(path, offset);
    const position = at === 'key' ? document.keyAt(path) : value;
    const where = alone === true ? '' : formatPath(path);
    const message = shortened(where === '' ? sentence : `${where}  ${sentence}`);
    this.problems.push({ file: this.#file, ...position, message });
  }
}

/** The published templates and those of the file, which win: a file is checked as it will be when it is published. */
function withOwn(published: Templates, own: readonly Template[]): Templates {
  if (own.length === 0) return published;
  const templates = templatesOf(own);
  return {
    names: () => [...new Set([...published.names(), ...templates.names()])].sort(),
    find(use) {
      const found = templates.find(use);
      return found.is === 'found' || found.is === 'not-a-range' ? found : published.find(use);
    },
  };
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
