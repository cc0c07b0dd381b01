/** What kinds that act on a cluster make of its refusals, alike for all of them. */
import type { ReasonCode } from '../core/reason.ts';
import type { Outcome } from '../core/run.ts';
import type { ClusterError } from '../ports/cluster.ts';

/** The reason of a refusal that asking again does not mend. */
export function refusalReason(error: ClusterError): ReasonCode {
  if (error.code === 'unauthorized') return 'remote-refused';
  return error.code === 'forbidden' && /exceeded quota/.test(error.message) ? 'quota-exceeded' : 'manifest-refused';
}

/** How long to wait, in ms, after so many `times` in vain: doubled each time. */
export function backOff(firstMs: number, lastMs: number, times: number): number {
  return Math.min(lastMs, firstMs * 2 ** Math.min(times, 20));
}

/** The outcome of a step whose worker may no longer write. */
export function notOurs(): Outcome<never, never> & { is: 'failed' } {
  const text = 'Nothing more was written: this worker no longer holds the step';
  return { is: 'failed', reason: { code: 'fenced-off', text }, then: 'sameStep' };
}
