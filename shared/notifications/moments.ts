/** What a transition means to people: the moments that a notification can be asked for, and which of them call for someone. */
import type { NotifyMoment } from '../core/plan.ts';
import type { ReasonCode } from '../core/reason.ts';
import type { Transition } from '../core/run.ts';

/** Waits that end only when someone or something outside acts. The others (a rollout, a pause, a retry) end by themselves. */
const WAITS_FOR_OTHERS: ReadonlySet<ReasonCode> = new Set([
  'signal-not-received',
  'cluster-unreachable',
  'locked-by-other',
  'queued-behind',
]);

/** The moment that the transition is, or undefined where it is only a step on the way. */
export function momentOf(transition: Transition): NotifyMoment | undefined {
  switch (transition.is) {
    case 'started':
      return 'started';
    case 'queued':
      return 'waiting';
    case 'stage':
      return transition.status === 'waiting' && waitsForOthers(transition) ? 'waiting' : undefined;
    case 'stopping':
      return undefined;
    case 'ended':
      return endOf(transition.status);
  }
}

function waitsForOthers(transition: Transition): boolean {
  return transition.reason !== undefined && WAITS_FOR_OTHERS.has(transition.reason.code);
}

function endOf(status: Transition['status']): NotifyMoment | undefined {
  return status === 'succeeded' || status === 'failed' || status === 'cancelled' ? status : undefined;
}

/** Whether the transition is worth a post of its own in the thread: a failure, or a request to act. */
export function needsDetail(transition: Transition): boolean {
  if (transition.is === 'ended') return transition.status === 'failed';
  return (
    transition.is === 'stage' && transition.status === 'waiting' && transition.reason?.code === 'signal-not-received'
  );
}

/** Whether the transition matters to somebody who asked for these moments; no list means all transitions. */
export function isAskedFor(transition: Transition, when: readonly NotifyMoment[] | undefined): boolean {
  if (when === undefined) return true;
  const moment = momentOf(transition);
  return moment !== undefined && when.includes(moment);
}
