/** How an execution is told to people and scripts: one shape for the API, the page and the command line. */
import { statusOf } from '../core/execution.ts';
import type { PinnedImage, Plan, StagePlan } from '../core/plan.ts';
import type { Reason } from '../core/reason.ts';
import type { Execution, Instant, StageStatus, StageView, Transition } from '../core/run.ts';
import type { Progress } from '../ports/progress.ts';

/** `waiting`: it runs, and every stage that is under way waits for something. */
export type ExecutionStatus =
  | 'queued'
  | 'running'
  | 'waiting'
  | 'paused'
  | 'succeeded'
  | 'failed'
  | 'cancelled'
  | 'skipped';

/** An ISO 8601 time in UTC, with milliseconds. */
export type Timestamp = string;

export type StageSummary = {
  readonly id: string;
  /** Null only where the plan is no longer kept. */
  readonly kind: string | null;
  readonly target: string | null;
  readonly status: StageStatus;
  readonly attempts: number;
  readonly reason: Reason | null;
};

export type TriggerDescription = {
  /** The id of the source event, to be looked up with `gennaker events`. */
  readonly event: string;
  readonly source: string;
  readonly text: string;
  readonly by: string | null;
  readonly at: Timestamp;
};

/** An execution as a list shows it. */
export type ExecutionSummary = {
  readonly id: string;
  readonly pipeline: string;
  readonly status: ExecutionStatus;
  /** True from the moment that a stop is asked for until the execution has ended. */
  readonly stopping: boolean;
  readonly createdAt: Timestamp;
  readonly startedAt: Timestamp | null;
  readonly endedAt: Timestamp | null;
  readonly trigger: TriggerDescription;
  /** Why it is queued, waits, is being stopped or did not succeed. */
  readonly reason: Reason | null;
  readonly images: { readonly [name: string]: PinnedImage };
  readonly stages: readonly StageSummary[];
};

export type StageDescription = StageSummary & {
  /** The id in the pipeline's file; stages of one declaration differ by target. */
  readonly declaredAs: string;
  readonly needs: readonly string[];
  readonly startedAt: Timestamp | null;
  readonly endedAt: Timestamp | null;
  /** When a waiting stage is woken at the latest; null where only a signal wakes it. */
  readonly wakeAt: Timestamp | null;
  /** What the running step shows of its work, the most important line first. */
  readonly progress: readonly string[];
};

/** What an image was in the pipeline's last success before this execution, and what it is in this one. */
export type ImageChange = { readonly name: string; readonly from: PinnedImage | null; readonly to: PinnedImage };

/** An execution with all that is known of it. */
export type ExecutionDetail = Omit<ExecutionSummary, 'stages'> & {
  readonly team: string;
  readonly revision: number;
  /** The time of the revision. */
  readonly changedAt: Timestamp;
  readonly plan: string;
  readonly restartOf: string | null;
  readonly changes: readonly ImageChange[];
  /** In the plan's order: every stage after those that it needs. */
  readonly stages: readonly StageDescription[];
};

export type TransitionDescription = Omit<Transition, 'at'> & { readonly at: Timestamp };

/** A command to type next, and what it does. */
export type Suggestion = { readonly command: string; readonly does: string };

export function timestamp(instant: Instant): Timestamp {
  return new Date(instant).toISOString();
}

function timestampOrNull(instant: Instant | undefined): Timestamp | null {
  return instant === undefined ? null : timestamp(instant);
}

export function isUnderWay(status: StageStatus): boolean {
  return status === 'running' || status === 'waiting';
}

/** Whether an execution of this status can no longer change. */
export function hasEnded(status: ExecutionStatus): boolean {
  return status === 'succeeded' || status === 'failed' || status === 'cancelled' || status === 'skipped';
}

function reasonOf(execution: Execution): Reason | null {
  const { phase } = execution;
  if (phase.is !== 'running') return phase.reason ?? null;
  if (execution.stop !== undefined) return execution.stop.because;
  if (statusOf(execution) !== 'waiting') return null;
  return execution.stages.find((stage) => stage.status === 'waiting')?.reason ?? null;
}

function startOf(execution: Execution): Instant | undefined {
  return execution.phase.is === 'queued' ? undefined : execution.phase.startedAt;
}

