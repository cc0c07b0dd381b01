/** What of a definition must be known before anything starts: inherited from templates and resolved with the inputs. */
import type { z } from 'zod';
import type { Json, JsonObject } from '../core/json.ts';
import { newBudget } from './expressions/cost.ts';
import { textOfReference } from './expressions/evaluate.ts';
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
  /** Inputs that somebody must give and that nobody has given yet. */
  readonly unknown: readonly string[];
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
  const unknown = isOpen ? unknownIn(definition, inputs) : [];
  const bare = { name: definition.pipeline, team: definition.team, namespace: '' };
  const surroundings = { pipeline: bare, images: {}, trigger: {}, budget: newBudget() };
  const scope = scopeOf({ values, unknown }, surroundings);
  const namespace = soFar(definition.namespace ?? definition.team, scope, ['namespace'], isOpen) ?? definition.team;
  const images = Object.entries(definition.images).map(([name, image]) => [
    name,
    soFar(image, scope, ['images', name], isOpen) ?? image,
  ]);
  const inherited = inherit(definition, 'on', templates, scope);
  const triggers = inherited === undefined ? [] : (inherited.value as readonly Json[]);
  const on = triggers.flatMap((trigger, index): Json[] => {
    const found = settledTrigger(trigger, inherited?.scope ?? scope, ['on', index], isOpen);
    return found === undefined ? [] : [found];
  });
  return { ...definition, ...checked({ namespace, images: Object.fromEntries(images), on }, isOpen), values, unknown };
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
  // What a trigger gives to inputs is filled in from the event.
  const triggers = data.on.map(({ with: _given, ...trigger }) => trigger);
  const left = isOpen ? [] : textsWithExpression({ ...data, on: triggers }, []);
  const unknown = data.on.flatMap((trigger, index): string[] => {
    if (!('push' in trigger)) return [];
    const { push } = trigger;
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

function unknownIn({ inputs }: Definition, given: JsonObject): string[] {
  return Object.entries(inputs).flatMap(([name, { required }]) =>
    required === true && given[name] === undefined ? [name] : [],
  );
}

function knownLater(input: string): Resolved {
  return { value: `\${{ inputs.${input} }}`, isLater: true };
}

/** A trigger as it counts; what its `with` takes from an event stays, for the event to fill in. */
function settledTrigger(trigger: Json, scope: Scope, path: Path, isOpen: boolean): Json | undefined {
  if (!isRecord(trigger)) return trigger;
  const { with: given, ...rest } = trigger as JsonObject;
  const fixed = soFar(rest, scope, path, isOpen) as JsonObject | undefined;
  if (fixed === undefined || given === undefined) return fixed;
  return { ...fixed, with: openInputs(given, scope, [...path, 'with']) };
}

function openInputs(given: Json, scope: Scope, path: Path): Json {
  const known = meaningIn(scope);
  try {
    return resolveValue(
      given,
      (reference) =>
        reference.root === 'trigger' ? { is: 'later', cel: textOfReference(reference) } : known(reference),
      { path },
    ).value;
  } catch (error) {
    if (!(error instanceof UnresolvedExpression)) throw error;
    throw new CannotSettle([`${formatPath(error.path)} ${error.message}`]);
  }
}

/** The inputs that a trigger of the settled definition takes from what it was given by an event. Throws CannotSettle. */
export function inputsFromTrigger(definition: SettledDefinition, index: number, trigger: JsonObject): JsonObject {
  const given = definition.on[index]?.with;
  if (given === undefined) return {};
  const { pipeline, team, namespace } = definition;
  const surroundings = { pipeline: { name: pipeline, team, namespace }, images: {}, trigger, budget: newBudget() };
  const scope = scopeOf({ values: {}, unknown: [] }, surroundings);
  try {
    const { value } = resolveValue(given as Json, meaningIn(scope), { isResolved: true, path: ['on', index, 'with'] });
    return value as JsonObject;
  } catch (error) {
    if (!(error instanceof UnresolvedExpression)) throw error;
    throw new CannotSettle([`${formatPath(error.path)} ${error.message}`]);
  }
}

/** The value resolved; with `isOpen`, undefined where it rests on what nobody has given yet. Throws CannotSettle. */
export function soFar(value: unknown, scope: Scope, path: Path, isOpen: boolean): Json | undefined {
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
  const used = Object.values(owner.stages).flatMap((stage) => {
    const use = templateUse(stage.uses);
    const found = use === undefined ? undefined : templates.find(use);
    const isOffered = found?.is === 'found' && offers(found.template, field, templates, depth);
    return isOffered ? [{ stage, template: found.template }] : [];
  });
  // What a template protects no other template hides, wherever that is used.
  const isFirst = ({ template }: { template: Template }) => template.protected.includes(field);
  for (const { stage, template } of [...used.filter(isFirst), ...used.filter((one) => !isFirst(one))]) {
    const inherited = inherit(template, field, templates, scopeWithin(stage.with, template, scope), depth + 1);
    if (inherited !== undefined) return inherited;
  }
  return undefined;
}

/** Whether the template, or one within it, says anything of the field: to resolve its inputs costs more than to look. */
function offers(template: Template, field: Inherited, templates: Templates, depth: number): boolean {
  if (template[field] !== undefined) return true;
  if (depth >= MAXIMUM_TEMPLATE_DEPTH) return false;
  return Object.values(template.stages).some(({ uses }) => {
    const use = templateUse(uses);
    const found = use === undefined ? undefined : templates.find(use);
    return found?.is === 'found' && offers(found.template, field, templates, depth + 1);
  });
}

/** The scope of a template's own fields. Inputs that only a running execution, or an image, can tell are known later. */
function scopeWithin(given: JsonObject, template: Template, scope: Scope): Scope {
  const resolvedInputs = Object.entries(given).map(([name, value]): [string, Resolved] => {
    try {
      const { budget } = scope.surroundings;
      return [name, resolveValue(value ?? null, meaningIn(scope), { path: ['with', name], budget })];
    } catch (error) {
      if (!(error instanceof UnresolvedExpression)) throw error;
      // Where it matters it is told with the stage that it is given to.
      return [name, knownLater(name)];
    }
  });
  return { ...scope, inputs: templateInputs(new Map(resolvedInputs), template.inputs), stages: new Map() };
}

/** The scope of a pipeline's own fields: inputs that nobody has given yet are known later. */
export function scopeOf(
  { values, unknown }: Pick<SettledDefinition, 'values' | 'unknown'>,
  surroundings: Surroundings,
): Scope {
  const inputs = Object.entries(values).map(([name, value]): [string, Resolved] => [
    name,
    unknown.includes(name) ? knownLater(name) : { value: value ?? null, isLater: false },
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
    const { budget } = scope.surroundings;
    return resolveValue(JSON.parse(JSON.stringify(value)), meaningIn(scope), { path, budget });
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
