/** What is still to be sent, derived from state alone: there is no second truth beside the documents that could drift. */
import type { StageId } from './plan.ts';
import type { Execution, ExecutionId, Instant, Run, Transition } from './run.ts';
import { endOfWait, hasMail } from './stage.ts';

export type Effect =
  | { readonly is: 'announce'; readonly transitions: readonly Transition[] }
  | { readonly is: 'work'; readonly stage: StageId; readonly attempt: number; readonly step: number }
  | {
      readonly is: 'wake';
      readonly stage: StageId;
      readonly attempt: number;
      readonly step: number;
      /** How often the step was claimed or repeated: a wake's name is never used for another. */
      readonly turn: number;
      readonly at: Instant;
    }
  /** Tells a stage that its execution is being stopped. */
  | { readonly is: 'stopStage'; readonly stage: StageId; readonly revision: number }
  /** Asks for another execution to be stopped for this one. */
  | { readonly is: 'stopExecution'; readonly execution: ExecutionId }
  /** Sends what is outstanding of another execution. */
  | { readonly is: 'attend'; readonly execution: ExecutionId }
  | { readonly is: 'settle' };

/** What the execution's own document says is outstanding, in the order in which it must be sent: announcements first. */
export function outstandingOfExecution(now: Execution): readonly Effect[] {
  const effects: Effect[] = [];
  if (now.unproven.length > 0) effects.push({ is: 'announce', transitions: now.unproven });
  switch (now.phase.is) {
    case 'queued':
      for (const execution of now.phase.toStop) effects.push({ is: 'stopExecution', execution });
      break;
    case 'running':
      if (now.stop === undefined) break;
      for (const stage of now.stages) {
        if (stage.status !== 'running' && stage.status !== 'waiting') continue;
        effects.push({ is: 'stopStage', stage: stage.id, revision: now.stop.revision });
      }
      break;
    case 'ended':
      if (now.sweepAt === undefined) break;
      for (const execution of now.phase.promoted) effects.push({ is: 'attend', execution });
      effects.push({ is: 'settle' });
  }
  return effects;
}

/** The first work of the stages that started after `revision`. */
export function startedSince(now: Execution, revision: number): readonly Effect[] {
  return now.stages
    .filter((stage) => stage.status === 'running' && stage.attempts === 1 && (stage.startedIn ?? 0) > revision)
    .map((stage): Effect => ({ is: 'work', stage: stage.id, attempt: 1, step: 1 }));
}

/** What the run says is outstanding: its work, or its wake. */
export function outstandingOfRun(run: Run): readonly Effect[] {
  const { stage, attempt, step, state } = run;
  const due = { stage, attempt, step };
  const turn = run.tries + run.repeats * 100;
  switch (state.is) {
    case 'ready':
      return [{ is: 'work', ...due }];
    case 'claimed':
      return [{ is: 'wake', ...due, turn, at: state.until }];
    case 'waiting':
      if (hasMail(run)) return [{ is: 'work', ...due }];
      return [{ is: 'wake', ...due, turn, at: endOfWait(run, state.for) }];
    case 'ended':
      return [];
  }
}
