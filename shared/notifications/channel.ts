/** The shape that every notification channel has: it is told of an announcement and answers whether it must come again. */
import type { NotifyPlan, Plan } from '../core/plan.ts';
import type { Execution, Transition } from '../core/run.ts';
import type { Answer } from '../ports/bus.ts';

/** One announcement, for one entry of the plan's `notify`. */
export type Notice<N extends NotifyPlan = NotifyPlan> = {
  readonly notify: N;
  /** Oldest first. Earlier ones may have been told before. */
  readonly transitions: readonly Transition[];
  /** As it was read after the announcement arrived: at least as new as the newest transition. */
  readonly execution: Execution;
  readonly plan: Plan;
  /** W3C traceparent of what caused the execution. */
  readonly trace?: string;
};

/** `done` also where nobody can be told until someone changes something: an execution is never hurt by its messages. */
export type Tell<N extends NotifyPlan> = (notice: Notice<N>) => Promise<Answer>;
