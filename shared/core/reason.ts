/** Why something is not moving, in a form for programs (the code) and one for people (the sentence). */

/** The waits: `why` has a text and a way on for each, which a test asks for. */
export const WAIT_CODES = [
  'queued-behind',
  'retry-back-off',
  'time-not-reached',
  'signal-not-received',
  'locked-by-other',
  'cluster-unreachable',
  'rollout-in-progress',
  'remote-in-progress',
  'approval-needed',
  'pipeline-in-progress',
  'outside-window',
  'frozen',
  'paused',
] as const;
export type WaitCode = (typeof WAIT_CODES)[number];

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
  'remote-unreachable',
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

/** The reason of something that is not moving. It always names the command that unblocks it, so a wait without one does not compile. */
export type WaitReason = Reason & { readonly unblock: string };
