/** Documents under a key that are written on condition of their version, in one table for all kinds. */
import type { Cell, ListedCells } from '../../ports/cells.ts';
import type { Version, Versioned } from '../../ports/execution-store.ts';
import { type Database, integerOf, type Row, type Statement, textOf } from './database.ts';

export class EmbeddedCells<T> implements ListedCells<T> {
  readonly #kind: string;
  readonly #parse: (json: unknown) => T;
  readonly #read: Statement;
  readonly #create: Statement;
  readonly #update: Statement;
  readonly #list: Statement;
  readonly #delete: Statement;

  constructor(database: Database, kind: string, parse: (json: unknown) => T) {
    this.#kind = kind;
    this.#parse = parse;
    this.#read = database.prepare('SELECT version, json FROM cells WHERE kind = ? AND key = ?');
    this.#create = database.prepare(
      'INSERT INTO cells (kind, key, version, json) VALUES (?, ?, 1, ?) ON CONFLICT DO NOTHING',
    );
    this.#update = database.prepare(
      'UPDATE cells SET version = version + 1, json = ? WHERE kind = ? AND key = ? AND version = ?',
    );
    this.#list = database.prepare(
      'SELECT key, version, json FROM cells WHERE kind = ? AND key > ? ORDER BY key LIMIT ?',
    );
    this.#delete = database.prepare('DELETE FROM cells WHERE kind = ? AND key = ? AND version = ?');
  }

  async read({ key }: { key: string }): Promise<Versioned<T> | undefined> {
    const row = this.#read.first(this.#kind, key);
    return row && this.#versioned(row);
  }

  async list({ limit, after = '' }: { limit: number; after?: string }): Promise<readonly Cell<T>[]> {
    const rows = this.#list.all(this.#kind, after, limit);
    return rows.map((row) => ({ key: textOf(row, 'key'), ...this.#versioned(row) }));
  }

  async delete({ key, expected }: { key: string; expected: Version }): Promise<'deleted' | 'conflict'> {
    const isGone = this.#delete.run(this.#kind, key, expected) === 1 || !this.#read.first(this.#kind, key);
    return isGone ? 'deleted' : 'conflict';
  }

  async write(command: { key: string; value: T; expected: Version | 'absent' }): Promise<Version | 'conflict'> {
    return this.writeNow(command) ?? 'conflict';
  }

  /** As `write`, but within the transaction that is open now; undefined where it is a conflict. */
  writeNow({ key, value, expected }: { key: string; value: T; expected: Version | 'absent' }): Version | undefined {
    const json = JSON.stringify(value);
    if (expected === 'absent') return this.#create.run(this.#kind, key, json) === 1 ? '1' : undefined;
    return this.#update.run(json, this.#kind, key, expected) === 1 ? nextVersion(expected) : undefined;
  }

  #versioned(row: Row): Versioned<T> {
    return { value: this.#parse(JSON.parse(textOf(row, 'json'))), version: String(integerOf(row, 'version')) };
  }
}

/** The version of a document after a write that was accepted on `version`. */
export function nextVersion(version: Version): Version {
  return String(Number(version) + 1);
}
