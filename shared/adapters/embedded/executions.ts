/** The documents of the state machine in SQLite; each commit is one transaction. */
import type { StageId } from '../../core/plan.ts';
import type { Execution, ExecutionId, Group, Instant, Run } from '../../core/run.ts';
import type { Committed, ExecutionStore, Version, Versioned, Write } from '../../ports/execution-store.ts';
import { EmbeddedCells, nextVersion } from './cells.ts';
import { type Database, integerOf, type Row, type Statement, textOf } from './database.ts';

/** What checks stored documents, and brings those of earlier formats up to the present. */
export type DocumentParsers = {
  execution(json: unknown): Execution;
  run(json: unknown): Run;
  group(json: unknown): Group;
};

/** Sorts after every character that an id may have. */
const LAST_CHARACTER = '\u{10FFFF}';

export class EmbeddedExecutions implements ExecutionStore {
  readonly #database: Database;
  readonly #parse: DocumentParsers;
  readonly #groups: EmbeddedCells<Group>;
  /** By execution, what is called after each of its commits. */
  readonly #observers = new Map<ExecutionId, Set<() => void>>();
  #closed = false;

  readonly #readExecution: Statement;
  readonly #createExecution: Statement;
  readonly #updateExecution: Statement;
  readonly #readRun: Statement;
  readonly #readRuns: Statement;
  readonly #createRun: Statement;
  readonly #updateRun: Statement;
  readonly #due: Statement;
  readonly #list: Statement;
  readonly #listPipeline: Statement;
  readonly #listPrefix: Statement;
  readonly #liveRuns: Statement;

