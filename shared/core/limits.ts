/** The protocol's numbers, in one place because they nest: a step ends within its lease, a lease within the acknowledgement deadline. */

/** How often one step may be claimed before its stage is given up as worker-lost. */
export const MAXIMUM_TRIES = 5;
/** How often one step may run again because its outcome said `sameStep`. */
export const MAXIMUM_REPEATS = 10;
/** Signals kept for an attempt that no step has taken yet. */
export const MAXIMUM_MAIL = 100;
/** Ids of taken signals that are remembered. */
export const MAXIMUM_TAKEN = 200;
/** How long the stop steps of one stage may take in all, in ms. */
export const STOP_LIMIT_MS = 10 * 60_000;
/** After a start or an answer, the time by which something must have moved, in ms. */
export const SWEEP_RUNNING_MS = 150_000;
/** Between two looks at an execution that queues, in ms: hundreds may, and must not keep the sweep from others. */
export const SWEEP_QUEUED_MS = 10 * 60_000;
/** How long after the end of a known wait the sweep looks, in ms. */
export const SWEEP_GRACE_MS = 60_000;
/** The longest time without a look, in ms. */
export const SWEEP_LONGEST_MS = 60 * 60_000;
/** Executions that may queue in one group. */
export const MAXIMUM_QUEUE = 500;
/**
 * How often events from outside may start one pipeline, where it does not say: more than teams push in an hour, and soon
 * reached by a pipeline that causes its own events.
 */
export const DEFAULT_STARTS = { limit: 100, withinMs: 60 * 60_000 } as const;
/** The back-off before the first `sameStep` repetition, in ms; it doubles up to the maximum. */
export const REPEAT_BACK_OFF_MS = 1_000;
export const MAXIMUM_REPEAT_BACK_OFF_MS = 30_000;
