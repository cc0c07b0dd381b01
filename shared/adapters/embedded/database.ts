/** The SQLite file behind all embedded adapters: opened by one process at a time, and written in short transactions. */
import { mkdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { DatabaseSync, type SQLInputValue, type SQLOutputValue, type StatementSync } from 'node:sqlite';
import { APPLICATION_ID, migrations, SCHEMA_VERSION } from './schema.ts';

export const IN_MEMORY = ':memory:';

/** How long opening waits for another process that is just ending. */
const OPENING_PATIENCE_MS = 1000;
/** The log is folded into the database after this many pages: each time costs two fsyncs, so it is not done often. */
const CHECKPOINT_PAGES = 8000;
/** What is kept of the log file on disk after that. */
const JOURNAL_LIMIT_BYTES = 64 * 1024 * 1024;
const CACHE_KIBIBYTES = 16 * 1024;
/** SQLite's result code for a database that another connection has locked. */
const SQLITE_BUSY = 5;

export type Row = Readonly<Record<string, SQLOutputValue>>;

/** A prepared statement whose parameters stand in the order of its question marks. */
export type Statement = {
  /** How many rows it changed. */
  run(...values: SQLInputValue[]): number;
  /** The row id of the row that it inserted. */
  insert(...values: SQLInputValue[]): number;
  first(...values: SQLInputValue[]): Row | undefined;
  all(...values: SQLInputValue[]): readonly Row[];
};

/** Runs `run` in a later turn of the event loop. In what order turns come is the runner's to say, as time is the clock's. */
export type Later = (run: () => void) => void;

/** A write that waits for the end of the turn, and those who wait for it. */
type Gathered = {
  /** Runs the write and says whether its changes are to be kept. */
  write(): boolean;
  kept(): void;
  failed(error: unknown): void;
};

/** The file cannot be opened, for a reason that the message tells together with the way on. */
export class DatabaseUnavailable extends Error {
  override readonly name = 'DatabaseUnavailable';
}

/**
 * An open database. Writes reach the operating system before they return, so that a killed process loses nothing;
 * a machine that loses its power may lose the last moments (`synchronous=NORMAL`), but never half of a transaction.
 */
export class Database {
  readonly #sqlite: DatabaseSync;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #rollBack: StatementSync;
  readonly #savepoint: StatementSync;
  readonly #release: StatementSync;
  readonly #rollBackTo: StatementSync;
  readonly #later: Later;
  #gathered: Gathered[] = [];

  /** `path` is the file's, or `:memory:`. Throws DatabaseUnavailable. */
  constructor(path: string, later: Later = setImmediate) {
    this.#sqlite = open(path);
    this.#later = later;
    this.#begin = this.#sqlite.prepare('BEGIN IMMEDIATE');
    this.#commit = this.#sqlite.prepare('COMMIT');
    this.#rollBack = this.#sqlite.prepare('ROLLBACK');
    this.#savepoint = this.#sqlite.prepare('SAVEPOINT one');
    this.#release = this.#sqlite.prepare('RELEASE one');
    this.#rollBackTo = this.#sqlite.prepare('ROLLBACK TO one');
  }

  prepare(sql: string): Statement {
    const statement = this.#sqlite.prepare(sql);
    return {
      run: (...values) => Number(statement.run(...values).changes),
      insert: (...values) => Number(statement.run(...values).lastInsertRowid),
      first: (...values) => statement.get(...values),
      all: (...values) => statement.all(...values),
    };
  }

  /** Runs `write` in a transaction, which is undone if it throws. */
  transaction<T>(write: () => T): T {
    this.#begin.run();
    try {
      const result = write();
      this.#commit.run();
      return result;
    } catch (error) {
      if (this.#sqlite.isTransaction) this.#rollBack.run();
      throw error;
    }
  }

  /**
   * Runs `write` at the end of this turn of the event loop, in one transaction with all others that were asked for in
   * it: most of a transaction's cost does not depend on how much is in it. Resolves with what `write` returned once that
   * is committed. A write that throws, or whose result `isKept` refuses, is undone alone.
   */
  together<T>(write: () => T, isKept: (result: T) => boolean = () => true): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    let kept = (): void => undefined;
    if (this.#gathered.length === 0) this.#later(() => this.flush());
    this.#gathered.push({
      write() {
        const result = write();
        kept = () => resolve(result);
        return isKept(result);
      },
      kept: () => kept(),
      failed: reject,
    });
    return promise;
  }

  /** Commits now what was gathered in this turn so far. */
  flush(): void {
    const gathered = this.#gathered;
    if (gathered.length === 0) return;
    this.#gathered = [];
    try {
      const answers = this.transaction(() => gathered.map((one) => this.#attempt(one)));
      for (const answer of answers) answer();
    } catch (error) {
      for (const { failed } of gathered) failed(error);
    }
  }

  /** Writes within the open transaction. Returns what tells the outcome to whoever waits for it, once that is committed. */
  #attempt({ write, kept, failed }: Gathered): () => void {
    this.#savepoint.run();
    try {
      if (!write()) this.#rollBackTo.run();
      this.#release.run();
      return kept;
    } catch (error) {
      // Where SQLite has given up the whole transaction, nobody's write is kept.
      if (!this.#sqlite.isTransaction) throw error;
      this.#rollBackTo.run();
      this.#release.run();
      return () => failed(error);
    }
  }

  close(): void {
    if (!this.#sqlite.isOpen) return;
    this.flush();
    this.#sqlite.close();
  }
}

/** The text in `column`, which the schema says is there. */
export function textOf(row: Row, column: string): string {
  const value = row[column];
  if (typeof value === 'string') return value;
  throw new Error(`Reading column ${column} of the embedded database: expected text, found ${typeof value}.`);
}

/** The integer in `column`, which the schema says is there. */
export function integerOf(row: Row, column: string): number {
  const value = row[column];
  if (typeof value === 'number') return value;
  throw new Error(`Reading column ${column} of the embedded database: expected an integer, found ${typeof value}.`);
}

function open(path: string): DatabaseSync {
  const folder = path === IN_MEMORY ? IN_MEMORY : dirname(resolve(path));
  let sqlite: DatabaseSync | undefined;
  try {
    if (path !== IN_MEMORY) mkdirSync(folder, { recursive: true, mode: 0o700 });
    sqlite = new DatabaseSync(path, { timeout: OPENING_PATIENCE_MS, enableForeignKeyConstraints: false });
    // Exclusive locking keeps the file for this process until it ends, however it ends.
    sqlite.exec(`
      PRAGMA locking_mode = EXCLUSIVE;
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = NORMAL;
      PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES};
      PRAGMA journal_size_limit = ${JOURNAL_LIMIT_BYTES};
      PRAGMA cache_size = -${CACHE_KIBIBYTES};
      BEGIN IMMEDIATE;
    `);
    migrate(sqlite, path);
    sqlite.exec('COMMIT');
    return sqlite;
  } catch (error) {
    sqlite?.close();
    if (error instanceof DatabaseUnavailable) throw error;
    if (isBusy(error)) {
      const way = 'Stop that process first, or use another folder.';
      throw new DatabaseUnavailable(`Another process is using the data in ${folder}. ${way}`, { cause: error });
    }
    const reason = error instanceof Error ? error.message : String(error);
    throw new DatabaseUnavailable(`Opening the database ${path} failed: ${reason}.`, { cause: error });
  }
}

/** Brings the tables to SCHEMA_VERSION, or refuses a file that is not ours or was written by a newer release. */
function migrate(sqlite: DatabaseSync, path: string): void {
  const pragma = (name: string) => Number(sqlite.prepare(`PRAGMA ${name}`).get()?.[name]);
  const tables = Number(sqlite.prepare('SELECT count(*) AS tables FROM sqlite_schema').get()?.tables);
  if (tables > 0 && pragma('application_id') !== APPLICATION_ID) {
    throw new DatabaseUnavailable(`${path} is not a database of Gennaker. Use another folder.`);
  }
  const version = pragma('user_version');
  if (version > SCHEMA_VERSION) {
    throw new DatabaseUnavailable(
      `${path} has schema version ${version}, and this release knows versions up to ${SCHEMA_VERSION}. ` +
        'Use the release that wrote it, or a newer one.',
    );
  }
  for (const migration of migrations.slice(version)) sqlite.exec(migration);
  sqlite.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${SCHEMA_VERSION};`);
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY;
}
