/** What a schema found wrong, told in the words of the pipeline language: the place, what was expected, the nearest name. */
import { z } from 'zod';
import { didYouMean, nearest } from './nearest.ts';
import { formatPath, type Path } from './problem.ts';
import { isRecord, type YamlDocument } from './yaml-file.ts';

/** One thing that is wrong. `at: 'key'` points at the name in the path's end, `'value'` at what stands under it. */
export type Finding = {
  readonly path: Path;
  readonly at: 'key' | 'value';
  readonly sentence: string;
  /** The sentence is clear without the path before it. */
  readonly alone?: true;
  /** It is about an expression in the text. */
  readonly isExpression?: true;
  /** Where in the text, in characters. */
  readonly offset?: number;
};

/** What was checked, and where it stands in the document. */
export type Checked = {
  readonly schema: z.core.$ZodType;
  readonly value: unknown;
  /** The path of `value` in the document. */
  readonly base: Path;
  /** What the value is, for "is not a field of …"; for parts of it the place is named instead. */
  readonly owner: string;
  readonly document: YamlDocument;
};

type Issue = z.core.$ZodIssue;

const MAXIMUM_SHOWN_TEXT = 60;

/** Tells each issue of a failed check. */
export function findings(issues: readonly Issue[], checked: Checked): Finding[] {
  return withoutExplained(issues.flatMap((issue) => tell(issue, [], checked)));
}

type Told = Finding & { readonly missing?: true; readonly unknown?: { readonly meant: string | undefined } };

/** A missing field is not told where an unknown one in the same map is taken for it. */
function withoutExplained(told: readonly Told[]): Finding[] {
  const explained = new Set(
    told.flatMap(({ path, unknown }) =>
      unknown?.meant === undefined ? [] : [formatPath([...path.slice(0, -1), unknown.meant])],
    ),
  );
  return told
    .filter((finding) => finding.missing === undefined || !explained.has(formatPath(finding.path)))
    .map(({ path, at, sentence }) => ({ path, at, sentence }));
}

function tell(issue: Issue, prefix: Path, checked: Checked): Told[] {
  const inner: Path = [...prefix, ...issue.path.map(pathPart)];
  const path: Path = [...checked.base, ...inner];
  const value = valueAt(checked.value, inner);
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownField(key, inner, path, checked));
    case 'invalid_type':
      return [wrongType([expectedType(issue.expected, issue.message)], inner, path, value, checked)];
    case 'invalid_value': {
      const allowed = issue.values.map(String);
      const given = show(value);
      if (value === undefined) return [wrongType([allowed.join(' or ')], inner, path, value, checked)];
      const hint = typeof value === 'string' ? didYouMean(value, allowed) : '';
      const expected = allowed.length === 1 ? allowed.join() : `one of ${allowed.join(', ')}`;
      return [{ path, at: 'value', sentence: `must be ${expected}, not ${given}${hint}` }];
    }
    case 'too_small':
    case 'too_big': {
      const limit = issue.code === 'too_small' ? `at least ${issue.minimum}` : `at most ${issue.maximum}`;
      return [{ path, at: 'value', sentence: sizeSentence(limit, issue.origin, value) }];
    }
    case 'invalid_key':
      return issue.issues.map((nested) => ({ path, at: 'key', sentence: sentenceOf(nested.message) }));
    case 'invalid_union':
      return tellUnion(issue, inner, path, value, checked);
    default:
      return [{ path, at: 'value', sentence: sentenceOf(issue.message) }];
  }
}

