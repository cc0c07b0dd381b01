/** Holds the deployed indexes against the queries and the documents, because the emulator enforces no index at all. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type ListedCollection, NAME, type Query, queries } from './queries.ts';

type Index = { collectionGroup: string; fields: { fieldPath: string; order: 'ASCENDING' | 'DESCENDING' }[] };
type Override = { collectionGroup: string; fieldPath: string; indexes: object[] };

const file = join(import.meta.dirname, '../../../infra/firestore.indexes.json');
const { indexes, fieldOverrides } = JSON.parse(readFileSync(file, 'utf8')) as {
  indexes: Index[];
  fieldOverrides: Override[];
};

/** The words of the index file for those of the queries. */
const ORDERS = { asc: 'ASCENDING', desc: 'DESCENDING' } as const;

const [limit, before] = [10, 1_700_000_000_000];

const listedCollections = Object.keys({ templates: true, rollouts: true, repositories: true, teams: true } satisfies {
  [name in ListedCollection]: true;
}) as ListedCollection[];

/** Every query with each of its shapes. A query without an entry does not compile. */
const shapes: { [name in keyof typeof queries]: readonly Query[] } = {
  dueExecutions: [queries.dueExecutions({ before, limit })],
  newestExecutions: [
    queries.newestExecutions({ limit }),
    queries.newestExecutions({ before, limit }),
    queries.newestExecutions({ pipeline: 'items-api', limit }),
    queries.newestExecutions({ pipeline: 'items-api', before, limit }),
  ],
  executionsByIdPrefix: [queries.executionsByIdPrefix({ idPrefix: 'a', limit })],
  ofExecution: (['stages', 'progress', 'history'] as const).map((collection) =>
    queries.ofExecution({ execution: 'a', collection, limit }),
  ),
  pipelinesByName: [queries.pipelinesByName({ limit }), queries.pipelinesByName({ after: 'a', limit })],
  cellsByKey: listedCollections.flatMap((collection) => [
    queries.cellsByKey({ collection, limit }),
    queries.cellsByKey({ collection, after: 'a', limit }),
  ]),
  triggersOfKey: [queries.triggersOfKey({ key: 'image:a', limit })],
  dueSchedules: [queries.dueSchedules({ before, limit })],
  newestEvents: [queries.newestEvents({ limit }), queries.newestEvents({ before, limit })],
};

const all = Object.values(shapes).flat();

/** The fields that an index must have, those of equal conditions first; a document's name is in every index. */
function fieldsOf(query: Query): { fieldPath: string; order: 'ASCENDING' | 'DESCENDING' }[] {
  const equal = query.where.filter(({ is }) => is === '==').map(({ field }) => field);
  const ordered = query.orderBy === undefined || query.orderBy.field === NAME ? [] : [query.orderBy];
  return [
    ...equal.map((fieldPath) => ({ fieldPath, order: 'ASCENDING' }) as const),
    ...ordered.map(({ field, direction }) => ({ fieldPath: field, order: ORDERS[direction] })),
  ];
}

const isExempt = (collection: string, field: string) =>
  fieldOverrides.some(
    (override) =>
      override.collectionGroup === collection && override.fieldPath === field && override.indexes.length === 0,
  );

const serves = (index: Index, query: Query) =>
  index.collectionGroup === query.collection && JSON.stringify(index.fields) === JSON.stringify(fieldsOf(query));

describe('the indexes of Firestore', () => {
  it('serve every query', () => {
    for (const query of all) {
      const fields = fieldsOf(query);
      const isServed =
        fields.length <= 1
          ? fields.every(({ fieldPath }) => !isExempt(query.collection, fieldPath))
          : indexes.some((index) => serves(index, query));
      expect(isServed, JSON.stringify(query)).toBe(true);
    }
  });

  it('are each of use to a query', () => {
    for (const index of indexes) expect(all.some((query) => serves(index, query))).toBe(true);
  });

  it('order by the field of the range, as Firestore demands', () => {
    for (const query of all) {
      for (const { field, is } of query.where) if (is !== '==') expect(query.orderBy?.field).toBe(field);
    }
  });

  it('leave out the bodies, whose every change would be written twice', () => {
    const collections = ['executions', 'stages', 'progress', 'history', 'groups', 'pipelines', 'locks'];
    for (const collection of [...collections, ...listedCollections, 'notifications', 'events']) {
      expect(isExempt(collection, 'body'), collection).toBe(true);
      expect(isExempt(collection, 'commit'), collection).toBe(true);
    }
    for (const collection of ['blobs', 'chunks']) expect(isExempt(collection, 'content'), collection).toBe(true);
  });
});
