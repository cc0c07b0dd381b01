/** The plan: the immutable, fully resolved result of a pipeline, which one execution runs. */
import type { Json, JsonObject } from './json.ts';

/** A stage's id in a plan: `[a-z][a-z0-9_]*`, followed by `-<target>` where one declared stage became several. */
export type StageId = string;

/** The address of a blob: `sha256:` and 64 hexadecimal digits. */
export type Hash = string;

/** What a stage's failure means for the execution. */
export type OnFailure = {
  /** `fail`: the execution fails. `continue`: the stages after it run as if it had succeeded. */
  readonly then: 'fail' | 'continue';
  /** With `fail`: `cancel` stops the other branches now, `finish` lets them end first. */
  readonly others: 'cancel' | 'finish';
  /** Which targets go back to what ran before; absent means none. */
  readonly undo?: 'this-target' | 'all-targets';
};

export type RetryPolicy = {
  /** How often the stage may be attempted in all, 1 or more. */
  readonly attempts: number;
  /** The wait before the second attempt; it doubles up to `maximumBackOffMs`. */
  readonly backOffMs: number;
  readonly maximumBackOffMs: number;
};

export type StagePlan = {
  readonly id: StageId;
  /** The id under which the author declared it; several stages share it where it has several targets. */
  readonly declaredAs: string;
  /** The stage kind, as the registry names it. */
  readonly kind: string;
  /** The target whose lane carries the work; absent for work that touches no cluster. */
  readonly target?: string;
  readonly needs: readonly StageId[];
  /** Stages that must be at rest before, however they ended. */
  readonly after?: readonly StageId[];
  /** The kind's parameters: checked by its schema, or with expressions that only a running execution can tell. */
  readonly with: Json;
  /** `with` holds expressions over the outputs of earlier stages or the execution. */
  readonly isDynamic?: true;
  /** Decided when the plan was made: why the stage does not run. */
  readonly skip?: string;
  /** An expression that decides, when the stage begins, whether it runs. */
  readonly if?: string;
  /** The rendered manifests of this stage, where they are not the plan's. */
  readonly manifests?: Hash;
  /** The template that it comes from: `microservice@2.1.0`. */
  readonly template?: string;
  readonly timeoutMs: number;
  readonly retry: RetryPolicy;
  readonly onFailure: OnFailure;
};

export type Concurrency = {
  /** The group whose slots are shared: executions of one group count against one limit. */
  readonly group: string;
  readonly limit: number;
  readonly whenBusy: 'newest' | 'queue' | 'cancel-running' | 'skip';
  /** With `queue`: how many may wait; MAXIMUM_QUEUE where the plan does not say. */
  readonly queue?: number;
  /** How often events from outside may start the pipeline; DEFAULT_STARTS where the plan does not say. */
  readonly starts?: StartRule;
};

/** At most so many starts in a span of time. */
export type StartRule = { readonly limit: number; readonly withinMs: number };

/** The moments of an execution that a notification can be sent for. */
export type NotifyMoment = 'started' | 'waiting' | 'succeeded' | 'failed' | 'cancelled';

export type NotifyPlan =
  | { readonly slack: string; readonly when: readonly NotifyMoment[] }
  | { readonly pubsub: string; readonly when?: readonly NotifyMoment[] };

/** An image of the pipeline, pinned. */
export type PinnedImage = {
  readonly repository: string;
  readonly tag: string;
  /** `sha256:…` */
  readonly digest: string;
};

/** A time of the week, as `windows:` says it. */
export type PlanWindow = {
  readonly days: readonly ('sun' | 'mon' | 'tue' | 'wed' | 'thu' | 'fri' | 'sat')[];
  readonly hours: string;
  readonly timezone: string;
  readonly except: readonly string[];
};

export type Plan = {
  readonly format: 1;
  readonly pipeline: string;
  readonly team: string;
  readonly namespace: string;
  readonly images: { readonly [name: string]: PinnedImage };
  readonly inputs: JsonObject;
  /** In the order in which they are shown; every stage stands after those that it needs. */
  readonly stages: readonly StagePlan[];
  readonly concurrency: Concurrency;
  /** When executions may begin; absent: always. */
  readonly windows?: readonly PlanWindow[];
  readonly timeoutMs: number;
  readonly notify: readonly NotifyPlan[];
  /** The rendered manifests, in one blob for the whole plan; absent where no stage applies any. */
  readonly manifests?: Hash;
  /** The blob of the files beside the pipeline file, by path, for stages that render later. */
  readonly files?: Hash;
  /**
   * The Kubernetes namespaces that its stages may write to, with `*` for any letters; nothing of a whole cluster then.
   * Absent where no team's binding holds for the pipeline.
   */
  readonly namespaces?: readonly string[];
  /** The exact versions of the templates that it was made with, by name. */
  readonly templates?: { readonly [name: string]: string };
};
