/** Single documents that are compare-and-set, in a collection for each sort. */
import type { Cells } from '../../ports/cells.ts';
import type { Version, Versioned } from '../../ports/execution-store.ts';
import { hashedId } from './document-id.ts';
import type { Documents } from './documents.ts';
import { versioned } from './executions.ts';

export class GoogleCells<T> implements Cells<T> {
  readonly #documents: Documents;
  readonly #collection: 'locks' | 'notifications';
  readonly #parse: (json: unknown) => T;

  constructor(documents: Documents, collection: 'locks' | 'notifications', parse: (json: unknown) => T) {
    this.#documents = documents;
    this.#collection = collection;
    this.#parse = parse;
  }

  async read({ key }: { key: string }): Promise<Versioned<T> | undefined> {
    const document = await this.#documents.read({ path: this.#path(key) });
    return document === undefined ? undefined : versioned(document, this.#parse);
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