/** Of a choice between shapes, the one that fits best is told. */
function tellUnion(
  issue: z.core.$ZodIssueInvalidUnion,
  inner: Path,
  path: Path,
  value: unknown,
  checked: Checked,
): Told[] {
  const branches = issue.errors.filter((branch) => branch.length > 0);
  const wrongAtRoot = branches.every((branch) =>
    branch.some((nested) => nested.code === 'invalid_type' && nested.path.length === 0),
  );
  if (branches.length === 0) return [{ path, at: 'value', sentence: sentenceOf(issue.message) }];
  if (wrongAtRoot) {
    const expected = branches.flatMap((branch) =>
      branch.flatMap((nested) =>
        nested.code === 'invalid_type' ? [expectedType(nested.expected, nested.message)] : [],
      ),
    );
    return [wrongType([...new Set(expected)], inner, path, value, checked)];
  }
  const told = branches
    .map((branch) => ({ branch, cost: costOf(branch) }))
    .sort((a, b) => a.cost - b.cost)
    .slice(0, 1)
    .flatMap(({ branch }) => branch.flatMap((nested) => tell(nested, inner, checked)));
  // Which of the shapes was meant is not known where a field is of none of them.
  const isOfNone = told.some((finding) => finding.unknown !== undefined);
  return isOfNone ? told.filter((finding) => finding.missing === undefined) : told;
}

const ROOT_COST = 100;

function costOf(branch: readonly Issue[]): number {
  return branch.reduce((sum, issue) => {
    if (issue.code === 'unrecognized_keys') return sum + 2 * issue.keys.length;
    return sum + (issue.code === 'invalid_type' && issue.path.length === 0 ? ROOT_COST : 1);
  }, 0);
}

function unknownField(key: string, inner: Path, path: Path, checked: Checked): Told {
  const known = [...fieldsAt([checked.schema], inner)];
  const owner = inner.length === 0 ? checked.owner : ownerOf(path);
  const meant = nearest(key, known);
  const others = known.length === 0 ? '' : `; its fields are ${known.join(', ')}`;
  const sentence = `is not a field of ${owner}${meant === undefined ? others : `; did you mean "${meant}"?`}`;
  return { path: [...path, key], at: 'key', sentence, unknown: { meant } };
}

function wrongType(expected: readonly string[], inner: Path, path: Path, value: unknown, checked: Checked): Told {
  const wanted = expected.join(' or ');
  if (value === undefined) {
    const description = descriptionAt([checked.schema], inner);
    const sentence = `is missing${description === undefined ? '' : ` (${lowerFirst(description)})`}`;
    return { path, at: 'value', sentence, missing: true };
  }
  if (value === null) return { path, at: 'value', sentence: `must be ${wanted}, but nothing is given` };
  const source = checked.document.sourceAt(path);
  const isText = wanted === 'text' && (typeof value === 'number' || typeof value === 'boolean');
  const quotes = isText && source !== undefined ? `; write it in quotes: "${source}"` : '';
  return { path, at: 'value', sentence: `must be ${wanted}, not ${typeOf(value)}${quotes}` };
}

function sizeSentence(limit: string, origin: string, value: unknown): string {
  const entries = /\b1$/.test(limit) ? 'entry' : 'entries';
  if (Array.isArray(value)) return `must have ${limit} ${entries}, not ${value.length}`;
  if (typeof value === 'string') return `must have ${limit} characters, not ${value.length}`;
  if (isRecord(value)) return `must have ${limit} ${entries}, not ${Object.keys(value).length}`;
  return `must be ${limit}, not ${origin === 'number' || origin === 'int' ? String(value) : show(value)}`;
}

/** Our own schemas word their sentences; a library's one is kept behind its subject. */
function sentenceOf(message: string): string {
  return /^[A-Z]/.test(message) ? `is not valid: ${lowerFirst(message)}` : message;
}

function expectedType(expected: string, message: string): string {
  const own = /^must be (.*)$/.exec(message)?.[1];
  if (own !== undefined) return own;
  switch (expected) {
    case 'string':
      return 'text';
    case 'int':
      return 'a whole number';
    case 'boolean':
      return 'true or false';
    case 'array':
      return 'a list';
    case 'object':
    case 'record':
      return 'a map';
    default:
      return `a ${expected}`;
  }
}

function typeOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (isRecord(value)) return 'a map';
  if (typeof value === 'string') return 'text';
  return typeof value === 'number' || typeof value === 'boolean' ? `the ${typeof value} ${value}` : typeof value;
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= MAXIMUM_SHOWN_TEXT ? text : `${text.slice(0, MAXIMUM_SHOWN_TEXT)}…`;
}

function lowerFirst(text: string): string {
  return /^[A-Z][a-z' ]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;
}

/** What a map in the language is called. */
function ownerOf(path: Path): string {
  const [first, , third] = path;
  if (path.length === 2 && first === 'stages') return 'a stage';
  if (path.length === 2 && first === 'images') return 'an image';
  if (path.length === 2 && first === 'on') return 'a trigger';
  if (path.length === 2 && first === 'notify') return 'a notification';
  if (path.length === 2 && first === 'inputs') return 'an input';
  if (path.length === 2 && first === 'outputs') return 'an output';
  if (path.length === 2 && first === 'places') return 'a place';
  if (path.length === 5 && first === 'stages' && third === 'insert') return 'an inserted stage';
  if (path.length === 4 && first === 'stages' && third === 'override') return 'a change of a stage';
  if (first === 'stages' && third === 'with') return formatPath(path.slice(2));
  return formatPath(path.filter((part) => typeof part === 'string').slice(-1));
}

function pathPart(part: PropertyKey): string | number {
  return typeof part === 'symbol' ? String(part) : part;
}

export function valueAt(value: unknown, path: Path): unknown {
  let current = value;
  for (const part of path) {
    if (Array.isArray(current) && typeof part === 'number') current = current[part];
    else if (isRecord(current) && Object.hasOwn(current, part)) current = current[part];
    else return undefined;
  }
  return current;
}

/** The names of the fields that maps at the path may have, in every shape that the schema allows there. */
function fieldsAt(schemas: readonly z.core.$ZodType[], path: Path): Set<string> {
  return new Set(
    schemasAt(schemas, path).flatMap((schema) => (schema instanceof z.ZodObject ? Object.keys(schema.shape) : [])),
  );
}

function descriptionAt(schemas: readonly z.core.$ZodType[], path: Path): string | undefined {
  for (const schema of stepInto(schemas, path)) {
    for (const layer of [schema, ...unwrapped(schema)]) {
      if (layer instanceof z.ZodType && layer.description !== undefined) return layer.description;
    }
  }
  return undefined;
}

function schemasAt(schemas: readonly z.core.$ZodType[], path: Path): z.core.$ZodType[] {
  return stepInto(schemas, path).flatMap((schema) => [schema, ...unwrapped(schema)]);
}

function stepInto(schemas: readonly z.core.$ZodType[], path: Path): z.core.$ZodType[] {
  let current: readonly z.core.$ZodType[] = schemas;
  for (const part of path) {
    current = current
      .flatMap((schema) => [schema, ...unwrapped(schema)])
      .flatMap((schema) => {
        if (schema instanceof z.ZodObject) {
          const field: unknown = Object.hasOwn(schema.shape, part) ? schema.shape[String(part)] : undefined;
          return field instanceof z.core.$ZodType ? [field] : [];
        }
        if (schema instanceof z.ZodArray) return [schema.element];
        return schema instanceof z.ZodRecord ? [schema.valueType] : [];
      });
  }
  return [...current];
}

const MAXIMUM_LAYERS = 20;

/** What is inside optional, default, piped and alternative schemas. */
function unwrapped(schema: z.core.$ZodType, layers = 0): z.core.$ZodType[] {
  if (layers > MAXIMUM_LAYERS) return [];
  let inside: readonly z.core.$ZodType[] = [];
  if (
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodReadonly
  ) {
    inside = [schema.unwrap()];
  } else if (schema instanceof z.ZodPipe) inside = [schema.in];
  else if (schema instanceof z.ZodUnion) inside = schema.options;
  return inside.flatMap((layer) => [layer, ...unwrapped(layer, layers + 1)]);
}
