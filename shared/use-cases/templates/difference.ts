/** What differs between two versions of a template for those who use it, and which of that breaks them: pure. */
import type { Json } from '../../core/json.ts';
import { canonicalJson } from '../../pipeline/canonical.ts';
import type { InputDeclaration, InputDeclarations } from '../../pipeline/inputs.ts';
import { INHERITED } from '../../pipeline/template.ts';

/** What people who use a template rely on. */
export type TemplateSurface = {
  readonly inputs: InputDeclarations;
  readonly outputs: { readonly [name: string]: { readonly value: string } };
  readonly places: { readonly [name: string]: unknown };
  readonly protected: readonly string[];
  readonly stages: { readonly [id: string]: unknown };
  /** What it hands on to pipelines that do not say it themselves. */
  readonly on?: unknown;
  readonly concurrency?: unknown;
  readonly notify?: unknown;
};

export type TemplateChange = {
  /** `inputs.replicas.max`, `outputs.url`, … */
  readonly path: string;
  /** What happened to it, to be read after the path: `is gone`. */
  readonly text: string;
  /** Whether a file that was right for the version before may be wrong now. */
  readonly isBreaking: boolean;
};

/** Those that break first; otherwise in the order inputs, outputs, places, protection, stages, what is handed on. */
export function differenceOf(before: TemplateSurface, after: TemplateSurface): readonly TemplateChange[] {
  const changes = [
    ...inputChanges(before.inputs, after.inputs, 'inputs'),
    ...nameChanges(values(before.outputs), values(after.outputs), 'outputs'),
    ...nameChanges(before.places, after.places, 'places'),
    ...protectionChanges(before.protected, after.protected),
    ...stageChanges(before.stages, after.stages),
    ...handedOn(before, after),
  ];
  return [...changes.filter(({ isBreaking }) => isBreaking), ...changes.filter(({ isBreaking }) => !isBreaking)];
}

function inputChanges(before: InputDeclarations, after: InputDeclarations, path: string): TemplateChange[] {
  const changes: TemplateChange[] = [];
  for (const [name, input] of Object.entries(before)) {
    const now = Object.hasOwn(after, name) ? after[name] : undefined;
    const at = `${path}.${name}`;
    if (now === undefined) changes.push({ path: at, text: 'is gone', isBreaking: true });
    else changes.push(...inputChange(input, now, at));
  }
  for (const [name, input] of Object.entries(after)) {
    if (Object.hasOwn(before, name)) continue;
    const isBreaking = input.required === true;
    changes.push({ path: `${path}.${name}`, text: isBreaking ? 'is new and required' : 'is new', isBreaking });
  }
  return changes;
}

function inputChange(before: InputDeclaration, after: InputDeclaration, path: string): TemplateChange[] {
  const breaking = (text: string): TemplateChange => ({ path, text, isBreaking: true });
  const harmless = (text: string): TemplateChange => ({ path, text, isBreaking: false });
  if (before.type !== after.type) return [breaking(`was ${ARTICLE[before.type]} and is now ${ARTICLE[after.type]}`)];
  const changes: TemplateChange[] = [];
  if (before.required !== true && after.required === true) changes.push(breaking('is required now'));
  if (before.required === true && after.required !== true) changes.push(harmless('is not required any more'));
  changes.push(...boundChanges(before, after, path));
  const gone = (before.choices ?? []).filter((choice) => !(after.choices ?? []).includes(choice));
  if (gone.length > 0) changes.push(breaking(`may not be ${gone.join(' or ')} any more`));
  const added = (after.choices ?? []).filter((choice) => !(before.choices ?? []).includes(choice));
  if (added.length > 0) changes.push(harmless(`may be ${added.join(' or ')} too`));
  if (before.pattern !== after.pattern) {
    changes.push(
      after.pattern === undefined
        ? harmless(`need not match ${before.pattern} any more`)
        : breaking(`must match ${after.pattern} now`),
    );
  }
  if (!areSame(before.default, after.default)) {
    changes.push(harmless(`is ${shown(after.default)} by default, not ${shown(before.default)}`));
  }
  if (before.type === 'list') {
    const text: InputDeclaration = { type: 'string' };
    changes.push(...inputChange(before.of ?? text, after.of ?? text, `${path}[]`));
  }
  changes.push(...inputChanges(before.fields ?? {}, after.fields ?? {}, path));
  return changes;
}

