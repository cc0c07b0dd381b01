/** The routes of pipelines and of the inbox: what is applied, applying, starting, and what arrived. */
import { z } from 'zod';
import type { AppliedPipeline, Pipelines } from '../../shared/ports/pipelines.ts';
import { MAXIMUM_IMAGES } from '../../shared/triggers/source.ts';
import { timestamp } from '../../shared/use-cases/describe-execution.ts';
import type { DryRun } from '../../shared/use-cases/dry-run.ts';
import { CannotPlan } from '../../shared/use-cases/make-plan.ts';
import { chosenImage, type RunAnswer } from '../../shared/use-cases/request-run.ts';
import { MAXIMUM_LIMIT, pageQuery, UNNAMED } from './executions.ts';
import { actorOf, json, Refusal, readBody, readQuery } from './http.ts';
import type { Route } from './router.ts';

export type PipelineProblem = {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
};

type Strings = { [name: string]: string };

export type PipelineCommands = {
  readonly applyPipelines: (command: {
    file: string;
    text: string;
    files: Strings;
    by: string;
    override?: { reason: string } | undefined;
  }) => Promise<
    | {
        is: 'applied';
        pipelines: readonly { name: string; change: 'created' | 'changed' | 'unchanged' }[];
        notes: readonly string[];
      }
    | { is: 'refused'; problems: readonly PipelineProblem[] }
  >;
  readonly requestRun: (command: {
    pipeline: string;
    requestId: string;
    inputs: { [name: string]: z.core.util.JSONType };
    images: Strings;
    by: string;
  }) => Promise<RunAnswer>;
  readonly dryRun: (command: {
    pipeline: string;
    inputs: { [name: string]: z.core.util.JSONType };
    images: Strings;
    by: string;
    at: number;
    signal: AbortSignal;
  }) => Promise<DryRun>;
};

/** A pipeline as a list shows it. */
export type PipelineSummary = {
  readonly name: string;
  readonly team: string;
  readonly generation: number;
  /** ISO 8601, UTC. */
  readonly appliedAt: string;
  readonly stages: readonly { readonly id: string; readonly kind: string; readonly targets: readonly string[] }[];
};

const MAXIMUM_NAME = 200;
const MAXIMUM_FILES = 1_000;
export const MAXIMUM_INPUTS = 100;
/** Of an input or an image. */
const MAXIMUM_KEY = 100;
export const name = z.string().min(1).max(MAXIMUM_NAME);
const by = z.string().trim().min(1).max(MAXIMUM_NAME).default(UNNAMED);

export function bounded<T extends Record<string, unknown>>(schema: z.ZodType<T>, maximum: number) {
  return schema.refine((record) => Object.keys(record).length <= maximum, `has more than ${maximum} entries`);
}

const ListQuery = z.strictObject({
  limit: pageQuery.limit.default(MAXIMUM_LIMIT),
  after: name.optional(),
});
export const ApplyBody = z.strictObject({
  file: name,
  text: z.string(),
  files: bounded(z.record(z.string().min(1).max(1_000), z.string()), MAXIMUM_FILES).default({}),
  by,
  override: z.strictObject({ reason: z.string().trim().min(1).max(1_000) }).optional(),
});
export const key = z.string().min(1).max(MAXIMUM_KEY);
export const imageChoice = z
  .string()
  .min(1)
  .max(500)
  .refine((text) => chosenImage(text) !== undefined, 'must be a tag, or an image with its tag');
const DryRunBody = z.strictObject({
  inputs: bounded(z.record(key, z.json()), MAXIMUM_INPUTS).default({}),
  images: bounded(z.record(key, imageChoice), MAXIMUM_IMAGES).default({}),
  by,
});
const RunBody = DryRunBody.extend({ requestId: name });

function unknown(wanted: string, nearest?: string): Refusal {
  const hint = nearest === undefined ? 'gennaker get pipelines lists them' : `did you mean "${nearest}"?`;
  return new Refusal(404, 'unknown-pipeline', `There is no pipeline "${wanted}"; ${hint}`);
}

