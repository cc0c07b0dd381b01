/** Walks a document's expressions: each is checked against what can be reached at its place. */

import {
  EXECUTION,
  PIPELINE,
  TARGET,
  type Types,
  textFindings,
  typeOfTrigger,
  valueFindings,
  WANTS_ANYTHING,
  WANTS_CONDITION,
  WANTS_TEXT,
  wantedBy,
} from './expression-checks.ts';
import { once } from './expressions/once.ts';
import { hasExpression } from './expressions/text.ts';
import { ANY, TEXT, type Type, typeOfSchema } from './expressions/types.ts';
import { inputsSchema, typeOfInputs } from './inputs.ts';
import type { Finding } from './issues.ts';
import type { Path } from './problem.ts';
import { insertedStages, type RawStage, rawStagesOf, stagesBefore } from './raw-stages.ts';
import { MAXIMUM_TEMPLATE_DEPTH, type Template, templateUse } from './template.ts';
import type { Usable } from './usable.ts';
import { isRecord, type YamlDocument } from './yaml-file.ts';

/** Everything that is wrong with the document's expressions. */
export function scopeFindings(document: YamlDocument, stages: readonly RawStage[], usable: Usable): Finding[] {
  const root = document.value;
  if (!isRecord(root) || !holdsExpression(root)) return [];
  const isTemplate = typeof root.template === 'string';
  const early: Types['roots'] = { inputs: inputsTypeOf(root), pipeline: PIPELINE };
  const images: Type = isTemplate ? { is: 'map', of: TEXT } : objectOf(root.images, () => TEXT);
  const common: Types['roots'] = { ...early, images, trigger: typeOfTrigger(root.on) };
  const found: Finding[] = [];
  for (const [field, value] of Object.entries(root)) {
    if (field === 'stages') continue;
    if (field === 'on') found.push(...triggerFindings(value, root, early));
    else found.push(...fieldFindings(field, value, { early, common, stages, usable, isTemplate }));
  }
  found.push(
    ...stageSetFindings({
      stages,
      usable,
      common: { ...common, execution: EXECUTION },
      outer: { types: () => new Map(), others: () => [] },
      hasTarget: isTemplate,
    }),
  );
  return found;
}

function fieldFindings(
  field: string,
  value: unknown,
  at: {
    early: Types['roots'];
    common: Types['roots'];
    stages: readonly RawStage[];
    usable: Usable;
    isTemplate: boolean;
  },
): Finding[] {
  const { early, common, stages, usable, isTemplate } = at;
  const check = (roots: Types['roots'], why: string): Finding[] => {
    const types: Types = { roots, why };
    if (field === 'manifests') return valueFindings({ value, path: [field], types, wanted: WANTS_ANYTHING });
    return textsWithin(value, [field]).flatMap(({ text, path }) => {
      const name = path.at(-1);
      const isOpen = typeof name === 'string' && OPEN_FIELDS.has(name);
      return isOpen ? textFindings(text, path, types, [TEXT]).findings : misplaced(text, path);
    });
  };
  switch (field) {
    case 'namespace':
    case 'images':
      return check(early, ', before anything has started');
    case 'concurrency':
    case 'notify':
      return check(common, ', where no stage has run yet');
    case 'manifests':
      return check({ ...common, target: TARGET }, ', because manifests are rendered before any stage runs');
    case 'outputs': {
      if (!isTemplate) break;
      const types = new Map(stages.map((stage) => [stage.id, typeOfStage(stage, usable)]));
      const roots = { ...common, target: TARGET, execution: EXECUTION, stages: fieldsOf(types) };
      return valueFindings({ value, path: [field], types: { roots }, wanted: WANTS_ANYTHING });
    }
  }
  return misplaced(value, [field]);
}

/** Triggers are read before anything has started; only what they give to inputs comes from the event. */
function triggerFindings(value: unknown, root: { readonly [key: string]: unknown }, early: Types['roots']): Finding[] {
  const { inputs, ...fromPipeline } = early;
  const isTemplate = typeof root.template === 'string';
  return (Array.isArray(value) ? value : []).flatMap((trigger: unknown, index): Finding[] => {
    if (!isRecord(trigger))
      return valueFindings({ value: trigger, path: ['on', index], types: { roots: early }, wanted: WANTS_TEXT });
    const { with: given, ...rest } = trigger;
    const before: Types = { roots: early, why: ', before anything has started' };
    const found = valueFindings({ value: rest, path: ['on', index], types: before, wanted: WANTS_TEXT });
    // The pipeline's inputs are what is given here; a template's own are known.
    const roots = { ...fromPipeline, ...(isTemplate ? { inputs } : {}), trigger: typeOfTrigger([trigger]) };
    const wanted = isTemplate || inputs === undefined ? WANTS_ANYTHING : (inner: Path) => typesWithin(inputs, inner);
    const types: Types = { roots, why: ', where the inputs are still to be given' };
    return [...found, ...valueFindings({ value: given, path: ['on', index, 'with'], types, wanted })];
  });
}

