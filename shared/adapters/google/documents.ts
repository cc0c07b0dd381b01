/** Firestore as the adapters use it: whole documents, read by path, written together on condition, never in transactions. */
import { randomUUID } from 'node:crypto';
import type {
  DocumentSnapshot,
  Firestore,
  Query as FirestoreQuery,
  Timestamp,
  WriteBatch,
} from '@google-cloud/firestore';
import type { Clock } from '../../ports/clock.ts';
import type { Version } from '../../ports/execution-store.ts';
import type { Random } from '../../ports/random.ts';
import { NAME, type Query } from './queries.ts';
import { failureOf, STATUS, statusOf, TRANSIENT } from './status.ts';
import { within } from './within.ts';

/** Firestore's own limit is 1 MiB for a document with its names and fields. */
const MAXIMUM_DOCUMENT_BYTES = 1_000_000;
const MAXIMUM_WRITES_IN_A_COMMIT = 500;
/** The library asks again for up to ten minutes. A commit with its look-up, both twice, must fit into a step's 50 seconds. */
const REQUEST_TIMEOUT_MS = 10_000;
const COMMIT_TRIES = 2;
const BACK_OFF_MS = 100;

/** Top-level fields only: what queries look at, and one `body` of JSON, which may nest as it likes. */
export type Fields = { readonly [name: string]: string | number | Date | undefined };

export type StoredDocument = {
  /** Below the database's root: `executions/a`. */
  readonly path: string;
  readonly fields: { readonly [name: string]: string | number };
  readonly version: Version;
};

export type DocumentWrite =
  /**
   * Replaces the whole document; without `expected`, whatever is there. With a version, the fields that the document
   * does not have any more are named as undefined.
   */
  | { readonly path: string; readonly fields: Fields; readonly expected?: Version | 'absent' }
  | { readonly path: string; readonly delete: true; readonly expected?: Version };

/** The loaded library and the one client of it. */
export type FirestoreClient = {
  readonly library: typeof import('@google-cloud/firestore');
  readonly firestore: Firestore;
};

/** The field that tells one commit's writes from every other's, and that makes each write a change. */
const COMMIT = 'commit';

/** Answers by which a commit may be either refused or a repetition of itself: the library sends some again on its own. */
const REFUSALS: readonly number[] = [
  STATUS.ALREADY_EXISTS,
  STATUS.FAILED_PRECONDITION,
  STATUS.NOT_FOUND,
  STATUS.ABORTED,
];

/** Nobody answered in time; the request may take effect yet. */
class Unanswered extends Error {
  override readonly name = 'Unanswered';
  readonly code = STATUS.DEADLINE_EXCEEDED;

  constructor() {
    super(`Firestore did not answer within ${REQUEST_TIMEOUT_MS} ms`);
  }
}

