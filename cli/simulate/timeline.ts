/** What became of an execution, stage by stage and moment by moment: the difference of each committed document to the one before. */
import type { Plan, StageId } from '../../shared/core/plan.ts';
import type { ReasonCode } from '../../shared/core/reason.ts';
import type { Execution, StageStatus, StageView } from '../../shared/core/run.ts';

/** One thing that happened. */
export type TimelineEntry = {
  /** Milliseconds since the event. */
  readonly atMs: number;
  /** Absent where it is about the whole execution. */
  readonly stage?: StageId;
  readonly target?: string;
  readonly status: StageStatus | 'queued' | 'started' | 'stopping';
  /** Attempts that the stage has begun; 0 for the whole execution. */
  readonly attempts: number;
  readonly reason?: { readonly code: ReasonCode; readonly text: string };
};

/** Of what happens in one commit: what ends comes before what begins because of it. */
const ORDER: { readonly [status in TimelineEntry['status']]: number } = {
  queued: 0,
  started: 0,
  succeeded: 1,
  failed: 1,
  cancelled: 1,
  skipped: 1,
  stopping: 2,
  waiting: 3,
  running: 4,
  pending: 5,
};
const LAST = 6;

export class Timeline {
  readonly entries: TimelineEntry[] = [];
  readonly #plan: Plan;
  readonly #startedAt: number;
  #before: Execution | undefined;

  /** `startedAt` is when the event came, in epoch ms. */
  constructor(plan: Plan, startedAt: number) {
    this.#plan = plan;
    this.#startedAt = startedAt;
  }

  /** Takes the execution's next committed document. */
  add(execution: Execution): void {
    const before = this.#before;
    if (before !== undefined && execution.revision <= before.revision) return;
    this.#before = execution;
    const atMs = execution.at - this.#startedAt;
    const stages = execution.stages.flatMap((view, index) => this.#changeOf(atMs, before?.stages[index], view, index));
    const whole = wholeEntries(atMs, before, execution);
    this.entries.push(...[...whole, ...stages].sort((one, other) => rankOf(one) - rankOf(other)));
  }

  #changeOf(atMs: number, before: StageView | undefined, view: StageView, index: number): TimelineEntry[] {
    if (view.status === (before?.status ?? 'pending') && sameCause(before, view)) return [];
    const target = this.#plan.stages[index]?.target;
    return [
      {
        atMs,
        stage: view.id,
        ...(target === undefined ? {} : { target }),
        status: view.status,
        attempts: view.attempts,
        ...(view.reason === undefined ? {} : { reason: { code: view.reason.code, text: view.reason.text } }),
      },
    ];
  }
}

/** Where only the sentence changes, such as the number of tries in it, nothing new has happened. */
function sameCause(before: StageView | undefined, view: StageView): boolean {
  return (before?.attempts ?? 0) === view.attempts && before?.reason?.code === view.reason?.code;
}

function rankOf({ stage, status }: TimelineEntry): number {
  const isEnd = stage === undefined && ORDER[status] === ORDER.succeeded;
  return isEnd ? LAST : ORDER[status];
}

function wholeEntries(atMs: number, before: Execution | undefined, { phase, stop }: Execution): TimelineEntry[] {
  const entry = (status: TimelineEntry['status'], reason?: { code: ReasonCode; text: string }): TimelineEntry => ({
    atMs,
    status,
    attempts: 0,
    ...(reason === undefined ? {} : { reason: { code: reason.code, text: reason.text } }),
  });
  const entries: TimelineEntry[] = [];
  if (phase.is === 'queued' && before === undefined) entries.push(entry('queued', phase.reason));
  if (phase.is === 'running' && before?.phase.is !== 'running') entries.push(entry('started'));
  if (stop !== undefined && before?.stop === undefined && phase.is !== 'ended')
    entries.push(entry('stopping', stop.because));
  if (phase.is === 'ended' && before?.phase.is !== 'ended') entries.push(entry(phase.end, phase.reason));
  return entries;
}
