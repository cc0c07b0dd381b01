/** Bytes under the hash of their content, in SQLite. */
import { createHash } from 'node:crypto';
import type { Hash } from '../../core/plan.ts';
import { type Blobs, MAXIMUM_BLOB_BYTES } from '../../ports/blobs.ts';
import { type Database, type Statement, textOf } from './database.ts';

export class EmbeddedBlobs implements Blobs {
  readonly #put: Statement;
  readonly #get: Statement;

  constructor(database: Database) {
    this.#put = database.prepare('INSERT INTO blobs (hash, content) VALUES (?, ?) ON CONFLICT DO NOTHING');
    this.#get = database.prepare('SELECT content FROM blobs WHERE hash = ?');
  }

  async put({ text }: { text: string }): Promise<Hash> {
    const bytes = Buffer.byteLength(text);
    if (bytes > MAXIMUM_BLOB_BYTES) {
      throw new Error(`Keeping a blob: it has ${bytes} bytes, and at most ${MAXIMUM_BLOB_BYTES} are allowed.`);
    }
    const hash = `sha256:${createHash('sha256').update(text, 'utf8').digest('hex')}`;
    this.#put.run(hash, text);
    return hash;
  }

  async get({ hash }: { hash: Hash }): Promise<string | undefined> {
    const row = this.#get.first(hash);
    return row && textOf(row, 'content');
  }
}
