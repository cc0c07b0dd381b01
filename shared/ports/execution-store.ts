/** The documents of the state machine, written atomically and on condition. */

import type { StageId } from '../core/plan.ts';
import type { Execution, ExecutionId, Group, Run } from '../core/run.ts';

/** Tells one written state of a document from every other. Opaque: only the adapter that made it can read it. */
export type Version = string & { readonly brand?: 'version' };
export type Versioned<T> = { readonly value: T; readonly version: Version };

/** One document's part of a commit. `expected: 'absent'` creates; otherwise the document must still have that version. */
export type Write =
  | { readonly document: 'execution'; readonly value: Execution; readonly expected: Version | 'absent' }
  | { readonly document: 'run'; readonly value: Run; readonly expected: Version | 'absent' }
  | { readonly document: 'group'; readonly key: string; readonly value: Group; readonly expected: Version | 'absent' };

/** `versions` are those of the written documents, in the order of the writes. */
export type Committed =
  | { readonly is: 'committed'; readonly versions: readonly Version[] }
  | { readonly is: 'conflict' };

export interface ExecutionStore {
  readExecution(query: { id: ExecutionId }): Promise<Versioned<Execution> | undefined>;
  readRun(query: { execution: ExecutionId; stage: StageId }): Promise<Versioned<Run> | undefined>;
  /** Every run of the execution that exists so far, in no order. */
  readRuns(query: { execution: ExecutionId }): Promise<readonly Versioned<Run>[]>;
  readGroup(query: { key: string }): Promise<Versioned<Group> | undefined>;
  /** All writes or none. A commit of which the store cannot tell at first whether it took effect is looked up by the adapter. */
  commit(command: { writes: readonly Write[] }): Promise<Committed>;
  /** The ids of executions whose `sweepAt` is at or before `before`, the most overdue first. */
  due(query: { before: number; limit: number }): Promise<readonly ExecutionId[]>;
  /** Newest first by `createdAt`; `before` goes on from an earlier page's last. */
  list(query: { pipeline?: string; idPrefix?: string; limit: number; before?: number }): Promise<readonly Execution[]>;
  /** The execution now, and again after each change, until the signal aborts. Changes may be skipped, the last one never. */
  observe(query: { id: ExecutionId; signal: AbortSignal }): AsyncIterable<Execution>;
}
