/** Stores whose writes are seen by nobody else and are gone afterwards, to try what would come of them. */
import type { Hash } from '../core/plan.ts';
import { hashText } from '../pipeline/canonical.ts';
import type { Blobs } from '../ports/blobs.ts';
import type { Cell, ListedCells } from '../ports/cells.ts';
import type { Version, Versioned } from '../ports/execution-store.ts';

/** What is put is kept in memory. */
export function draftBlobs(blobs: Blobs): Blobs {
  const drafts = new Map<Hash, string>();
  return {
    async put({ text }) {
      const hash = hashText(text);
      drafts.set(hash, text);
      return hash;
    },
    get: async ({ hash }) => drafts.get(hash) ?? (await blobs.get({ hash })),
  };
}

/** What is written and deleted is so for whoever has the drafts. */
export function draftCells<T>(cells: ListedCells<T>): ListedCells<T> {
  const drafts = new Map<string, Versioned<T> | undefined>();
  let written = 0;
  const read = async ({ key }: { key: string }): Promise<Versioned<T> | undefined> =>
    drafts.has(key) ? drafts.get(key) : cells.read({ key });
  const isExpected = async (key: string, expected: Version | 'absent'): Promise<boolean> =>
    ((await read({ key }))?.version ?? 'absent') === expected;
  return {
    read,
    async write({ key, value, expected }) {
      if (!(await isExpected(key, expected))) return 'conflict';
      written += 1;
      drafts.set(key, { value, version: `draft-${written}` });
      return `draft-${written}`;
    },
    async delete({ key, expected }) {
      if ((await read({ key })) !== undefined && !(await isExpected(key, expected))) return 'conflict';
      drafts.set(key, undefined);
      return 'deleted';
    },
    async list(query) {
      const kept = (await cells.list(query)).filter(({ key }) => !drafts.has(key));
      const own = [...drafts].flatMap(([key, cell]): Cell<T>[] =>
        cell === undefined || key <= (query.after ?? '') ? [] : [{ key, ...cell }],
      );
      return [...kept, ...own].sort((a, b) => (a.key < b.key ? -1 : 1)).slice(0, query.limit);
    },
  };
}
