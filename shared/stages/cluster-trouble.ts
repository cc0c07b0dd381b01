/** What kinds that act on a cluster make of its refusals, alike for all of them. */
import type { ReasonCode, WaitReason } from '../core/reason.ts';
import type { Outcome } from '../core/run.ts';
import type { ClusterError } from '../ports/cluster.ts';
import type { StageContext } from './kind.ts';

const FIRST_RETRY_MS = 2_000;
const LAST_RETRY_MS = 60_000;

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

/** The outcome of a step that met an unreachable cluster; the cursor counts how often in a row. */
export function waitForCluster<C extends { readonly unreachable: number }>(
  cursor: C,
  why: string,
  context: StageContext,
): Outcome<C, never> {
  const tries = cursor.unreachable + 1;
  const text = `The cluster ${context.target} cannot be reached (${tries} ${tries === 1 ? 'try' : 'tries'}): ${why}`;
  const delay = backOff(FIRST_RETRY_MS, LAST_RETRY_MS, cursor.unreachable);
  return waiting({ ...cursor, unreachable: tries }, delay, 'cluster-unreachable', text, context);
}

/** The outcome of a step that looks again after `delayMs`; `unblock` is for those who cannot wait. */
export function waiting<C>(
  cursor: C,
  delayMs: number,
  code: WaitReason['code'],
  text: string,
  context: StageContext,
  unblock = `gennaker cancel ${context.execution}`,
): Outcome<C, never> {
  return { is: 'waiting', for: { until: context.clock.now() + delayMs }, cursor, reason: { code, text, unblock } };
}
