/** Firestore as the adapters use it: whole documents, read by path, written together on condition, never in transactions. */
import { randomUUID } from 'node:crypto';
import type { Version } from '../../ports/execution-store.ts';
import type { Query } from './queries.ts';
import { NAME } from './queries.ts';
import { type GoogleApi, hasStatus, TRANSIENT } from './rest.ts';

/** Firestore's own limit is 1 MiB for a document with its names and fields. */
const MAXIMUM_DOCUMENT_BYTES = 1_000_000;
const MAXIMUM_WRITES_IN_A_COMMIT = 500;
const COMMIT_TRIES = 4;

/** Top-level fields only: what queries look at, and one `body` of JSON, which may nest as it likes. */
export type Fields = { readonly [name: string]: string | number | undefined };

export type StoredDocument = {
  /** Below the database's root: `executions/a`. */
  readonly path: string;
  readonly fields: { readonly [name: string]: string | number };
  readonly version: Version;
};

export type DocumentWrite =
  /** Replaces the whole document. Without `expected`, whatever is there. */
  | { readonly path: string; readonly fields: Fields; readonly expected?: Version | 'absent' }
  | { readonly path: string; readonly delete: true };

type Value = { stringValue: string } | { integerValue: string };
type RawDocument = { name: string; fields?: { [name: string]: Value }; updateTime: string };
type CommitAnswer = { writeResults?: { updateTime?: string }[]; commitTime: string };

/** The field that tells one commit's writes from every other's, and that makes each write a change. */
const COMMIT = 'commit';

/** Answers by which a commit may be either refused or a repetition of itself. */
const REFUSALS: ReadonlySet<string> = new Set(['ALREADY_EXISTS', 'FAILED_PRECONDITION', 'NOT_FOUND', 'ABORTED']);

export class Documents {
  readonly #api: GoogleApi;
  /** `projects/<project>/databases/<database>/documents` */
  readonly #root: string;
  readonly #url: string;

  /** `origin` is `https://firestore.googleapis.com` or that of an emulator. */
  constructor(options: { api: GoogleApi; origin: string; projectId: string; databaseId: string }) {
    this.#api = options.api;
    this.#root = `projects/${options.projectId}/databases/${options.databaseId}/documents`;
    this.#url = `${options.origin}/v1/${this.#root}`;
  }

  async read({ path }: { path: string }): Promise<StoredDocument | undefined> {
    return (await this.readAll({ paths: [path] }))[0];
  }

