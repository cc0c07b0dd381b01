/** What of a definition must be known before anything starts: inherited from templates and resolved with the inputs. */
import type { z } from 'zod';
import type { Json, JsonObject } from '../core/json.ts';
import type { PinnedImage } from '../core/plan.ts';
import { normalizeRepository } from '../registry/reference.ts';
import { type Resolved, resolveValue, UnresolvedExpression } from './expressions/resolve.ts';
import { hasExpression } from './expressions/text.ts';
import { givenProblems, sentencesOf, withDefaults } from './inputs.ts';
import { didYouMean } from './nearest.ts';
import { formatPath, type Path } from './problem.ts';
import { type Definition, definitionSchema } from './schema.ts';
import { meaningIn, type Scope, type Surroundings } from './scope.ts';
import { type Inherited, MAXIMUM_TEMPLATE_DEPTH, type Template, type Templates, templateUse } from './template.ts';
import { templateInputs } from './template-inputs.ts';
import { isRecord } from './yaml-file.ts';

/** A definition whose triggers, images and namespace are as they count; `inputs` are the values that made them so. */
export type SettledDefinition = Omit<Definition, 'on' | 'namespace'> & {
  readonly on: NonNullable<Definition['on']>;
  readonly namespace: string;
  readonly values: JsonObject;
};

