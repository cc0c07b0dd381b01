/** Single documents that are compare-and-set, in a collection for each sort. */
import type { Cell, ListedCells } from '../../ports/cells.ts';
import type { Version, Versioned } from '../../ports/execution-store.ts';
import { hashedId } from './document-id.ts';
import { type Documents, textOf } from './documents.ts';
import { versioned } from './executions.ts';
import { type CellCollection, queries } from './queries.ts';

export class GoogleCells<T> implements ListedCells<T> {
  readonly #documents: Documents;
  readonly #collection: CellCollection;
  readonly #parse: (json: unknown) => T;

  constructor(documents: Documents, collection: CellCollection, parse: (json: unknown) => T) {
    this.#documents = documents;
    this.#collection = collection;
    this.#parse = parse;
  }

  async read({ key }: { key: string }): Promise<Versioned<T> | undefined> {
    const document = await this.#documents.read({ path: this.#path(key) });
    return document === undefined ? undefined : versioned(document, this.#parse);
  }

  async list(query: { limit: number; after?: string }): Promise<readonly Cell<T>[]> {
    const documents = await this.#documents.query(queries.cellsByKey({ ...query, collection: this.#collection }));
    return documents.map((document) => ({ key: textOf(document, 'name'), ...versioned(document, this.#parse) }));
  }

  async delete({ key, expected }: { key: string; expected: Version }): Promise<'deleted' | 'conflict'> {
    const path = this.#path(key);
    if ((await this.#documents.commit({ writes: [{ path, delete: true, expected }] })) !== 'conflict') return 'deleted';
    // A deletion leaves nothing behind by which a repetition of it could be told from another's.
    return (await this.#documents.read({ path })) === undefined ? 'deleted' : 'conflict';
  }

  async write(command: { key: string; value: T; expected: Version | 'absent' }): Promise<Version | 'conflict'> {
    const { key, value, expected } = command;
    const fields = { name: key, body: JSON.stringify(value) };
    const versions = await this.#documents.commit({ writes: [{ path: this.#path(key), fields, expected }] });
    return versions === 'conflict' ? 'conflict' : (versions[0] ?? 'conflict');
  }

  #path(key: string): string {
    return `${this.#collection}/${hashedId(key)}`;
  }
}