  /** The documents in the order of the paths, undefined where there is none. */
  async readAll({ paths }: { paths: readonly string[] }): Promise<readonly (StoredDocument | undefined)[]> {
    if (paths.length === 0) return [];
    const answer = (await this.#api.callRepeatedly({
      doing: `reading ${describe(paths)}`,
      url: `${this.#url}:batchGet`,
      body: { documents: paths.map((path) => `${this.#root}/${path}`) },
    })) as { found?: RawDocument }[];
    const found = new Map<string, StoredDocument>();
    for (const { found: raw } of answer) {
      if (raw === undefined) continue;
      const document = this.#decode(raw);
      found.set(document.path, document);
    }
    return paths.map((path) => found.get(path));
  }

  async query(query: Query): Promise<readonly StoredDocument[]> {
    const answer = (await this.#api.callRepeatedly({
      doing: `querying ${[...segmentsOf(query.parent), query.collection].join('/')}`,
      url: `${[this.#url, ...segmentsOf(query.parent)].join('/')}:runQuery`,
      body: { structuredQuery: this.#structured(query) },
    })) as { document?: RawDocument }[];
    return answer.flatMap(({ document }) => (document === undefined ? [] : [this.#decode(document)]));
  }

  /**
   * Writes all or nothing. The versions are those of the written documents, in the order of the writes. Writes without
   * any condition never conflict.
   *
   * An answer that was lost, or a refusal that only mirrors our own first try, is looked up: each write carries the
   * commit's id, so whoever finds it in a document knows that the commit took effect. A commit of which nobody can tell
   * is sent again with the same id, which the conditions make safe.
   */
  async commit({ writes }: { writes: readonly DocumentWrite[] }): Promise<readonly Version[] | 'conflict'> {
    if (writes.length === 0) return [];
    const commit = randomUUID();
    const isConditional = writes.some((write) => 'expected' in write && write.expected !== undefined);
    const call = {
      doing: `writing ${describe(writes.map(({ path }) => path))}`,
      url: `${this.#url}:commit`,
      body: { writes: this.#encode(writes, commit) },
    };
    for (let tries = 1; ; tries++) {
      try {
        const answer = (await this.#api.call(call)) as CommitAnswer;
        return writes.map((_, index) => answer.writeResults?.[index]?.updateTime ?? answer.commitTime);
      } catch (error) {
        const isRefused = hasStatus(error, REFUSALS);
        if (!isRefused && !hasStatus(error, TRANSIENT)) throw error;
        const outcome = await this.#lookUp(writes, commit);
        if (outcome !== 'unknown') return outcome;
        if (isRefused && isConditional) return 'conflict';
        if (tries === COMMIT_TRIES) throw error;
      }
      await this.#api.backOff({ tries });
    }
  }

  /** What became of a commit: its versions, a conflict that its documents show, or nothing that can be seen. */
  async #lookUp(
    writes: readonly DocumentWrite[],
    commit: string,
  ): Promise<readonly Version[] | 'conflict' | 'unknown'> {
    const documents = await this.readAll({ paths: writes.map(({ path }) => path) });
    // All documents of a commit get its time as their version.
    const own = documents.find((document) => document?.fields[COMMIT] === commit);
    if (own !== undefined) return writes.map(() => own.version);
    const isConflict = writes.some((write, index) => {
      if ('delete' in write || write.expected === undefined) return false;
      return (documents[index]?.version ?? 'absent') !== write.expected;
    });
    return isConflict ? 'conflict' : 'unknown';
  }

  #encode(writes: readonly DocumentWrite[], commit: string): unknown[] {
    if (writes.length > MAXIMUM_WRITES_IN_A_COMMIT) {
      throw new Error(`a commit of ${writes.length} writes is over the limit of ${MAXIMUM_WRITES_IN_A_COMMIT}`);
    }
    return writes.map((write) => {
      const name = `${this.#root}/${write.path}`;
      if ('delete' in write) return { delete: name };
      const fields = { ...encodeFields(write.path, write.fields), [COMMIT]: { stringValue: commit } };
      // No update mask: fields of the former document that are not named here are gone.
      if (write.expected === undefined) return { update: { name, fields } };
      const condition = write.expected === 'absent' ? { exists: false } : { updateTime: write.expected };
      return { update: { name, fields }, currentDocument: condition };
    });
  }

  #decode(raw: RawDocument): StoredDocument {
    const fields: { [name: string]: string | number } = {};
    for (const [name, value] of Object.entries(raw.fields ?? {})) {
      fields[name] = 'stringValue' in value ? value.stringValue : Number(value.integerValue);
    }
    return { path: raw.name.slice(this.#root.length + 1), fields, version: raw.updateTime };
  }

  #structured({ collection, where, orderBy, limit, namesOnly }: Query): unknown {
    const filters = where.map(({ field, is, value }) => ({
      fieldFilter: {
        field: { fieldPath: field },
        op: is,
        value: field === NAME ? { referenceValue: `${this.#root}/${value}` } : encodeValue(value),
      },
    }));
    return {
      from: [{ collectionId: collection }],
      ...(filters.length === 0 ? {} : { where: { compositeFilter: { op: 'AND', filters } } }),
      ...(orderBy === undefined
        ? {}
        : { orderBy: [{ field: { fieldPath: orderBy.field }, direction: orderBy.direction }] }),
      ...(namesOnly === true ? { select: { fields: [{ fieldPath: NAME }] } } : {}),
      limit,
    };
  }
}

/** The text in a field that the adapter always writes. */
export function textOf(document: StoredDocument, field: string): string {
  const value = document.fields[field];
  if (typeof value !== 'string') throw new Error(`${document.path} has no text in its field ${field}`);
  return value;
}

function encodeFields(path: string, fields: Fields): { [name: string]: Value } {
  const encoded: { [name: string]: Value } = {};
  let bytes = 0;
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    encoded[name] = encodeValue(value);
    if (typeof value === 'string') bytes += Buffer.byteLength(value);
  }
  if (bytes > MAXIMUM_DOCUMENT_BYTES) {
    throw new Error(`writing ${path}: ${bytes} bytes are over the limit of ${MAXIMUM_DOCUMENT_BYTES} for a document`);
  }
  return encoded;
}

function encodeValue(value: string | number): Value {
  return typeof value === 'string' ? { stringValue: value } : { integerValue: String(value) };
}

/** The parts of a path as a URL carries them: an id may itself hold a percent sign. */
function segmentsOf(path: string): string[] {
  return path === '' ? [] : path.split('/').map(encodeURIComponent);
}

function describe(paths: readonly string[]): string {
  return paths.length === 1 ? `${paths[0]}` : `${paths[0]} and ${paths.length - 1} more documents`;
}
