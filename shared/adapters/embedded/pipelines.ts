/** The applied pipelines and the index of their triggers, in SQLite. */
import type { AppliedPipeline, PipelineChanges, Pipelines, TriggerEntry } from '../../ports/pipelines.ts';
import { type Database, integerOf, type Row, type Statement, textOf } from './database.ts';

export class EmbeddedPipelines implements Pipelines {
  readonly #database: Database;
  readonly #get: Statement;
  readonly #list: Statement;
  readonly #put: Statement;
  readonly #remove: Statement;
  readonly #removeTriggers: Statement;
  readonly #addTrigger: Statement;
  readonly #triggers: Statement;

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
  }

  async get({ name }: { name: string }): Promise<AppliedPipeline | undefined> {
    const row = this.#get.first(name);
    return row && appliedOf(row);
  }

  async list({ limit, after = '' }: { limit: number; after?: string }): Promise<readonly AppliedPipeline[]> {
    return this.#list.all(after, limit).map(appliedOf);
  }

  async put({ pipeline, triggers }: { pipeline: AppliedPipeline; triggers: readonly TriggerEntry[] }): Promise<void> {
    this.#database.transaction(() => {
      this.#put.run(pipeline.name, JSON.stringify(pipeline));
      this.#removeTriggers.run(pipeline.name);
      for (const trigger of triggers) this.#addTrigger.run(trigger.key, pipeline.name, trigger.index);
    });
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
      }
      for (const { pipeline, triggers } of puts) {
        this.#put.run(pipeline.name, JSON.stringify(pipeline));
        this.#removeTriggers.run(pipeline.name);
        for (const trigger of triggers) this.#addTrigger.run(trigger.key, pipeline.name, trigger.index);
      }
      return 'changed';
    });
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