/** The fields outside stages, manifests and outputs that may have expressions. */
const OPEN_FIELDS: ReadonlySet<string> = new Set([
  ...['namespace', 'repository', 'tag', 'semver', 'regex', 'push', 'group', 'slack', 'pubsub'],
]);

function textsWithin(value: unknown, path: Path): { text: string; path: Path }[] {
  if (typeof value === 'string') return hasExpression(value) ? [{ text: value, path }] : [];
  if (Array.isArray(value)) return value.flatMap((item: unknown, index) => textsWithin(item, [...path, index]));
  if (!isRecord(value)) return [];
  return Object.entries(value).flatMap(([name, item]) => textsWithin(item, [...path, name]));
}

/** Expressions where none is resolved. */
function misplaced(value: unknown, path: Path): Finding[] {
  const sentence = 'cannot have an expression: it is read before anything that an expression names is known';
  return textsWithin(value, path).map(
    (text): Finding => ({ path: text.path, at: 'value', sentence, isExpression: true }),
  );
}

/** Of all stages together: nobody reads more. */
const MAXIMUM_FINDINGS = 500;

type Outer = { readonly types: () => ReadonlyMap<string, Type>; readonly others: () => readonly string[] };

function stageSetFindings(command: {
  stages: readonly RawStage[];
  usable: Usable;
  common: Types['roots'];
  /** Stages around these that come before all of them. */
  outer: Outer;
  hasTarget: boolean;
}): Finding[] {
  const { stages, usable, common, outer, hasTarget } = command;
  const before = stagesBefore(stages);
  const types = new Map(stages.map((stage) => [stage.id, { type: once(() => typeOfStage(stage, usable)) }]));
  let told = 0;
  return stages.flatMap((stage) => {
    if (told > MAXIMUM_FINDINGS || !holdsExpression(stage.raw)) return [];
    const earlier = before.get(stage.id) ?? new Set();
    // Most expressions name no stage, and then nobody asks.
    const reachable = once(
      () =>
        new Map([
          ...outer.types(),
          ...[...earlier].flatMap((id): [string, Type][] => {
            const found = types.get(id);
            return found === undefined ? [] : [[id, found.type()]];
          }),
        ]),
    );
    const others = once(() => {
      const ids = stages.map(({ id }) => id).filter((id) => !earlier.has(id) && id !== stage.id);
      return [...outer.others(), ...ids];
    });
    const found = stageFindings(stage, { usable, common, reachable, others, hasTarget });
    told += found.length;
    return found;
  });
}

function stageFindings(
  stage: RawStage,
  at: {
    usable: Usable;
    common: Types['roots'];
    reachable: () => ReadonlyMap<string, Type>;
    others: () => readonly string[];
    hasTarget: boolean;
  },
): Finding[] {
  const { usable, common, reachable, others } = at;
  const hasTarget = at.hasTarget || stage.raw.target !== undefined || stage.raw.targets !== undefined;
  const { execution: _execution, ...early } = common;
  const stages = once(() => fieldsOf(reachable()));
  const roots = {
    ...common,
    ...(hasTarget ? { target: TARGET } : {}),
    get stages() {
      return stages();
    },
  };
  const types: Types = {
    roots,
    otherStages: others,
    ownStage: stage.id,
    ...(hasTarget ? {} : { why: ', where the stage has no target' }),
  };
  const found: Finding[] = [];
  const check = (value: unknown, path: Path, scope: Types, wanted: (inner: Path) => readonly Type[]): void => {
    found.push(...valueFindings({ value, path, types: scope, wanted }));
  };
  for (const [field, value] of Object.entries(stage.raw)) {
    const path = [...stage.path, field];
    switch (field) {
      case 'with':
        check(value, path, types, wantedByUse(stage.raw.uses, usable));
        break;
      case 'if':
        check(value, path, types, WANTS_CONDITION);
        break;
      case 'target':
        check(value, path, { roots: early, why: ', where targets are chosen' }, WANTS_TEXT);
        break;
      case 'targets':
        found.push(...targetsFindings(value, path, { roots: early, why: ', where targets are chosen' }));
        break;
      case 'override':
        found.push(...overrideFindings(stage, types, usable));
        break;
      case 'insert':
        for (const { stages } of insertedStages(stage)) {
          const outer = { types: reachable, others };
          found.push(...stageSetFindings({ stages, usable, common, outer, hasTarget }));
        }
        break;
      default:
        found.push(...misplaced(value, path));
    }
  }
  return found;
}

function targetsFindings(value: unknown, path: Path, types: Types): Finding[] {
  if (!isRecord(value)) return valueFindings({ value, path, types, wanted: wantsTargets });
  return Object.entries(value).flatMap(([field, part]) => {
    if (field === 'names') return valueFindings({ value: part, path: [...path, field], types, wanted: wantsTargets });
    if (field === 'labels') return valueFindings({ value: part, path: [...path, field], types, wanted: WANTS_TEXT });
    return misplaced(part, [...path, field]);
  });
}

/** A list of names, or the name of one in it. */
function wantsTargets(inner: Path): readonly Type[] {
  return inner.length === 0 ? [{ is: 'list', of: TEXT }] : [TEXT];
}

