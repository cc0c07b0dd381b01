/** The documents of the state machine in Firestore; each commit is one batch of conditional writes. */
import type { StageId } from '../../core/plan.ts';
import type { Execution, ExecutionId, Group, Run } from '../../core/run.ts';
import type { Committed, ExecutionStore, Versioned, Write } from '../../ports/execution-store.ts';
import { documentId, hashedId, nameOf } from './document-id.ts';
import { type Documents, type DocumentWrite, type StoredDocument, textOf } from './documents.ts';
import { queries } from './queries.ts';

/** What checks stored documents, and brings those of earlier formats up to the present. */
export type DocumentParsers = {
  execution(json: unknown): Execution;
  run(json: unknown): Run;
  group(json: unknown): Group;
};

/** No plan comes near it. */
const MAXIMUM_RUNS = 2_000;
/** A prefix that fits more executions than these finds the first of them by id. */
const MAXIMUM_PREFIX_MATCHES = 500;

export class GoogleExecutions implements ExecutionStore {
  readonly #documents: Documents;
  readonly #parse: DocumentParsers;

  constructor(documents: Documents, parse: DocumentParsers) {
    this.#documents = documents;
    this.#parse = parse;
  }

  readExecution({ id }: { id: ExecutionId }): Promise<Versioned<Execution> | undefined> {
    return this.#read(executionPath(id), this.#parse.execution);
  }

  readRun({ execution, stage }: { execution: ExecutionId; stage: StageId }): Promise<Versioned<Run> | undefined> {
    return this.#read(runPath(execution, stage), this.#parse.run);
  }

  async readRuns({ execution }: { execution: ExecutionId }): Promise<readonly Versioned<Run>[]> {
    const found = await this.#documents.query(
      queries.ofExecution({ execution, collection: 'stages', limit: MAXIMUM_RUNS }),
    );
    return found.map((document) => versioned(document, this.#parse.run));
  }

  readGroup({ key }: { key: string }): Promise<Versioned<Group> | undefined> {
    return this.#read(groupPath(key), this.#parse.group);
  }

  async commit({ writes }: { writes: readonly Write[] }): Promise<Committed> {
    const versions = await this.#documents.commit({ writes: writes.map(documentOf) });
    return versions === 'conflict' ? { is: 'conflict' } : { is: 'committed', versions };
  }

  async due(query: { before: number; limit: number }): Promise<readonly ExecutionId[]> {
    return (await this.#documents.query(queries.dueExecutions(query))).map(({ path }) => nameOf(path));
  }

  async list(query: {
    pipeline?: string;
    idPrefix?: string;
    limit: number;
    before?: number;
  }): Promise<readonly Execution[]> {
    const { idPrefix, pipeline, before, limit } = query;
    if (idPrefix === undefined || idPrefix === '') {
      return (await this.#documents.query(queries.newestExecutions(query))).map(this.#execution);
    }
    const matches = await this.#documents.query(
      queries.executionsByIdPrefix({ idPrefix, limit: MAXIMUM_PREFIX_MATCHES }),
    );
    return matches
      .map(this.#execution)
      .filter((execution) => pipeline === undefined || execution.pipeline === pipeline)
      .filter((execution) => before === undefined || execution.createdAt < before)
      .sort((left, right) => right.createdAt - left.createdAt)
      .slice(0, limit);
  }

  async *observe({ id, signal }: { id: ExecutionId; signal: AbortSignal }): AsyncIterable<Execution> {
    if (signal.aborted) return;
    let latest: string | undefined;
    let failure: Error | undefined;
    let wake = () => {};
    const wakeUp = () => wake();
    signal.addEventListener('abort', wakeUp);
    // Ends the listener also where the reader stops early.
    const reading = new AbortController();
    try {
      await this.#documents.watch({
        path: executionPath(id),
        signal: AbortSignal.any([signal, reading.signal]),
        changed(body) {
          latest = body;
          wake();
        },
        failed(error) {
          failure = error;
          wake();
        },
      });
      while (!signal.aborted) {
        if (failure !== undefined) throw new Error(`observing execution ${id}: read it again`, { cause: failure });
        if (latest === undefined) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
          continue;
        }
        const body = latest;
        latest = undefined;
        yield this.#parse.execution(JSON.parse(body));
      }
    } finally {
      signal.removeEventListener('abort', wakeUp);
      reading.abort();
    }
  }

  readonly #execution = (document: StoredDocument): Execution => versioned(document, this.#parse.execution).value;

  async #read<T>(path: string, parse: (json: unknown) => T): Promise<Versioned<T> | undefined> {
    const document = await this.#documents.read({ path });
    return document === undefined ? undefined : versioned(document, parse);
  }
}

/** What a document's body says, with the version that a conditional write may name. */
export function versioned<T>(document: StoredDocument, parse: (json: unknown) => T): Versioned<T> {
  return { value: parse(JSON.parse(textOf(document, 'body'))), version: document.version };
}

function documentOf(write: Write): DocumentWrite {
  const { expected } = write;
  const body = JSON.stringify(write.value);
  switch (write.document) {
    case 'execution': {
      const { id, pipeline, createdAt, sweepAt } = write.value;
      return { path: executionPath(id), fields: { pipeline, createdAt, sweepAt, body }, expected };
    }
    case 'run':
      return { path: runPath(write.value.execution, write.value.stage), fields: { body }, expected };
    case 'group':
      return { path: groupPath(write.key), fields: { name: write.key, body }, expected };
  }
}

function executionPath(id: ExecutionId): string {
  return `executions/${documentId(id)}`;
}

function runPath(execution: ExecutionId, stage: StageId): string {
  return `${executionPath(execution)}/stages/${documentId(stage)}`;
}

function groupPath(key: string): string {
  return `groups/${hashedId(key)}`;
}
