/** Why something is not moving, in a form for programs (the code) and one for people (the sentence). */

export const REASON_CODES = [
  // waits
  'queued-behind',
  'retry-back-off',
  'time-not-reached',
  'signal-not-received',
  'locked-by-other',
  'cluster-unreachable',
  'rollout-in-progress',
  'remote-in-progress',
  // ends that are not a success
  'cancelled-by-person',
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
] as const;
export type ReasonCode = (typeof REASON_CODES)[number];

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