/** A pipeline that cannot be planned as it is given; one sentence for each thing that is wrong. */
export class CannotSettle extends Error {
  override readonly name = 'CannotSettle';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

/**
 * Settles the definition with the inputs that are given; the others have their defaults. Throws CannotSettle: an input
 * is missing or wrong (not with `isOpen`, which asks what would start it before anyone gives inputs), or a resolved
 * value does not fit.
 */
export function settle(command: {
  definition: Definition;
  templates: Templates;
  inputs: JsonObject;
  isOpen?: boolean;
}): SettledDefinition {
  const { definition, templates, inputs, isOpen = false } = command;
  const wrong = isOpen ? [] : givenProblems(inputs, definition.inputs, ['inputs']);
  if (wrong.length > 0) throw new CannotSettle(sentencesOf(wrong));
  const values = withDefaults(inputs, definition.inputs);
  const bare = { name: definition.pipeline, team: definition.team, namespace: '' };
  const scope = withUnknown(scopeOf(values, { pipeline: bare, images: {}, trigger: {} }), definition, inputs, isOpen);
  const namespace = soFar(definition.namespace ?? definition.team, scope, ['namespace'], isOpen) ?? definition.team;
  const images = Object.entries(definition.images).map(([name, image]) => [
    name,
    soFar(image, scope, ['images', name], isOpen) ?? image,
  ]);
  const inherited = inherit(definition, 'on', templates, scope);
  const triggers = inherited === undefined ? [] : (inherited.value as readonly Json[]);
  const on = triggers.flatMap((trigger, index): Json[] => {
    const found = soFar(trigger, inherited?.scope ?? scope, ['on', index], isOpen);
    return found === undefined ? [] : [found];
  });
  return { ...definition, ...checked({ namespace, images: Object.fromEntries(images), on }, isOpen), values };
}

const settledSchema = definitionSchema.pick({ namespace: true, images: true, on: true }).required();

/** What was put in is held to the same rules as what a person writes. Throws CannotSettle. */
function checked(value: unknown, isOpen: boolean): z.output<typeof settledSchema> {
  const parsed = settledSchema.safeParse(value);
  if (!parsed.success) {
    throw new CannotSettle(
      parsed.error.issues.map(({ path, message }) => `${formatPath(path.map(pathPart))}  ${message}`),
    );
  }
  const { data } = parsed;
  // What looks like an expression now is text that somebody gave, which the rules let pass.
  const left = isOpen ? [] : textsWithExpression(data, []);
  const unknown = data.on.flatMap(({ push }, index): string[] => {
    const names = Object.keys(data.images);
    const hint = didYouMean(push, names) || `; there ${names.length === 0 ? 'are none' : `are ${names.join(', ')}`}`;
    return names.includes(push) ? [] : [`on[${index}].push  "${push}": no such image under images${hint}`];
  });
  const problems = [...left.map((path) => `${formatPath(path)}  cannot have "\${{"`), ...unknown];
  if (problems.length > 0) throw new CannotSettle(problems);
  return data;
}

export function textsWithExpression(value: unknown, path: Path): Path[] {
  if (hasExpression(value)) return [path];
  if (Array.isArray(value)) return value.flatMap((item: unknown, index) => textsWithExpression(item, [...path, index]));
  if (!isRecord(value)) return [];
  return Object.entries(value).flatMap(([name, item]) => textsWithExpression(item, [...path, name]));
}

/** The scope before anyone has given inputs: those that somebody must give are not known. */
function withUnknown(scope: Scope, { inputs }: Definition, given: JsonObject, isOpen: boolean): Scope {
  if (!isOpen) return scope;
  const unknown = Object.entries(inputs).flatMap(([name, { required }]): [string, Resolved][] =>
    required === true && given[name] === undefined ? [[name, knownLater(name)]] : [],
  );
  return { ...scope, inputs: { ...scope.inputs, ...Object.fromEntries(unknown) } };
}

function knownLater(input: string): Resolved {
  return { value: `\${{ inputs.${input} }}`, isLater: true };
}

/** The value resolved; with `isOpen`, undefined where it rests on what nobody has given yet. Throws CannotSettle. */
function soFar(value: unknown, scope: Scope, path: Path, isOpen: boolean): Json | undefined {
  const found = resolve(value, scope, path);
  if (found.isLater && isOpen) return undefined;
  if (found.isLater) throw new CannotSettle([notYet(path)]);
  return found.value;
}

type Inheriting = { readonly [field in Inherited]?: unknown } & {
  readonly stages: { readonly [id: string]: { readonly uses: string; readonly with: JsonObject } };
};

/** Its own value, or that of the first of its templates that has one, templates within templates too, with its scope. */
export function inherit(
  owner: Inheriting,
  field: Inherited,
  templates: Templates,
  scope: Scope,
  depth = 0,
): { readonly value: Json; readonly scope: Scope } | undefined {
  if (owner[field] !== undefined) return { value: owner[field] as Json, scope };
  if (depth >= MAXIMUM_TEMPLATE_DEPTH) return undefined;
  for (const stage of Object.values(owner.stages)) {
    const use = templateUse(stage.uses);
    const found = use === undefined ? undefined : templates.find(use);
    if (found?.is !== 'found') continue;
    const inherited = inherit(
      found.template,
      field,
      templates,
      scopeWithin(stage.with, found.template, scope),
      depth + 1,
    );
    if (inherited !== undefined) return inherited;
  }
  return undefined;
}

/** The scope of a template's own fields. Inputs that only a running execution, or an image, can tell are known later. */
function scopeWithin(given: JsonObject, template: Template, scope: Scope): Scope {
  const resolvedInputs = Object.entries(given).map(([name, value]): [string, Resolved] => {
    try {
      return [name, resolveValue(value ?? null, meaningIn(scope), { path: ['with', name] })];
    } catch (error) {
      if (!(error instanceof UnresolvedExpression)) throw error;
      // Where it matters it is told with the stage that it is given to.
      return [name, knownLater(name)];
    }
  });
  return { ...scope, inputs: templateInputs(new Map(resolvedInputs), template.inputs), stages: new Map() };
}

export function scopeOf(values: JsonObject, surroundings: Surroundings): Scope {
  const inputs = Object.entries(values).map(([name, value]): [string, Resolved] => [
    name,
    { value: value ?? null, isLater: false },
  ]);
  return { surroundings, inputs: Object.fromEntries(inputs), stages: new Map() };
}

/** The value, which must be known now. Throws CannotSettle. */
export function resolved(value: unknown, scope: Scope, path: Path): Json {
  const found = resolve(value, scope, path);
  if (!found.isLater) return found.value;
  throw new CannotSettle([notYet(path)]);
}

function resolve(value: unknown, scope: Scope, path: Path): Resolved {
  try {
    return resolveValue(JSON.parse(JSON.stringify(value)), meaningIn(scope), { path });
  } catch (error) {
    if (!(error instanceof UnresolvedExpression)) throw error;
    throw new CannotSettle([`${formatPath(error.path)}  ${error.message}`]);
  }
}

function notYet(path: Path): string {
  return `${formatPath(path)}  rests on what is known only while the execution runs; it must be known before`;
}

function pathPart(part: PropertyKey): string | number {
  return typeof part === 'symbol' ? String(part) : part;
}

/** Stand-ins for images of which nobody knows the digest yet. */
export function outlinedImages({ images }: Pick<SettledDefinition, 'images'>): { [name: string]: PinnedImage } {
  const digest = `sha256:${'0'.repeat(64)}`;
  return Object.fromEntries(
    Object.entries(images).map(([name, { repository }]) => [
      name,
      { repository: normalizeRepository(repository), tag: 'unknown', digest },
    ]),
  );
}
