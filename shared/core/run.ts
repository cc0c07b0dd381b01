/** The documents of the state machine: what an execution and each of its stages' runs look like at rest in the store. */
import type { Json } from './json.ts';
import type { Hash, StageId } from './plan.ts';
import type { Reason, WaitReason } from './reason.ts';

/** Milliseconds since 1970-01-01T00:00:00Z. */
export type Instant = number;
export type ExecutionId = string;
export type ClaimId = string;

/** A message from outside to a stage: an approval, a call-back. Its id tells repetitions. */
export type Signal = { readonly id: string; readonly name: string; readonly at: Instant; readonly value: Json };

/** What a stage waits for: a time, or a signal that may come up to a time. */
export type Wait = { readonly until: Instant } | { readonly signal: string; readonly until?: Instant };

/** Why a step runs. */
export type Input =
  | { readonly by: 'begin' | 'again' | 'time' | 'stop' }
  | { readonly by: 'signal'; readonly signal: Signal };

/** How a stage ended. */
export type StageEnd = 'succeeded' | 'failed' | 'cancelled' | 'skipped';

/** What one step came to. `C` is the kind's cursor, `O` its outputs. */
export type Outcome<C = Json, O = Json> =
  | { readonly is: 'succeeded'; readonly outputs: O }
  | { readonly is: 'skipped'; readonly reason: Reason }
  | { readonly is: 'again'; readonly cursor: C }
  | { readonly is: 'waiting'; readonly for: Wait; readonly cursor: C; readonly reason: WaitReason }
  | {
      readonly is: 'failed';
      readonly reason: Reason;
      /** `giveUp`: no retry helps. `newAttempt`: from the start, if the policy has attempts left. `sameStep`: this step once more. */
      readonly then: 'giveUp' | 'newAttempt' | 'sameStep';
    };

/** Where the run stands; each state carries only what is true in it. */
export type RunState =
  | { readonly is: 'ready'; readonly input: Input }
  | { readonly is: 'claimed'; readonly input: Input; readonly by: ClaimId; readonly until: Instant }
  | { readonly is: 'waiting'; readonly for: Wait; readonly reason: WaitReason; readonly input: Input }
  | { readonly is: 'ended'; readonly end: StageEnd; readonly reason?: Reason; readonly outputs?: Json };

/** The document of one stage's run: claim, cursor, step and mail. */
export type Run = {
  readonly format: 1;
  readonly execution: ExecutionId;
  readonly stage: StageId;
  readonly plan: Hash;
  readonly doing: 'forward' | 'stop';
  readonly attempt: number;
  /** The step that runs, or runs next; counted from 1 in each attempt. */
  readonly step: number;
  /** How often this step was claimed. */
  readonly tries: number;
  /** How often this step was run again because its outcome said `sameStep`. */
  readonly repeats: number;
  readonly cursor?: Json;
  /** Signals that arrived in this attempt and that no step has taken yet. */
  readonly mail: readonly Signal[];
  /** The ids of signals that were taken, so that a repetition is known. */
  readonly taken: readonly string[];
  readonly deadline: Instant;
  /** Set while a stop is asked for: why, and how the stage is to end. */
  readonly stop?: {
    readonly because: Reason;
    readonly end: 'cancelled' | 'failed';
    readonly deadline: Instant;
    /** A step was begun of which the cursor does not tell, because its worker was lost or it failed. */
    readonly mayHaveActed?: true;
  };
  /** What people were last shown of the run, in short: a change of it is written to the execution too. */
  readonly shown: string;
  /** The revision whose announcement was sent before this step's work: the step's answer proves it. */
  readonly proves: number;
  /** The time of the last change: time in a document never runs backwards. */
  readonly at: Instant;
  /** W3C traceparent of what caused the execution. */
  readonly trace?: string;
  readonly state: RunState;
};

export type StageStatus = 'pending' | 'running' | 'waiting' | StageEnd;