export class Documents {
  readonly #client: () => Promise<FirestoreClient>;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(options: { client: () => Promise<FirestoreClient>; clock: Clock; random: Random }) {
    this.#client = options.client;
    this.#clock = options.clock;
    this.#random = options.random;
  }

  async read({ path }: { path: string }): Promise<StoredDocument | undefined> {
    return (await this.readAll({ paths: [path] }))[0];
  }

  /** The documents in the order of the paths, undefined where there is none. */
  async readAll({ paths }: { paths: readonly string[] }): Promise<readonly (StoredDocument | undefined)[]> {
    if (paths.length === 0) return [];
    const { firestore } = await this.#client();
    try {
      const snapshots = await this.#answered(firestore.getAll(...paths.map((path) => firestore.doc(path))));
      return snapshots.map(storedDocument);
    } catch (error) {
      throw failureOf(`reading ${describe(paths)}`, error);
    }
  }

  async query({ parent, collection, where, orderBy, limit, namesOnly }: Query): Promise<readonly StoredDocument[]> {
    const { firestore } = await this.#client();
    const path = parent === '' ? collection : `${parent}/${collection}`;
    let query: FirestoreQuery = firestore.collection(path).limit(limit);
    for (const { field, is, value } of where) {
      query = query.where(field, is, field === NAME ? firestore.doc(`${value}`) : value);
    }
    if (orderBy !== undefined) query = query.orderBy(orderBy.field, orderBy.direction);
    if (namesOnly === true) query = query.select();
    try {
      const { docs } = await this.#answered(query.get());
      return docs.flatMap((snapshot) => storedDocument(snapshot) ?? []);
    } catch (error) {
      throw failureOf(`querying ${path}`, error);
    }
  }

  /** Calls `changed` with the document's body now and after each change, until the signal aborts. */
  async watch(command: {
    path: string;
    signal: AbortSignal;
    changed: (body: string) => void;
    failed: (error: Error) => void;
  }): Promise<void> {
    const { path, signal, changed, failed } = command;
    const { firestore } = await this.#client();
    if (signal.aborted) return;
    const end = firestore.doc(path).onSnapshot((snapshot) => {
      const body: unknown = snapshot.get('body');
      if (typeof body === 'string') changed(body);
    }, failed);
    signal.addEventListener('abort', end, { once: true });
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
    for (let tries = 1; ; tries++) {
      const batch = await this.#batch(writes, commit);
      try {
        const results = await this.#answered(batch.commit());
        return results.map(({ writeTime }) => versionOf(writeTime));
      } catch (error) {
        const status = statusOf(error) ?? STATUS.UNKNOWN;
        const isRefused = REFUSALS.includes(status);
        const failure = failureOf(`writing ${describe(writes.map(({ path }) => path))}`, error);
        if (!isRefused && !TRANSIENT.includes(status)) throw failure;
        const outcome = await this.#lookUp(writes, commit);
        if (outcome !== 'unknown') return outcome;
        if (isRefused && isConditional) return 'conflict';
        if (tries === COMMIT_TRIES) throw failure;
      }
      await this.#backOff();
    }
  }

  async #batch(writes: readonly DocumentWrite[], commit: string): Promise<WriteBatch> {
    if (writes.length > MAXIMUM_WRITES_IN_A_COMMIT) {
      throw new Error(`a commit of ${writes.length} writes is over the limit of ${MAXIMUM_WRITES_IN_A_COMMIT}`);
    }
    const { firestore, library } = await this.#client();
    const batch = firestore.batch();
    for (const write of writes) {
      const document = firestore.doc(write.path);
      if ('delete' in write) {
        if (write.expected === undefined) batch.delete(document);
        else batch.delete(document, { lastUpdateTime: timestampOf(write.expected, library) });
        continue;
      }
      const { path, expected } = write;
      const fields = { ...write.fields, [COMMIT]: commit };
      checkSize(path, fields);
      if (expected === undefined) batch.set(document, present(fields));
      else if (expected === 'absent') batch.create(document, present(fields));
      else {
        const gone = library.FieldValue.delete();
        const changes = Object.entries(fields).map(([name, value]) => [name, value ?? gone] as const);
        batch.update(document, Object.fromEntries(changes), { lastUpdateTime: timestampOf(expected, library) });
      }
    }
    return batch;
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

  /** The request's answer, unless it takes too long. Throws Unanswered, and whatever the library throws. */
  #answered<T>(request: Promise<T>): Promise<T> {
    const otherwise = () => {
      throw new Unanswered();
    };
    return within({ clock: this.#clock, ms: REQUEST_TIMEOUT_MS, promise: request, otherwise });
  }

  #backOff(): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.after(BACK_OFF_MS * (0.5 + this.#random.fraction() / 2), resolve);
    });
  }
}

/** The text in a field that the adapter always writes. */
export function textOf(document: StoredDocument, field: string): string {
  const value = document.fields[field];
  if (typeof value !== 'string') throw new Error(`${document.path} has no text in its field ${field}`);
  return value;
}

function storedDocument(snapshot: DocumentSnapshot): StoredDocument | undefined {
  const { updateTime } = snapshot;
  const fields: StoredDocument['fields'] | undefined = snapshot.data();
  if (fields === undefined || updateTime === undefined) return undefined;
  return { path: snapshot.ref.path, fields, version: versionOf(updateTime) };
}

/** `<seconds>.<nanoseconds>` of the time of the document's last change. */
function versionOf({ seconds, nanoseconds }: Timestamp): Version {
  return `${seconds}.${nanoseconds}`;
}

function timestampOf(version: Version, { Timestamp }: FirestoreClient['library']): Timestamp {
  const [seconds, nanoseconds] = version.split('.').map(Number);
  return new Timestamp(seconds ?? Number.NaN, nanoseconds ?? Number.NaN);
}

function present(fields: Fields): { [name: string]: string | number | Date | undefined } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function checkSize(path: string, fields: Fields): void {
  let bytes = 0;
  for (const value of Object.values(fields)) if (typeof value === 'string') bytes += Buffer.byteLength(value);
  if (bytes > MAXIMUM_DOCUMENT_BYTES) {
    throw new Error(`writing ${path}: ${bytes} bytes are over the limit of ${MAXIMUM_DOCUMENT_BYTES} for a document`);
  }
}

function describe(paths: readonly string[]): string {
  return paths.length === 1 ? `${paths[0]}` : `${paths[0]} and ${paths.length - 1} more documents`;
}
