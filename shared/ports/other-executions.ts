/** Other executions of this system, as a stage may find, start and stop them. */
import type { Json, JsonObject } from '../core/json.ts';
import type { PinnedImage } from '../core/plan.ts';
import type { Reason } from '../core/reason.ts';
import type { ExecutionEnd, ExecutionId, Instant } from '../core/run.ts';

export type OtherExecution = {
  readonly id: ExecutionId;
  readonly pipeline: string;
  /** Absent while it has not ended. */
  readonly end?: ExecutionEnd;
  readonly endedAt?: Instant;
  /** Why it queues, is being stopped or did not succeed. */
  readonly reason?: Reason;
  readonly images: { readonly [name: string]: PinnedImage };
  /** By stage, of those that succeeded and gave any. */
  readonly outputs: { readonly [stage: string]: Json };
};

export type StartedOther =
  | { readonly is: 'requested'; readonly execution: ExecutionId; readonly event: string }
  /** It can never start so. `isCycle`: it would be run by itself or wait for itself, or too many pipelines run one another. */
  | { readonly is: 'refused'; readonly text: string; readonly isCycle: boolean };

export interface OtherExecutions {
  /** Asks for a run in the name of `parent`. The same key asks for the same execution, however often. */
  start(command: {
    readonly parent: ExecutionId;
    readonly key: string;
    readonly pipeline: string;
    readonly inputs: JsonObject;
    /** A tag or a whole reference, by the image's name there. */
    readonly images: { readonly [name: string]: string };
    /** Whether `parent` goes on only when it has ended. */
    readonly isWaitedFor: boolean;
  }): Promise<StartedOther>;
  /** What `start` with this key asks for, or would. */
  requested(query: { readonly key: string; readonly pipeline: string }): {
    readonly execution: ExecutionId;
    readonly event: string;
  };
  /** The execution, or undefined where there is none (yet). */
  read(query: { readonly id: ExecutionId }): Promise<OtherExecution | undefined>;
  /** Why the event started nothing; undefined while that is not known, or where it did. */
  whyNotStarted(query: { readonly event: string }): Promise<string | undefined>;
  /** The newest execution of the pipeline that ended so, of the last ones; without `end` the newest that ended. */
  newest(query: { readonly pipeline: string; readonly end?: ExecutionEnd }): Promise<OtherExecution | undefined>;
  /** Asks the execution to stop. Asking twice is asking once. */
  stop(command: { readonly id: ExecutionId; readonly because: Reason }): Promise<void>;
}
