/** The applied pipelines in Firestore, and a document for each trigger that a query finds by its key. */
import type { Versioned } from '../../ports/execution-store.ts';
import type {
  AppliedPipeline,
  PipelineChanges,
  Pipelines,
  Schedule,
  Schedules,
  TriggerEntry,
} from '../../ports/pipelines.ts';
import { newSchedules } from '../schedules.ts';
import { documentId, hashedId } from './document-id.ts';
import { type Documents, type DocumentWrite, type StoredDocument, textOf } from './documents.ts';
import { queries } from './queries.ts';

/** Nine thousand pipelines may look at one base image. */
const MAXIMUM_TRIGGERS_OF_A_KEY = 20_000;

export class GooglePipelines implements Pipelines, Schedules {
  readonly #documents: Documents;

  constructor(documents: Documents) {
    this.#documents = documents;
  }

  async get({ name }: { name: string }): Promise<AppliedPipeline | undefined> {
    const document = await this.#documents.read({ path: pipelinePath(name) });
    return document === undefined ? undefined : appliedOf(document);
  }

  async list(query: { limit: number; after?: string }): Promise<readonly AppliedPipeline[]> {
    const documents = await this.#documents.query(queries.pipelinesByName(query));
    return documents.map(appliedOf);
  }

  async change({ puts, removals }: PipelineChanges): Promise<'changed' | 'conflict'> {
    const changes = [
      ...puts.map(({ pipeline, triggers, expected }) => ({ name: pipeline.name, pipeline, triggers, expected })),
      ...removals.map(({ name, expected }) => ({ name, pipeline: undefined, triggers: [], expected })),
    ];
    const formers = await this.#documents.readAll({ paths: changes.map(({ name }) => pipelinePath(name)) });
    const writes: DocumentWrite[] = [];
    for (const [index, { name, pipeline, triggers, expected }] of changes.entries()) {
      const former = formers[index];
      if ((former === undefined ? 0 : appliedOf(former).generation) !== expected) return 'conflict';
      const path = pipelinePath(name);
      const old = former === undefined ? [] : (JSON.parse(textOf(former, 'triggers')) as string[]);
      if (pipeline !== undefined) {
        const fields = { triggers: JSON.stringify(ownPaths(pipeline, triggers)), body: JSON.stringify(pipeline) };
        writes.push({ path, fields, expected: former?.version ?? 'absent' });
      } else if (former !== undefined) {
        writes.push({ path, delete: true, expected: former.version });
      }
      writes.push(...ownWrites(pipeline, triggers, old));
    }
    return (await this.#documents.commit({ writes })) === 'conflict' ? 'conflict' : 'changed';
  }

  async triggers({ key }: { key: string }): Promise<readonly TriggerEntry[]> {
    const limit = MAXIMUM_TRIGGERS_OF_A_KEY;
    const documents = await this.#documents.query(queries.triggersOfKey({ key, limit: limit + 1 }));
    if (documents.length > limit) throw new Error(`more than ${limit} triggers look at ${key}`);
    return documents.map((document) => ({
      key,
      pipeline: textOf(document, 'pipeline'),
      index: Number(document.fields.index),
    }));
  }

  async dueSchedules(query: { before: number; limit: number }): Promise<readonly Versioned<Schedule>[]> {
    const documents = await this.#documents.query(queries.dueSchedules(query));
    return documents.map((document) => ({
      value: JSON.parse(textOf(document, 'body')) as Schedule,
      version: document.version,
    }));
  }

  async moveSchedule({ value, version }: Versioned<Schedule>): Promise<'moved' | 'conflict'> {
    const write = { path: schedulePath(value), fields: scheduleFields(value), expected: version };
    return (await this.#documents.commit({ writes: [write] })) === 'conflict' ? 'conflict' : 'moved';
  }
}

/** The paths of the documents that a pipeline has beside its own. */
function ownPaths(pipeline: AppliedPipeline, triggers: readonly TriggerEntry[]): readonly string[] {
  return [...new Set([...triggers.map(triggerPath), ...newSchedules(pipeline, triggers).map(schedulePath)])];
}

/** What brings those documents from the former ones to the new; a schedule that stays goes on where it stands. */
function ownWrites(
  pipeline: AppliedPipeline | undefined,
  triggers: readonly TriggerEntry[],
  former: readonly string[],
): readonly DocumentWrite[] {
  const schedules = pipeline === undefined ? [] : newSchedules(pipeline, triggers);
  const kept = new Set(pipeline === undefined ? [] : ownPaths(pipeline, triggers));
  const entries = new Map(
    triggers.map((entry) => [
      triggerPath(entry),
      { key: entry.key, pipeline: entry.pipeline, index: entry.index } as const,
    ]),
  );
  return [
    ...former.filter((path) => !kept.has(path)).map((path) => ({ path, delete: true }) as const),
    ...[...entries].map(([path, fields]) => ({ path, fields })),
    ...schedules
      .filter((schedule) => !former.includes(schedulePath(schedule)))
      .map((schedule) => ({ path: schedulePath(schedule), fields: scheduleFields(schedule) })),
  ];
}

function appliedOf(document: StoredDocument): AppliedPipeline {
  return JSON.parse(textOf(document, 'body')) as AppliedPipeline;
}

function pipelinePath(name: string): string {
  return `pipelines/${documentId(name)}`;
}

function triggerPath({ pipeline, index, key }: TriggerEntry): string {
  return `triggers/${hashedId(pipeline, String(index), key)}`;
}

function schedulePath({ pipeline, key }: Pick<Schedule, 'pipeline' | 'key'>): string {
  return `schedules/${hashedId(pipeline, key)}`;
}

function scheduleFields(schedule: Schedule): { readonly dueAt: number; readonly body: string } {
  return { dueAt: schedule.dueAt, body: JSON.stringify(schedule) };
}
