/** Every query that the adapters ask, in one list, so that a test can hold infra/firestore.indexes.json against it. */
import { documentId } from './document-id.ts';

type Condition = {
  readonly field: string;
  readonly is: '==' | '<' | '<=' | '>' | '>=';
  /** For the field NAME, a document's path. */
  readonly value: string | number;
};

export type Query = {
  /** The path of the document whose sub-collection is asked, or '' for a collection of the root. */
  readonly parent: string;
  readonly collection: string;
  readonly where: readonly Condition[];
  readonly orderBy?: { readonly field: string; readonly direction: 'asc' | 'desc' };
  readonly limit: number;
  /** Answers with names and versions only. */
  readonly namesOnly?: boolean;
};

/** Where cells are. Those that are never listed have no index of their keys. */
export type CellCollection =
  | 'locks'
  | 'notifications'
  | 'repository-urls'
  | 'reviews'
  | 'holds'
  | 'pushes'
  | ListedCollection;
export type ListedCollection = 'templates' | 'rollouts' | 'repositories' | 'teams';

/** The document's own name, as a field. */
export const NAME = '__name__';

/** Sorts after every character that `documentId` leaves in an id. */
const LAST_CHARACTER = '\uF8FF';

export const queries = {
  dueExecutions: ({ before, limit }: { before: number; limit: number }): Query => ({
    parent: '',
    collection: 'executions',
    where: [{ field: 'sweepAt', is: '<=', value: before }],
    orderBy: { field: 'sweepAt', direction: 'asc' },
    limit,
    namesOnly: true,
  }),

  newestExecutions: ({ pipeline, before, limit }: { pipeline?: string; before?: number; limit: number }): Query => ({
    parent: '',
    collection: 'executions',
    where: [
      ...(pipeline === undefined ? [] : [{ field: 'pipeline', is: '==', value: pipeline } as const]),
      ...olderThan('createdAt', before),
    ],
    orderBy: { field: 'createdAt', direction: 'desc' },
    limit,
  }),

  executionsByIdPrefix: ({ idPrefix, limit }: { idPrefix: string; limit: number }): Query => ({
    parent: '',
    collection: 'executions',
    where: [
      { field: NAME, is: '>=', value: `executions/${documentId(idPrefix)}` },
      { field: NAME, is: '<', value: `executions/${documentId(idPrefix)}${LAST_CHARACTER}` },
    ],
    orderBy: { field: NAME, direction: 'asc' },
    limit,
  }),

  /** All of one of the small collections under an execution, by name. */
  ofExecution: (ask: { execution: string; collection: 'stages' | 'progress' | 'history'; limit: number }): Query => ({
    parent: `executions/${documentId(ask.execution)}`,
    collection: ask.collection,
    where: [],
    orderBy: { field: NAME, direction: 'asc' },
    limit: ask.limit,
  }),

  pipelinesByName: ({ after, limit }: { after?: string; limit: number }): Query => ({
    parent: '',
    collection: 'pipelines',
    where: after === undefined ? [] : [{ field: NAME, is: '>', value: `pipelines/${documentId(after)}` }],
    orderBy: { field: NAME, direction: 'asc' },
    limit,
  }),

  cellsByKey: ({ collection, after, limit }: { collection: CellCollection; after?: string; limit: number }): Query => ({
    parent: '',
    collection,
    where: after === undefined ? [] : [{ field: 'name', is: '>', value: after }],
    orderBy: { field: 'name', direction: 'asc' },
    limit,
  }),

  triggersOfKey: ({ key, limit }: { key: string; limit: number }): Query => ({
    parent: '',
    collection: 'triggers',
    where: [{ field: 'key', is: '==', value: key }],
    limit,
  }),

  dueSchedules: ({ before, limit }: { before: number; limit: number }): Query => ({
    parent: '',
    collection: 'schedules',
    where: [{ field: 'dueAt', is: '<=', value: before }],
    orderBy: { field: 'dueAt', direction: 'asc' },
    limit,
  }),

  newestEvents: ({ before, limit }: { before?: number; limit: number }): Query => ({
    parent: '',
    collection: 'events',
    where: olderThan('receivedAt', before),
    orderBy: { field: 'receivedAt', direction: 'desc' },
    limit,
  }),
} as const;

function olderThan(field: string, before: number | undefined): readonly Condition[] {
  return before === undefined ? [] : [{ field, is: '<', value: before }];
}
