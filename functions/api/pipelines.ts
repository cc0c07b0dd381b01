/** The routes of pipelines and of the inbox: what is applied, applying, starting, and what arrived. */
import { z } from 'zod';
import type { Inbox, InboxEntry } from '../../shared/ports/inbox.ts';
import type { AppliedPipeline, Pipelines } from '../../shared/ports/pipelines.ts';
import { MAXIMUM_IMAGES } from '../../shared/triggers/source.ts';
import { timestamp } from '../../shared/use-cases/describe-execution.ts';
import { chosenImage, type RunAnswer } from '../../shared/use-cases/request-run.ts';
import { MAXIMUM_LIMIT, pageQuery, UNNAMED } from './executions.ts';
import { json, Refusal, readBody, readQuery } from './http.ts';
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

/** An entry of the inbox, with its time as the API tells times. */
export type EventDescription = Omit<InboxEntry, 'receivedAt'> & { readonly receivedAt: string };

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
const EventsQuery = z.strictObject(pageQuery);
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
const RunBody = z.strictObject({
  requestId: name,
  inputs: bounded(z.record(key, z.json()), MAXIMUM_INPUTS).default({}),
  images: bounded(z.record(key, imageChoice), MAXIMUM_IMAGES).default({}),
  by,
});

export function pipelineRoutes(
  pipelines: Pick<Pipelines, 'get' | 'list'>,
  commands: PipelineCommands,
): readonly Route[] {
  const unknown = (wanted: string, nearest?: string) => {
    const hint = nearest === undefined ? 'gennaker get pipelines lists them' : `did you mean "${nearest}"?`;
    return new Refusal(404, 'unknown-pipeline', `There is no pipeline "${wanted}"; ${hint}`);
  };
  return [
    {
      method: 'GET',
      pattern: '/api/pipelines',
      access: 'holder',
      async handle(request) {
        const { limit, after } = readQuery(request, ListQuery);
        const found = await pipelines.list({ limit, ...(after !== undefined && { after }) });
        return json(200, { items: found.map(summarizePipeline) });
      },
    },
    {
      method: 'GET',
      pattern: '/api/pipelines/:name',
      access: 'holder',
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
      access: 'holder',
      async handle(request) {
        const pipeline = request.parameters.name ?? '';
        const answer = await commands.requestRun({ pipeline, ...(await readBody(request, RunBody)) });
        if (answer.is === 'unknown') throw unknown(pipeline, answer.nearest);
        if (answer.is === 'wrong-inputs') {
          const sentence = `${answer.problems.join('; ')}. Nothing was started.`;
          throw new Refusal(422, 'wrong-inputs', sentence);
        }
        return json(202, { event: answer.event, execution: answer.execution });
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

export function inboxRoutes(inbox: Pick<Inbox, 'get' | 'list'>): readonly Route[] {
  return [
    {
      method: 'GET',
      pattern: '/api/events',
      access: 'holder',
      async handle(request) {
        const { limit, before } = readQuery(request, EventsQuery);
        const entries = await inbox.list({ limit, ...(before !== undefined && { before }) });
        return json(200, { items: entries.map(describeEvent) });
      },
    },
    {
      method: 'GET',
      pattern: '/api/events/:id',
      access: 'holder',
      async handle(request) {
        const id = request.parameters.id ?? '';
        const entry = await inbox.get({ id });
        if (entry === undefined) {
          throw new Refusal(
            404,
            'not-found',
            `No event "${id}" has been processed; gennaker events lists those that were.`,
          );
        }
        return json(200, describeEvent(entry));
      },
    },
  ];
}

function describeEvent(entry: InboxEntry): EventDescription {
  return { ...entry, receivedAt: timestamp(entry.receivedAt) };
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
