/** The applied pipelines and the index of their triggers, in SQLite. */
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
import { type Database, integerOf, type Row, type Statement, textOf } from './database.ts';

export class EmbeddedPipelines implements Pipelines, Schedules {
  readonly #database: Database;
  readonly #get: Statement;
  readonly #list: Statement;
  readonly #put: Statement;
  readonly #remove: Statement;
  readonly #removeTriggers: Statement;
  readonly #addTrigger: Statement;
  readonly #triggers: Statement;
  readonly #schedulesOf: Statement;
  readonly #removeSchedule: Statement;
  readonly #addSchedule: Statement;
  readonly #dueSchedules: Statement;
  readonly #moveSchedule: Statement;

  constructor(database: Database) {
    this.#database = database;
    this.#get = database.prepare('SELECT json FROM pipelines WHERE name = ?');
    this.#list = database.prepare('SELECT json FROM pipelines WHERE name > ? ORDER BY name LIMIT ?');
    this.#put = database.prepare('INSERT OR REPLACE INTO pipelines (name, json) VALUES (?, ?)');
    this.#remove = database.prepare('DELETE FROM pipelines WHERE name = ?');
    this.#removeTriggers = database.prepare('DELETE FROM triggers WHERE pipeline = ?');
    this.#addTrigger = database.prepare('INSERT INTO triggers (key, pipeline, position) VALUES (?, ?, ?)');
    this.#triggers = database.prepare(
      'SELECT key, pipeline, position FROM triggers WHERE key = ? ORDER BY pipeline, position',
    );
    this.#schedulesOf = database.prepare('SELECT key FROM schedules WHERE pipeline = ?');
    this.#removeSchedule = database.prepare('DELETE FROM schedules WHERE pipeline = ? AND key = ?');
    this.#addSchedule = database.prepare(
      'INSERT INTO schedules (pipeline, key, version, due_at, json) VALUES (?, ?, 1, ?, ?) ON CONFLICT DO NOTHING',
    );
    this.#dueSchedules = database.prepare(
      'SELECT version, json FROM schedules WHERE due_at <= ? ORDER BY due_at LIMIT ?',
    );
    this.#moveSchedule = database.prepare(
      'UPDATE schedules SET version = version + 1, due_at = ?, json = ? WHERE pipeline = ? AND key = ? AND version = ?',
    );
  }

  async get({ name }: { name: string }): Promise<AppliedPipeline | undefined> {
    const row = this.#get.first(name);
    return row && appliedOf(row);
  }

  async list({ limit, after = '' }: { limit: number; after?: string }): Promise<readonly AppliedPipeline[]> {
    return this.#list.all(after, limit).map(appliedOf);
  }

  async change({ puts, removals }: PipelineChanges): Promise<'changed' | 'conflict'> {
    return this.#database.transaction(() => {
      const expected = [...puts.map((put) => ({ ...put, name: put.pipeline.name })), ...removals];
      for (const one of expected) {
        const row = this.#get.first(one.name);
        if ((row === undefined ? 0 : appliedOf(row).generation) !== one.expected) return 'conflict';
      }
      for (const { name } of removals) {
        this.#remove.run(name);
        this.#removeTriggers.run(name);
        this.#keepSchedules(name, []);
      }
      for (const { pipeline, triggers } of puts) this.#putNow(pipeline, triggers);
      return 'changed';
    });
  }

  #putNow(pipeline: AppliedPipeline, triggers: readonly TriggerEntry[]): void {
    this.#put.run(pipeline.name, JSON.stringify(pipeline));
    this.#removeTriggers.run(pipeline.name);
    for (const trigger of triggers) this.#addTrigger.run(trigger.key, pipeline.name, trigger.index);
    this.#keepSchedules(pipeline.name, newSchedules(pipeline, triggers));
  }

  #keepSchedules(pipeline: string, schedules: readonly Schedule[]): void {
    const keys = new Set(schedules.map(({ key }) => key));
    for (const row of this.#schedulesOf.all(pipeline)) {
      const key = textOf(row, 'key');
      if (!keys.has(key)) this.#removeSchedule.run(pipeline, key);
    }
    for (const one of schedules) this.#addSchedule.run(pipeline, one.key, one.dueAt, JSON.stringify(one));
  }

  async dueSchedules({ before, limit }: { before: number; limit: number }): Promise<readonly Versioned<Schedule>[]> {
    return this.#dueSchedules.all(before, limit).map((row) => ({
      value: JSON.parse(textOf(row, 'json')) as Schedule,
      version: String(integerOf(row, 'version')),
    }));
  }

  async moveSchedule({ value, version }: Versioned<Schedule>): Promise<'moved' | 'conflict'> {
    const { pipeline, key, dueAt } = value;
    return this.#moveSchedule.run(dueAt, JSON.stringify(value), pipeline, key, version) === 1 ? 'moved' : 'conflict';
  }

  async triggers({ key }: { key: string }): Promise<readonly TriggerEntry[]> {
    return this.#triggers.all(key).map((row) => ({
      key: textOf(row, 'key'),
      pipeline: textOf(row, 'pipeline'),
      index: integerOf(row, 'position'),
    }));
  }
}

function appliedOf(row: Row): AppliedPipeline {
  return JSON.parse(textOf(row, 'json')) as AppliedPipeline;
}