function overrideFindings(stage: RawStage, types: Types, usable: Usable): Finding[] {
  const template = templateOf(stage.raw.uses, usable);
  return rawStagesOf(stage.raw.override, [...stage.path, 'override']).flatMap((changed) =>
    Object.entries(changed.raw).flatMap(([field, value]): Finding[] => {
      const path = [...changed.path, field];
      if (field === 'if') return valueFindings({ value, path, types, wanted: WANTS_CONDITION });
      if (field !== 'with') return misplaced(value, path);
      const uses = template?.stages[changed.id]?.uses;
      return valueFindings({ value, path, types, wanted: wantedByUse(uses, usable) });
    }),
  );
}

function wantedByUse(uses: unknown, usable: Usable): (inner: Path) => readonly Type[] {
  const kind = typeof uses === 'string' ? usable.kinds.get(uses) : undefined;
  if (kind !== undefined) return wantedBy(kind.with);
  const template = templateOf(uses, usable);
  if (template === undefined) return WANTS_ANYTHING;
  const inputs = typeOfInputs(template.inputs);
  return (inner) => typesWithin(inputs, inner);
}

function typesWithin(type: Type, path: Path): readonly Type[] {
  let current: Type | undefined = type;
  for (const part of path) {
    if (current?.is === 'object') current = typeof part === 'string' ? current.fields[part] : undefined;
    else if (current?.is === 'list' || current?.is === 'map') current = current.of;
    else return [];
  }
  return current === undefined ? [] : [current];
}

/** The type of what a stage gives to those after it. */
function typeOfStage(stage: RawStage, usable: Usable, depth = 0): Type {
  const one = outputsTypeOf(stage.raw, usable, depth);
  const { targets } = stage.raw;
  if (targets === undefined) return one;
  if (!Array.isArray(targets)) return { is: 'map', of: one };
  if (targets.length === 1) return one;
  const names = targets.filter((name): name is string => typeof name === 'string');
  if (names.some(hasExpression)) return { is: 'map', of: one };
  return { is: 'object', fields: Object.fromEntries(names.map((name) => [name, one])), isByTarget: true };
}

function outputsTypeOf(raw: RawStage['raw'], usable: Usable, depth: number): Type {
  const { uses } = raw;
  const kind = typeof uses === 'string' ? usable.kinds.get(uses) : undefined;
  if (kind !== undefined) {
    if (kind.outputsOf === undefined) return typeOfSchema(kind.outputs);
    const parameters = kind.with.safeParse(raw.with ?? {});
    return parameters.success ? typeOfSchema(kind.outputsOf(parameters.data)) : ANY;
  }
  const template = templateOf(uses, usable);
  return template === undefined ? ANY : typeOfOutputs(template, usable, depth);
}

const outputTypes = new WeakMap<Template, Type>();

/** The type of what a template gives; a published template was checked, so its expressions have types. */
export function typeOfOutputs(template: Template, usable: Usable, depth = 0): Type {
  const known = outputTypes.get(template);
  if (known !== undefined) return known;
  if (depth > MAXIMUM_TEMPLATE_DEPTH) return ANY;
  const stages = rawStagesOf(template.stages, ['stages']);
  const types = new Map(stages.map((stage) => [stage.id, typeOfStage(stage, usable, depth + 1)]));
  const roots: Types['roots'] = {
    inputs: typeOfInputs(template.inputs),
    pipeline: PIPELINE,
    images: { is: 'map', of: TEXT },
    trigger: typeOfTrigger(undefined),
    target: TARGET,
    execution: EXECUTION,
    stages: fieldsOf(types),
  };
  const fields = Object.entries(template.outputs).map(([name, { value }]): [string, Type] => {
    const { findings, type } = textFindings(value, ['outputs', name], { roots }, []);
    return [name, findings.length === 0 ? type : ANY];
  });
  const type: Type = { is: 'object', fields: Object.fromEntries(fields) };
  outputTypes.set(template, type);
  return type;
}

export function templateOf(uses: unknown, usable: Usable): Template | undefined {
  const use = typeof uses === 'string' ? templateUse(uses) : undefined;
  const found = use === undefined ? undefined : usable.templates.find(use);
  return found?.is === 'found' ? found.template : undefined;
}

function inputsTypeOf(root: { readonly [key: string]: unknown }): Type {
  if (root.inputs === undefined) return { is: 'object', fields: {} };
  const parsed = inputsSchema.safeParse(root.inputs);
  return parsed.success ? typeOfInputs(parsed.data) : objectOf(root.inputs, () => ANY);
}

function objectOf(value: unknown, typeOf: () => Type): Type {
  const names = isRecord(value) ? Object.keys(value) : [];
  return { is: 'object', fields: Object.fromEntries(names.map((name) => [name, typeOf()])) };
}

function fieldsOf(types: ReadonlyMap<string, Type>): Type {
  return { is: 'object', fields: Object.fromEntries(types) };
}

function holdsExpression(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(holdsExpression);
  return isRecord(value) ? Object.values(value).some(holdsExpression) : hasExpression(value);
}
