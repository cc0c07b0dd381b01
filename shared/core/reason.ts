/** Why something is not moving, in a form for programs (the code) and one for people (the sentence). */

/**
 * The waits, all of them: nothing else can stand in a `WaitReason`. `why` has a text and a way on for each, and the
 * simulation has a world that comes into it; tests ask for both.
 */
export const WAIT_CODES = [
  'queued-behind',
  'retry-back-off',
  'time-not-reached',
  'signal-not-received',
  'locked-by-other',
  'cluster-unreachable',
  'rollout-in-progress',
  'remote-in-progress',
  'remote-unreachable',
  'approval-needed',
  'pipeline-in-progress',
  'outside-window',
  'frozen',
  'paused',
] as const;
export type WaitCode = (typeof WAIT_CODES)[number];
const WAITS: readonly string[] = WAIT_CODES;
export const isWait = (code: string): code is WaitCode => WAITS.includes(code);

export const REASON_CODES = [
  ...WAIT_CODES,
  // ends that are not a success
  'cancelled-by-person',
  'skipped-by-person',
  'superseded-by-newer',
  'group-busy',
  'condition-false',
  'not-reached',
  'stage-failed',
  'stage-timed-out',
  'execution-timed-out',
  'worker-lost',
  'step-too-long',
  'store-unreachable',
  'invalid-parameters',
  'remote-refused',
  'fenced-off',
  'image-not-pullable',
  'crash-loop',
  'quota-exceeded',
  'unschedulable',
  'progress-deadline-exceeded',
  'rollout-failed',
  'manifest-refused',
  'retries-exhausted',
  'approval-rejected',
  'approval-timed-out',
  'check-failed',
  'not-found',
  'pipeline-not-succeeded',
  'pipeline-cycle',
] as const;
export type ReasonCode = (typeof REASON_CODES)[number];

/** The waits of a stage that may not begin yet: its time limit, and that of its execution, do not run meanwhile. */
const HOLDS: readonly ReasonCode[] = ['outside-window', 'frozen', 'paused'];
export const isHold = (reason: Reason | undefined): boolean => reason !== undefined && HOLDS.includes(reason.code);

/** An explanation: what is true, in one sentence. */
export type Reason = {
  readonly code: ReasonCode;
  /** One sentence for a person: what is true now and why. */
  readonly text: string;
  /** The command that moves things on, as it would be typed. */
  readonly unblock?: string;
};

/**
 * The reason of something that is not moving. It is one of the waits and names the command that unblocks it: a wait
 * without one, or of a code that `why` does not know, does not compile.
 */
export type WaitReason = Reason & { readonly code: WaitCode; readonly unblock: string };
