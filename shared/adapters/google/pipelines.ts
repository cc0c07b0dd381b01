/** The applied pipelines in Firestore, and a document for each trigger that a query finds by its key. */
import type { AppliedPipeline, PipelineChanges, Pipelines, TriggerEntry } from '../../ports/pipelines.ts';
import { documentId, hashedId } from './document-id.ts';
import { type Documents, type DocumentWrite, type StoredDocument, textOf } from './documents.ts';
import { queries } from './queries.ts';

const MAXIMUM_TRIGGERS_OF_A_PIPELINE = 200;
/** Nine thousand pipelines may look at one base image. */
const MAXIMUM_TRIGGERS_OF_A_KEY = 20_000;
const PUT_TRIES = 5;

export class GooglePipelines implements Pipelines {
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

  async put(command: { pipeline: AppliedPipeline; triggers: readonly TriggerEntry[] }): Promise<void> {
    const { pipeline, triggers } = command;
    const path = pipelinePath(pipeline.name);
    if (triggers.length > MAXIMUM_TRIGGERS_OF_A_PIPELINE) {
      throw new Error(
        `pipeline ${pipeline.name} has ${triggers.length} triggers, over the limit of ${MAXIMUM_TRIGGERS_OF_A_PIPELINE}; split it`,
      );
    }
    const entries = new Map(triggers.map((entry) => [triggerPath(entry), entry]));
    const body = JSON.stringify(pipeline);
    // The pipeline's own document knows which trigger documents are its, so that no query can find them half-way.
    const fields = { triggers: JSON.stringify([...entries.keys()]), body };
    for (let tries = 0; tries < PUT_TRIES; tries++) {
      const former = await this.#documents.read({ path });
      const formerTriggers = former === undefined ? [] : (JSON.parse(textOf(former, 'triggers')) as string[]);
      const writes: DocumentWrite[] = [
        { path, fields, expected: former?.version ?? 'absent' },
        ...formerTriggers.filter((old) => !entries.has(old)).map((old) => ({ path: old, delete: true }) as const),
        ...[...entries].map(([trigger, entry]) => ({ path: trigger, fields: entry })),
      ];
      if ((await this.#documents.commit({ writes })) !== 'conflict') return;
    }
    throw new Error(`pipeline ${pipeline.name} was changed by others ${PUT_TRIES} times while it was put; try again`);
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
      const entries = new Map(triggers.map((entry) => [triggerPath(entry), entry]));
      const old = former === undefined ? [] : (JSON.parse(textOf(former, 'triggers')) as string[]);
      if (pipeline !== undefined) {
        const fields = { triggers: JSON.stringify([...entries.keys()]), body: JSON.stringify(pipeline) };
        writes.push({ path, fields, expected: former?.version ?? 'absent' });
      } else if (former !== undefined) {
        writes.push({ path, delete: true, expected: former.version });
      }
      writes.push(...old.filter((one) => !entries.has(one)).map((one) => ({ path: one, delete: true }) as const));
      writes.push(...[...entries].map(([trigger, entry]) => ({ path: trigger, fields: entry })));
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