const ARTICLE: { readonly [type in InputDeclaration['type']]: string } = {
  string: 'a string',
  number: 'a number',
  boolean: 'a boolean',
  choice: 'a choice',
  list: 'a list',
  object: 'an object',
};

function boundChanges(before: InputDeclaration, after: InputDeclaration, path: string): TemplateChange[] {
  const least = [before.minimum ?? Number.NEGATIVE_INFINITY, after.minimum ?? Number.NEGATIVE_INFINITY] as const;
  const most = [before.maximum ?? Number.POSITIVE_INFINITY, after.maximum ?? Number.POSITIVE_INFINITY] as const;
  const changes: TemplateChange[] = [];
  const isNarrower = least[1] > least[0] || most[1] < most[0];
  const isWider = least[1] < least[0] || most[1] > most[0];
  if (isNarrower) changes.push({ path, text: `must be ${boundsOf(after)} now`, isBreaking: true });
  else if (isWider) changes.push({ path, text: `may be ${boundsOf(after)} now`, isBreaking: false });
  return changes;
}

function boundsOf({ minimum, maximum }: InputDeclaration): string {
  if (minimum !== undefined && maximum !== undefined) return `from ${minimum} to ${maximum}`;
  if (minimum !== undefined) return `at least ${minimum}`;
  return maximum === undefined ? 'any number' : `at most ${maximum}`;
}

function nameChanges(
  before: { readonly [name: string]: unknown },
  after: { readonly [name: string]: unknown },
  path: string,
): TemplateChange[] {
  const gone = Object.keys(before).filter((name) => !Object.hasOwn(after, name));
  const added = Object.keys(after).filter((name) => !Object.hasOwn(before, name));
  const other = Object.keys(before).filter((name) => Object.hasOwn(after, name) && !areSame(before[name], after[name]));
  return [
    ...gone.map((name) => ({ path: `${path}.${name}`, text: 'is gone', isBreaking: true })),
    ...added.map((name) => ({ path: `${path}.${name}`, text: 'is new', isBreaking: false })),
    ...other.map((name) => ({ path: `${path}.${name}`, text: `is now ${shown(after[name])}`, isBreaking: false })),
  ];
}

function protectionChanges(before: readonly string[], after: readonly string[]): TemplateChange[] {
  const change = (name: string, text: string): TemplateChange => ({ path: name, text, isBreaking: false });
  return [
    ...after.filter((name) => !before.includes(name)).map((name) => change(name, 'is protected now')),
    ...before.filter((name) => !after.includes(name)).map((name) => change(name, 'is not protected any more')),
  ];
}

function stageChanges(before: TemplateSurface['stages'], after: TemplateSurface['stages']): TemplateChange[] {
  const change = (id: string, text: string): TemplateChange => ({ path: `stages.${id}`, text, isBreaking: false });
  const changed = (id: string) => Object.hasOwn(before, id) && !areSame(before[id], after[id]);
  return [
    ...Object.keys(before)
      .filter((id) => !Object.hasOwn(after, id))
      .map((id) => change(id, 'is gone')),
    ...Object.keys(after)
      .filter((id) => !Object.hasOwn(before, id))
      .map((id) => change(id, 'is new')),
    ...Object.keys(after)
      .filter(changed)
      .map((id) => change(id, 'does its work in another way')),
  ];
}

function values(outputs: TemplateSurface['outputs']): { readonly [name: string]: string } {
  return Object.fromEntries(Object.entries(outputs).map(([name, { value }]) => [name, value]));
}

function handedOn(before: TemplateSurface, after: TemplateSurface): TemplateChange[] {
  return INHERITED.filter((field) => !areSame(before[field], after[field])).map((field) => ({
    path: field,
    text: `is now ${shown(after[field])}`,
    isBreaking: false,
  }));
}

const MAXIMUM_SHOWN = 60;

function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length > MAXIMUM_SHOWN ? `${text.slice(0, MAXIMUM_SHOWN)}…` : text;
}

function areSame(left: unknown, right: unknown): boolean {
  return textOf(left) === textOf(right);
}

/** Undefined and absent are the same: both stand in definitions. */
function textOf(value: unknown): string {
  return value === undefined ? '' : canonicalJson(JSON.parse(JSON.stringify(value)) as Json);
}