/** What people and other stages see of a stage. */
export type StageView = {
  readonly id: StageId;
  readonly status: StageStatus;
  readonly attempts: number;
  readonly reason?: Reason;
  readonly startedAt?: Instant;
  readonly endedAt?: Instant;
  /** When a waiting stage will be woken at the latest. */
  readonly wakeAt?: Instant;
  /** The revision in which it started. */
  readonly startedIn?: number;
};

/** One committed change, as it is announced. */
export type Transition = {
  /** The revision that it led to. */
  readonly revision: number;
  readonly at: Instant;
  readonly is: 'queued' | 'started' | 'stage' | 'stopping' | 'ended';
  /** The stage that caused it; absent where a person, the clock or another execution did. */
  readonly stage?: StageId;
  /** With `is: 'stage'` the status of the stage, otherwise that of the execution. */
  readonly status: StageStatus | 'queued';
  readonly reason?: Reason;
};

export type ExecutionEnd = 'succeeded' | 'failed' | 'cancelled' | 'skipped';

export type ExecutionPhase =
  | {
      readonly is: 'queued';
      readonly reason: WaitReason;
      /** Running executions that are asked to stop for this one. */
      readonly toStop: readonly ExecutionId[];
    }
  | { readonly is: 'running'; readonly startedAt: Instant; readonly deadline: Instant }
  | {
      readonly is: 'ended';
      readonly end: ExecutionEnd;
      readonly at: Instant;
      readonly startedAt?: Instant;
      readonly reason?: Reason;
      /** The executions that got the slot in the same commit; their start is sent on until this one is settled. */
      readonly promoted: readonly ExecutionId[];
    };

/** What started an execution, in words and for the record. */
export type TriggerSummary = {
  /** The id of the source event. */
  readonly event: string;
  /** The source's name: `docker-distribution`, `docker-hub`, `artifact-registry`, `manual`, … */
  readonly source: string;
  /** One phrase for people: `image items-api:1.2.3 pushed`. */
  readonly text: string;
  readonly by?: string;
  /**
   * Who wrote the commits that it delivers, and who is behind the executions that led to it, where that is known:
   * names and addresses in the words of whoever told.
   */
  readonly authors?: readonly string[];
  /** The pipelines that started one another up to this execution, the first of them first; without its own. */
  readonly chain?: readonly string[];
  readonly at: Instant;
};

/** The document of an execution: what people and other stages see. */
export type Execution = {
  readonly format: 1;
  readonly id: ExecutionId;
  readonly pipeline: string;
  readonly team: string;
  readonly plan: Hash;
  readonly revision: number;
  readonly createdAt: Instant;
  /** The time of the last change: time in a document never runs backwards. */
  readonly at: Instant;
  readonly trigger: TriggerSummary;
  readonly restartOf?: ExecutionId;
  readonly group: string;
  readonly phase: ExecutionPhase;
  /** Set when the execution is being stopped: why, and how it is to end. */
  readonly stop?: { readonly because: Reason; readonly end: 'cancelled' | 'failed'; readonly revision: number };
  /** In the plan's order. */
  readonly stages: readonly StageView[];
  /** How many stages are not at rest yet. */
  readonly open: number;
  /** Transitions of which no answer has proved yet that they were announced, the newest last. */
  readonly unproven: readonly Transition[];
  /** The time by which something must have moved; absent once it is settled. */
  readonly sweepAt?: Instant;
  readonly trace?: string;
};

/** Who holds and who waits for the slots of a group. */
export type Group = {
  readonly format: 1;
  readonly limit: number;
  readonly holders: readonly ExecutionId[];
  /** In order; the first is next. */
  readonly queue: readonly ExecutionId[];
  /** Of the pipeline that has the group's name: how often events from outside have started it. */
  readonly starts?: Starts;
};

/** Starts since an instant; the next span of time begins with the first start after it has ended. */
export type Starts = { readonly since: Instant; readonly count: number };