function refusedRun(pipeline: string, answer: Exclude<RunAnswer, { is: 'accepted' }>): Refusal {
  if (answer.is === 'unknown') return unknown(pipeline, answer.nearest);
  const { problems } = answer;
  const message = `${problems.join('\n')}\nNothing was started.`;
  return new Refusal(422, 'invalid-run', message, {
    problems: problems.map((problem) => ({ path: problem.split(' ', 1)[0], message: problem })),
  });
}

export function pipelineRoutes(
  pipelines: Pick<Pipelines, 'get' | 'list'>,
  commands: PipelineCommands,
  clock: { now(): number },
): readonly Route[] {
  return [
    {
      method: 'GET',
      pattern: '/api/pipelines',
      access: 'person',
      async handle(request) {
        const { limit, after } = readQuery(request, ListQuery);
        const found = await pipelines.list({ limit, ...(after !== undefined && { after }) });
        return json(200, { items: found.map(summarizePipeline) });
      },
    },
    {
      method: 'GET',
      pattern: '/api/pipelines/:name',
      access: 'person',
      async handle(request) {
        const wanted = request.parameters.name ?? '';
        const found = await pipelines.get({ name: wanted });
        if (found === undefined) throw unknown(wanted);
        return json(200, { ...summarizePipeline(found), definition: found.definition });
      },
    },
    {
      method: 'PUT',
      pattern: '/api/pipelines',
      access: 'holder',
      async handle(request) {
        const answer = await commands.applyPipelines(await readBody(request, ApplyBody));
        if (answer.is === 'applied') return json(200, { pipelines: answer.pipelines, notes: answer.notes });
        throw refusedPipelines(answer.problems);
      },
    },
    {
      method: 'POST',
      pattern: '/api/pipelines/:name/executions',
      access: 'person',
      async handle(request) {
        const pipeline = request.parameters.name ?? '';
        const body = await readBody(request, RunBody);
        const answer = await commands.requestRun({ pipeline, ...body, by: actorOf(request, body.by) });
        if (answer.is === 'accepted') return json(202, { event: answer.event, execution: answer.execution });
        throw refusedRun(pipeline, answer);
      },
    },
    {
      method: 'POST',
      pattern: '/api/pipelines/:name/dry-run',
      access: 'person',
      async handle(request) {
        const pipeline = request.parameters.name ?? '';
        const { signal } = request;
        const asked = await readBody(request, DryRunBody);
        try {
          const answer = await commands.dryRun({ pipeline, ...asked, at: clock.now(), signal });
          if (answer.is === 'planned') return json(200, answer);
          throw refusedRun(pipeline, answer);
        } catch (error) {
          if (error instanceof CannotPlan) throw new Refusal(422, 'cannot-plan', error.message, { cause: error });
          throw error;
        }
      },
    },
  ];
}

/** `end` says what therefore was not done. */
export function refusedPipelines(problems: readonly PipelineProblem[], end = 'Nothing was applied.'): Refusal {
  const { length } = problems;
  const message = `${length} ${length === 1 ? 'problem' : 'problems'}. ${end}`;
  return new Refusal(422, 'invalid-pipeline', message, { problems });
}

/** Only what every version of the language has; a definition that says it otherwise is shown without stages. */
const Stages = z.object({
  stages: z.record(
    z.string(),
    z.object({ uses: z.string(), target: z.string().optional(), targets: z.array(z.string()).optional() }),
  ),
});

function summarizePipeline(pipeline: AppliedPipeline): PipelineSummary {
  const { name: pipelineName, team, generation, appliedAt } = pipeline;
  const definition = Stages.safeParse(pipeline.definition);
  const stages = definition.success ? Object.entries(definition.data.stages) : [];
  return {
    name: pipelineName,
    team,
    generation,
    appliedAt: timestamp(appliedAt),
    stages: stages.map(([id, { uses, target, targets }]) => ({
      id,
      kind: uses,
      targets: targets ?? (target === undefined ? [] : [target]),
    })),
  };
}
