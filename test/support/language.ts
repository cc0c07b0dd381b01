/** Pipelines and templates for the tests of the language: from text to a plan, with kinds that do nothing. */
import { z } from 'zod';
import type { JsonObject } from '../../shared/core/json.ts';
import type { PinnedImage, Plan, StagePlan } from '../../shared/core/plan.ts';
import { type CompileCommand, compile } from '../../shared/pipeline/compile.ts';
import { parsePipelines } from '../../shared/pipeline/parse.ts';
import type { Definition } from '../../shared/pipeline/schema.ts';
import type { Target } from '../../shared/pipeline/scope.ts';
import { settle } from '../../shared/pipeline/settle.ts';
import { NO_TEMPLATES, type Template, type Templates, templatesOf } from '../../shared/pipeline/template.ts';
import type { StageKind } from '../../shared/stages/kind.ts';
import { stageKinds } from '../../shared/stages/registry.ts';

const neverRun = async (): Promise<never> => {
  throw new Error('the language runs no stage');
};

/** Takes and gives anything, on a target or on none. */
const echo: StageKind = {
  kind: 'echo',
  description: 'Gives what it takes.',
  target: 'none',
  with: z.strictObject({ text: z.string().optional(), count: z.number().optional(), any: z.json().optional() }),
  cursor: z.unknown(),
  outputs: z.strictObject({ text: z.string(), count: z.number(), ok: z.boolean(), any: z.json() }),
  step: neverRun,
  stop: neverRun,
};

/** Delivers what it is told, with no manifests of the pipeline's. */
const roll: StageKind = {
  ...echo,
  kind: 'roll',
  description: 'Rolls out.',
  target: 'required',
  with: z.strictObject({
    image: z.string().default('none'),
    weight: z.int().min(0).max(100).default(100),
    labels: z.record(z.string(), z.string()).default({}),
    env: z.array(z.strictObject({ name: z.string(), value: z.string() })).default([]),
  }),
  outputs: z.strictObject({ version: z.string(), pods: z.number(), images: z.record(z.string(), z.string()) }),
};

/** The built-in kinds, `echo` and `roll`. */
export const KINDS: ReadonlyMap<string, StageKind> = new Map<string, StageKind>([
  ...stageKinds(),
  ['echo', echo],
  ['roll', roll],
]);

export const TARGETS: readonly Target[] = [
  { name: 'jp', labels: { env: 'prod', region: 'asia-northeast1' } },
  { name: 'us', labels: { env: 'prod', region: 'us-central1' } },
  { name: 'uk', labels: { env: 'prod', region: 'europe-west2' } },
  { name: 'dev', labels: { env: 'dev', region: 'asia-northeast1' } },
];

/** What is wrong with the text, as `3:12  sentence`; none where nothing is. */
export function problemsOf(text: string, templates: Templates = NO_TEMPLATES): string[] {
  const parsed = parsePipelines({ file: 'gennaker.yaml', text, kinds: KINDS, templatesFor: () => templates });
  if (!('problems' in parsed)) return [];
  return parsed.problems.map(({ line, column, message }) => `${line}:${column}  ${message}`);
}

/** The pipelines and templates of the text. Throws where anything is wrong with it. */
export function read(
  text: string,
  templates: Templates = NO_TEMPLATES,
): { pipelines: readonly Definition[]; templates: readonly Template[] } {
  const parsed = parsePipelines({ file: 'gennaker.yaml', text, kinds: KINDS, templatesFor: () => templates });
  if ('problems' in parsed) throw new Error(problemsOf(text, templates).join('\n'));
  return parsed;
}

/** The templates of the texts. */
export function published(...texts: readonly string[]): Templates {
  let templates: Template[] = [];
  for (const text of texts) templates = [...templates, ...read(text, templatesOf(templates)).templates];
  return templatesOf(templates);
}

type Given = Partial<Pick<CompileCommand, 'trigger' | 'targets'>> & {
  readonly templates?: Templates;
  readonly inputs?: JsonObject;
};

/** The plan of the one pipeline in the text. */
export function planOf(text: string, given: Given = {}): Plan {
  return planDefinition(definitionOf(text, given.templates), given);
}

/** The one pipeline of the text. Throws where there is none. */
export function definitionOf(text: string, templates: Templates = NO_TEMPLATES): Definition {
  const [definition] = read(text, templates).pipelines;
  if (definition === undefined) throw new Error('the text has no pipeline');
  return definition;
}

/** The plan of the definition; each of its images is pinned to 1.2.3. */
export function planDefinition(definition: Definition, given: Given = {}): Plan {
  const { templates = NO_TEMPLATES, inputs = {}, trigger = {}, targets = TARGETS } = given;
  const settled = settle({ definition, templates, inputs });
  const images = Object.entries(settled.images).map(([name, { repository }]): [string, PinnedImage] => [
    name,
    { repository, tag: '1.2.3', digest: `sha256:${'9f3c'.repeat(16)}` },
  ]);
  const command = { definition: settled, kinds: KINDS, templates, targets, trigger };
  return compile({ ...command, images: Object.fromEntries(images) });
}

/** The stage of the plan. Throws where there is none. */
export function stageOf(plan: Plan, id: string): StagePlan {
  const stage = plan.stages.find((each) => each.id === id);
  if (stage === undefined) throw new Error(`the plan has ${plan.stages.map((each) => each.id).join(', ')}; not ${id}`);
  return stage;
}

/** By stage, what it waits for: those that it needs, and behind a `|` those that must be at rest. */
export function orderOf(plan: Plan): { [stage: string]: string } {
  return Object.fromEntries(
    plan.stages.map(({ id, needs, after = [] }) => [id, [needs.join(' '), ...after].join(' | ').trim()]),
  );
}
