/** What of a definition must be known before anything starts: inherited from templates and resolved with the inputs. */
import type { Json, JsonObject } from '../core/json.ts';
import type { PinnedImage } from '../core/plan.ts';
import { normalizeRepository } from '../registry/reference.ts';
import { textOfReference } from './expressions/evaluate.ts';
import { type Resolved, resolveValue, UnresolvedExpression } from './expressions/resolve.ts';
import { hasExpression } from './expressions/text.ts';
import { givenProblems, sentencesOf, withDefaults } from './inputs.ts';
import { formatPath, type Path } from './problem.ts';
import { type Definition, definitionSchema } from './schema.ts';
import { meaningIn, type Scope, type Surroundings } from './scope.ts';
import { type Inherited, type Templates, templateUse } from './template.ts';
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
  const scope = scopeOf(values, { pipeline: bare, images: {}, trigger: {} });
  const namespace = textAt(resolved(definition.namespace ?? definition.team, scope, ['namespace']), ['namespace']);
  const images = resolved(definition.images, scope, ['images']);
  const { value, scope: triggerScope } = inherit(definition, 'on', templates, scope) ?? { value: [], scope };
  const on = settledTriggers(value, triggerScope);
  // What was put in is held to the same rules as what a person writes.
  const checked = definitionSchema.safeParse({ ...definition, namespace, images, on });
  if (!checked.success) {
    const problems = checked.error.issues.map(({ path, message }) => `${formatPath(path.map(pathPart))} ${message}`);
    throw new CannotSettle(problems);
  }
  return { ...checked.data, on: checked.data.on ?? [], namespace, values };
}

/** The triggers as they count; what their `with` takes from an event stays, for the event to fill in. */
function settledTriggers(value: Json, scope: Scope): Json {
  const triggers = Array.isArray(value) ? value : [];
  return triggers.map((trigger: Json, index): Json => {
    if (!isRecord(trigger)) return trigger;
    const { with: given, ...rest } = trigger as JsonObject;
    const fixed = resolved(rest, scope, ['on', index]) as JsonObject;
    return given === undefined ? fixed : { ...fixed, with: openInputs(given, scope, ['on', index, 'with']) };
  });
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
  const scope = scopeOf({}, { pipeline: { name: pipeline, team, namespace }, images: {}, trigger });
  try {
    const { value } = resolveValue(given as Json, meaningIn(scope), { isResolved: true, path: ['on', index, 'with'] });
    return value as JsonObject;
  } catch (error) {
    if (!(error instanceof UnresolvedExpression)) throw error;
    throw new CannotSettle([`${formatPath(error.path)} ${error.message}`]);
  }
}

/** The definition's own value, or that of the first of its templates that has one, with what it can reach. */
export function inherit(
  definition: Pick<Definition, Inherited | 'stages'>,
  field: Inherited,
  templates: Templates,
  scope: Scope,
): { readonly value: Json; readonly scope: Scope } | undefined {
  if (definition[field] !== undefined) return { value: definition[field] as Json, scope };
  for (const [id, stage] of Object.entries(definition.stages)) {
    const use = templateUse(stage.uses);
    const found = use === undefined ? undefined : templates.find(use);
    if (found?.is !== 'found' || found.template[field] === undefined) continue;
    const { template } = found;
    const given = Object.fromEntries(
      Object.entries(stage.with).filter(([, value]) => !JSON.stringify(value).includes('stages.')),
    );
    const values = withDefaults(resolved(given, scope, ['stages', id, 'with']) as JsonObject, template.inputs);
    return { value: template[field] as Json, scope: scopeOf(values, scope.surroundings) };
  }
  return undefined;
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
  try {
    const result = resolveValue(JSON.parse(JSON.stringify(value)), meaningIn(scope), { path });
    if (!result.isLater) return result.value;
    throw new CannotSettle([`${formatPath(path)} must be known before the execution starts`]);
  } catch (error) {
    if (!(error instanceof UnresolvedExpression)) throw error;
    throw new CannotSettle([`${formatPath(error.path)} ${error.message}`]);
  }
}

function textAt(value: Json, path: Path): string {
  if (typeof value === 'string' && !hasExpression(value)) return value;
  throw new CannotSettle([`${formatPath(path)} must be text, not ${JSON.stringify(value)}`]);
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
