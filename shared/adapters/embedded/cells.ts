/** Documents under a key that are written on condition of their version, in one table for all kinds. */
import type { Cells } from '../../ports/cells.ts';
import type { Version, Versioned } from '../../ports/execution-store.ts';
import { type Database, integerOf, type Statement, textOf } from './database.ts';

export class EmbeddedCells<T> implements Cells<T> {
  readonly #kind: string;
  readonly #parse: (json: unknown) => T;
  readonly #read: Statement;
  readonly #create: Statement;
  readonly #update: Statement;

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
  }

  async read({ key }: { key: string }): Promise<Versioned<T> | undefined> {
    const row = this.#read.first(this.#kind, key);
    return row && { value: this.#parse(JSON.parse(textOf(row, 'json'))), version: String(integerOf(row, 'version')) };
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
}

/** The version of a document after a write that was accepted on `version`. */
export function nextVersion(version: Version): Version {
  return String(Number(version) + 1);
}