  constructor(database: Database, parse: DocumentParsers) {
    this.#database = database;
    this.#parse = parse;
    this.#groups = new EmbeddedCells(database, 'group', parse.group);
    this.#readExecution = database.prepare('SELECT version, json FROM executions WHERE id = ?');
    this.#createExecution = database.prepare(
      `INSERT INTO executions (id, version, pipeline, created_at, sweep_at, json)
       VALUES (?, 1, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
    );
    // Only what changes: each column that is named here has its index written again.
    this.#updateExecution = database.prepare(
      'UPDATE executions SET version = version + 1, sweep_at = ?, json = ? WHERE id = ? AND version = ?',
    );
    this.#readRun = database.prepare('SELECT version, json FROM runs WHERE execution = ? AND stage = ?');
    this.#readRuns = database.prepare('SELECT version, json FROM runs WHERE execution = ?');
    this.#createRun = database.prepare(
      'INSERT INTO runs (execution, stage, version, json) VALUES (?, ?, 1, ?) ON CONFLICT DO NOTHING',
    );
    this.#updateRun = database.prepare(
      'UPDATE runs SET version = version + 1, json = ? WHERE execution = ? AND stage = ? AND version = ?',
    );
    this.#due = database.prepare('SELECT id FROM executions WHERE sweep_at <= ? ORDER BY sweep_at LIMIT ?');
    this.#list = database.prepare('SELECT json FROM executions WHERE created_at < ? ORDER BY created_at DESC LIMIT ?');
    this.#listPipeline = database.prepare(
      'SELECT json FROM executions WHERE pipeline = ? AND created_at < ? ORDER BY created_at DESC LIMIT ?',
    );
    this.#listPrefix = database.prepare(
      `SELECT json FROM executions WHERE id >= ? AND id < ? AND created_at < ? AND pipeline = ifnull(?, pipeline)
       ORDER BY created_at DESC LIMIT ?`,
    );
    // A settled execution has no run that is claimed, so only those that are swept need a look.
    this.#liveRuns = database.prepare(
      'SELECT version, json FROM runs WHERE execution IN (SELECT id FROM executions WHERE sweep_at IS NOT NULL)',
    );
  }

  async readExecution({ id }: { id: ExecutionId }): Promise<Versioned<Execution> | undefined> {
    const row = this.#readExecution.first(id);
    return row && versioned(row, this.#parse.execution);
  }

  async readRun({ execution, stage }: { execution: ExecutionId; stage: StageId }): Promise<Versioned<Run> | undefined> {
    const row = this.#readRun.first(execution, stage);
    return row && versioned(row, this.#parse.run);
  }

  async readRuns({ execution }: { execution: ExecutionId }): Promise<readonly Versioned<Run>[]> {
    return this.#readRuns.all(execution).map((row) => versioned(row, this.#parse.run));
  }

  async readGroup({ key }: { key: string }): Promise<Versioned<Group> | undefined> {
    return this.#groups.read({ key });
  }

  async commit({ writes }: { writes: readonly Write[] }): Promise<Committed> {
    const versions: Version[] = [];
    const accepted = await this.#database.together(
      () =>
        writes.every((write) => {
          const version = this.#write(write);
          if (version === undefined) return false;
          versions.push(version);
          return true;
        }),
      (everyOne) => everyOne,
    );
    if (!accepted) return { is: 'conflict' };
    for (const write of writes) {
      if (write.document === 'execution') for (const changed of this.#observers.get(write.value.id) ?? []) changed();
    }
    return { is: 'committed', versions };
  }

  async due({ before, limit }: { before: Instant; limit: number }): Promise<readonly ExecutionId[]> {
    return this.#due.all(before, limit).map((row) => textOf(row, 'id'));
  }

  async list(query: {
    pipeline?: string;
    idPrefix?: string;
    limit: number;
    before?: number;
  }): Promise<readonly Execution[]> {
    const { pipeline, idPrefix, limit, before = Number.MAX_SAFE_INTEGER } = query;
    return this.#listed({ pipeline, idPrefix, limit, before }).map((row) =>
      this.#parse.execution(JSON.parse(textOf(row, 'json'))),
    );
  }

  async *observe({ id, signal }: { id: ExecutionId; signal: AbortSignal }): AsyncIterable<Execution> {
    let changed = true;
    let wake = () => {};
    const look = () => {
      changed = true;
      wake();
    };
    const observers = this.#observers.get(id) ?? new Set();
    this.#observers.set(id, observers.add(look));
    signal.addEventListener('abort', look);
    try {
      while (!signal.aborted && !this.#closed) {
        if (!changed) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
          continue;
        }
        changed = false;
        const read = await this.readExecution({ id });
        if (read !== undefined && !signal.aborted) yield read.value;
      }
    } finally {
      signal.removeEventListener('abort', look);
      observers.delete(look);
      if (observers.size === 0) this.#observers.delete(id);
    }
  }

  /**
   * Ends, at `now`, every claim that a former process left behind: one process owns the file, so each of them is dead.
   * To be called before any work is delivered. Returns how many there were.
   */
  releaseClaims(now: Instant): number {
    return this.#database.transaction(() => {
      let released = 0;
      for (const row of this.#liveRuns.all()) {
        const { value, version } = versioned(row, this.#parse.run);
        if (value.state.is !== 'claimed' || value.state.until <= now) continue;
        const run: Run = { ...value, state: { ...value.state, until: now } };
        if (this.#write({ document: 'run', value: run, expected: version }) !== undefined) released += 1;
      }
      return released;
    });
  }

  /** Ends all observations. */
  close(): void {
    this.#closed = true;
    for (const observers of this.#observers.values()) for (const changed of observers) changed();
  }

  /** The document's new version, or undefined where it is not as expected. */
  #write(write: Write): Version | undefined {
    if (write.document === 'group') return this.#groups.writeNow(write);
    const { expected } = write;
    const changes =
      write.document === 'run' ? this.#writeRun(write.value, expected) : this.#writeExecution(write.value, expected);
    if (changes !== 1) return undefined;
    return expected === 'absent' ? '1' : nextVersion(expected);
  }

  #writeRun(run: Run, expected: Version | 'absent'): number {
    const json = JSON.stringify(run);
    if (expected === 'absent') return this.#createRun.run(run.execution, run.stage, json);
    return this.#updateRun.run(json, run.execution, run.stage, expected);
  }

  #writeExecution(execution: Execution, expected: Version | 'absent'): number {
    const { id, pipeline, createdAt, sweepAt = null } = execution;
    const json = JSON.stringify(execution);
    if (expected === 'absent') return this.#createExecution.run(id, pipeline, createdAt, sweepAt, json);
    return this.#updateExecution.run(sweepAt, json, id, expected);
  }

  #listed(query: {
    pipeline: string | undefined;
    idPrefix: string | undefined;
    limit: number;
    before: number;
  }): readonly Row[] {
    const { pipeline, idPrefix, limit, before } = query;
    if (idPrefix !== undefined) {
      return this.#listPrefix.all(idPrefix, idPrefix + LAST_CHARACTER, before, pipeline ?? null, limit);
    }
    return pipeline === undefined ? this.#list.all(before, limit) : this.#listPipeline.all(pipeline, before, limit);
  }
}

function versioned<T>(row: Row, parse: (json: unknown) => T): Versioned<T> {
  return { value: parse(JSON.parse(textOf(row, 'json'))), version: String(integerOf(row, 'version')) };
}