function describeTrigger(execution: Execution): TriggerDescription {
  const { event, source, text, by, at } = execution.trigger;
  return { event, source, text, by: by ?? null, at: timestamp(at) };
}

function summarizeStage(view: StageView, plan: StagePlan | undefined): StageSummary {
  return {
    id: view.id,
    kind: plan?.kind ?? null,
    target: plan?.target ?? null,
    status: view.status,
    attempts: view.attempts,
    reason: view.reason ?? null,
  };
}

function stagePlans(plan: Plan | undefined): ReadonlyMap<string, StagePlan> {
  return new Map(plan?.stages.map((stage) => [stage.id, stage]));
}

/** The shape of lists. `plan` is absent where it is no longer kept. */
export function summarizeExecution(execution: Execution, plan: Plan | undefined): ExecutionSummary {
  const plans = stagePlans(plan);
  const { phase } = execution;
  return {
    id: execution.id,
    pipeline: execution.pipeline,
    status: statusOf(execution),
    stopping: execution.stop !== undefined && phase.is !== 'ended',
    createdAt: timestamp(execution.createdAt),
    startedAt: timestampOrNull(startOf(execution)),
    endedAt: phase.is === 'ended' ? timestamp(phase.at) : null,
    trigger: describeTrigger(execution),
    reason: reasonOf(execution),
    images: plan?.images ?? {},
    stages: execution.stages.map((view) => summarizeStage(view, plans.get(view.id))),
  };
}

/** The shape of one execution. `before` holds the images of the pipeline's last success before this one. */
export function describeExecution(subject: {
  execution: Execution;
  plan: Plan | undefined;
  progress?: readonly Progress[];
  before?: Plan['images'] | undefined;
}): ExecutionDetail {
  const { execution, plan, progress = [], before = {} } = subject;
  const plans = stagePlans(plan);
  return {
    ...summarizeExecution(execution, plan),
    team: execution.team,
    revision: execution.revision,
    changedAt: timestamp(execution.at),
    plan: execution.plan,
    restartOf: execution.restartOf ?? null,
    changes: Object.entries(plan?.images ?? {}).map(([name, to]) => ({ name, from: before[name] ?? null, to })),
    stages: execution.stages.map((view) => {
      const stage = plans.get(view.id);
      return {
        ...summarizeStage(view, stage),
        declaredAs: stage?.declaredAs ?? view.id,
        needs: stage?.needs ?? [],
        startedAt: timestampOrNull(view.startedAt),
        endedAt: timestampOrNull(view.endedAt),
        wakeAt: timestampOrNull(view.wakeAt),
        progress: isUnderWay(view.status) ? linesOf(progress, view) : [],
      };
    }),
  };
}

/** Lines of an earlier attempt describe work that no longer counts. */
function linesOf(progress: readonly Progress[], view: StageView): readonly string[] {
  return progress.find((entry) => entry.stage === view.id && entry.attempt === view.attempts)?.lines ?? [];
}

export function describeTransition(transition: Transition): TransitionDescription {
  return { ...transition, at: timestamp(transition.at) };
}

/** What to type next, the likeliest first. */
export function suggestCommands(execution: ExecutionSummary): readonly Suggestion[] {
  const { id, pipeline, status, reason } = execution;
  const suggestions: Suggestion[] = [];
  if (reason?.unblock !== undefined && !execution.stopping) {
    suggestions.push({ command: reason.unblock, does: hasEnded(status) ? 'tries it again' : 'moves it on' });
  }
  for (const stage of execution.stages) {
    if (stage.status === 'waiting' && stage.reason?.unblock !== undefined) {
      suggestions.push({ command: stage.reason.unblock, does: `moves ${stage.id} on` });
    }
  }
  if (!hasEnded(status)) {
    suggestions.push({ command: `gennaker watch ${id}`, does: 'follows it in a terminal' });
    if (!execution.stopping) suggestions.push({ command: `gennaker cancel ${id}`, does: 'stops it' });
  } else {
    suggestions.push({ command: `gennaker logs ${id}`, does: 'shows all that happened' });
    suggestions.push({ command: `gennaker run ${pipeline}`, does: 'starts the pipeline again' });
  }
  const known = new Set<string>();
  return suggestions.filter(({ command }) => !known.has(command) && known.add(command));
}
