/** Templates: stages that admins publish under a name and a version, and that pipelines use as if they were one stage. */
import semver from 'semver';
import { z } from 'zod';
import { hasExpression } from './expressions/text.ts';
import { inputsSchema } from './inputs.ts';
import { inheritable, stageId, stagesSchema } from './schema.ts';

const MAXIMUM_OUTPUTS = 100;
const MAXIMUM_PLACES = 50;
const MAXIMUM_EXPRESSION = 4000;
/** Different uses that are remembered. */
const MAXIMUM_USES = 10_000;
/** Templates within templates. */
export const MAXIMUM_TEMPLATE_DEPTH = 8;

const templateName = z
  .string()
  .max(63)
  .regex(/^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/, {
    error: (issue) => `must be lower-case letters, digits and "-", as in microservice, not "${String(issue.input)}"`,
  });

const version = z
  .string()
  .max(50)
  .refine((text) => semver.valid(text) === text, {
    error: (issue) => `must be a semantic version, as in 2.1.0, not "${String(issue.input)}"`,
  });

const outputName = z
  .string()
  .max(63)
  .regex(/^[a-z][A-Za-z0-9_]*$/, {
    error: (issue) => `must be a name: a lower-case letter, then letters, digits and "_", not "${String(issue.input)}"`,
  });

const outputSchema = z
  .strictObject({
    value: z
      .string()
      .max(MAXIMUM_EXPRESSION)
      .refine(hasExpression, { error: `must be an expression, as in "\${{ stages.deploy.images }}"` })
      .describe('An expression over the inputs and the outputs of the stages'),
    description: z.string().max(1000).optional().describe('One sentence for who uses it'),
  })
  .describe('What pipelines can refer to as an output');

const placeSchema = z
  .union([
    z.strictObject({ before: stageId.describe('The stage that inserted stages come before') }),
    z.strictObject({ after: stageId.describe('The stage that inserted stages come after') }),
    z.strictObject({ replace: stageId.describe('The stage that inserted stages take the place of') }),
  ])
  .describe('A place where pipelines may insert stages');

export const INHERITED = ['on', 'concurrency', 'notify'] as const;
export type Inherited = (typeof INHERITED)[number];

export const templateSchema = z
  .strictObject({
    template: templateName.describe('The name of the template'),
    version: version.describe(
      'Its version, by the rules of semantic versioning: a breaking change has a new first number',
    ),
    owner: z
      .string()
      .max(63)
      .regex(/^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/, { error: 'must be the name of a team' })
      .describe('The team that publishes it'),
    description: z.string().max(2000).optional().describe('What it is for'),
    deprecated: z
      .string()
      .min(1)
      .max(1000)
      .optional()
      .describe('Why this version should no longer be used, and what instead'),
    inputs: inputsSchema.default({}).describe('What pipelines give it under "with"'),
    ...inheritable,
    stages: stagesSchema,
    outputs: z
      .record(outputName, outputSchema)
      .refine((outputs) => Object.keys(outputs).length <= MAXIMUM_OUTPUTS, {
        error: `has too many outputs; at most ${MAXIMUM_OUTPUTS} are allowed`,
      })
      .default({})
      .describe('What pipelines can refer to, by name'),
    places: z
      .record(stageId, placeSchema)
      .refine((places) => Object.keys(places).length <= MAXIMUM_PLACES, {
        error: `has too many places; at most ${MAXIMUM_PLACES} are allowed`,
      })
      .default({})
      .describe('Where pipelines may insert stages, by name'),
    protected: z
      .array(z.string().max(63))
      .max(500)
      .default([])
      .describe('What pipelines may not change: stages by their ids, and "on", "concurrency" and "notify"'),
  })
  .describe('A Gennaker template');

/** A checked template, in the words of the file and with the language's defaults filled in. */
export type Template = z.output<typeof templateSchema>;

/** `microservice@2`: a template and the versions of it that will do. */
export type TemplateUse = { readonly name: string; readonly range: string };

/** The use that the text names; undefined where it names a stage kind. */
export function templateUse(uses: string): TemplateUse | undefined {
  const at = uses.indexOf('@');
  return at < 0 ? undefined : { name: uses.slice(0, at), range: uses.slice(at + 1) };
}

export type FoundTemplate =
  | { readonly is: 'found'; readonly template: Template }
  | { readonly is: 'unknown' }
  /** Nobody here knows what is published: nothing can be said about it. */
  | { readonly is: 'unchecked' }
  /** `because` says more than that none fits, where that is known. */
  | { readonly is: 'no-version'; readonly versions: readonly string[]; readonly because?: string }
  | { readonly is: 'not-a-range' };

/** The templates that a pipeline can use: for each use one version. */
export interface Templates {
  names(): readonly string[];
  find(use: TemplateUse): FoundTemplate;
}

/**
 * The templates of a list. Of the versions that a use lets through it takes the one in `locks`, where there is one, and
 * otherwise the highest; prereleases only where they are named.
 */
export function templatesOf(list: readonly Template[], locks: { readonly [name: string]: string } = {}): Templates {
  const byName = Map.groupBy(list, ({ template }) => template);
  /** One use is looked up many times while a file is checked and planned. */
  const uses = new Map<string, FoundTemplate>();
  const search = ({ name, range }: TemplateUse): FoundTemplate => {
    const versions = byName.get(name);
    if (versions === undefined) return { is: 'unknown' };
    if (semver.validRange(range) === null || range.trim() === '') return { is: 'not-a-range' };
    const locked = Object.hasOwn(locks, name) ? locks[name] : undefined;
    const isLocked = locked !== undefined && semver.satisfies(locked, range);
    const all = versions.map((each) => each.version);
    const chosen = isLocked && all.includes(locked) ? locked : semver.maxSatisfying(all, range);
    const template = versions.find((each) => each.version === chosen);
    if (template !== undefined) return { is: 'found', template };
    return { is: 'no-version', versions: [...all].sort(semver.compare) };
  };
  return {
    names: () => [...byName.keys()].sort(),
    find(use) {
      const key = `${use.name}@${use.range}`;
      const found = uses.get(key) ?? search(use);
      if (uses.size < MAXIMUM_USES) uses.set(key, found);
      return found;
    },
  };
}

/** `microservice@2.1.0` */
export function nameOfTemplate({ template, version: exact }: Template): string {
  return `${template}@${exact}`;
}

/** What someone has who cannot ask the system which templates there are. */
export const UNCHECKED_TEMPLATES: Templates = { names: () => [], find: () => ({ is: 'unchecked' }) };

/** No templates at all, for those who only want kinds. */
export const NO_TEMPLATES: Templates = { names: () => [], find: () => ({ is: 'unknown' }) };

type Using = { readonly uses: string; readonly insert?: unknown };

/** The exact versions of all templates that the stages use, templates within templates and inserted ones too, by name. */
export function templatesUsed(
  stages: { readonly [id: string]: Using },
  templates: Templates,
): { readonly [name: string]: string } {
  const used: { [name: string]: string } = {};
  const visit = (level: { readonly [id: string]: Using }, depth: number): void => {
    for (const { uses, insert = {} } of Object.values(level)) {
      for (const inserted of Object.values(insert as { [place: string]: { [id: string]: Using } }))
        visit(inserted, depth);
      const use = templateUse(uses);
      const found = use === undefined ? undefined : templates.find(use);
      if (found?.is !== 'found' || depth > MAXIMUM_TEMPLATE_DEPTH) continue;
      used[found.template.template] = found.template.version;
      visit(found.template.stages, depth + 1);
    }
  };
  visit(stages, 1);
  return used;
}
