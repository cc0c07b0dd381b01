/** The oracles of worlds with people and pipelines that run one another, once everything in them is at rest. */
import type { StagePlan } from '../../../shared/core/plan.ts';
import type { Run } from '../../../shared/core/run.ts';
import { approveOutputs, approveParameters } from '../../../shared/stages/approve/schema.ts';
import { pipelineOutputs, pipelineParameters } from '../../../shared/stages/pipeline/schema.ts';
import { executionIdOf } from '../../../shared/use-cases/engine.ts';
import type { SimulatedStore } from '../store.ts';
import { type Flow, nameOf } from './flow.ts';
import { eventOf } from './others.ts';

/** Who may approve in these worlds: members of the group that is asked, and of the one that it escalates to. */
const MAY_APPROVE: readonly string[] = ['ann', 'bob', 'eve'];
const MAY_LATER: readonly string[] = [...MAY_APPROVE, 'cy'];

type Ended = Extract<Run['state'], { is: 'ended' }>;

export function judgeFlow(store: SimulatedStore, flow: Flow): string[] {
  const asked = new Set<string>();
  const faults = [...flow.violations];
  for (const { value: run } of store.runs.values()) {
    for (let attempt = 1; attempt <= run.attempt; attempt += 1) asked.add(eventOf({ ...run, attempt }));
    const pipeline = store.executions.get(run.execution)?.value.pipeline ?? '';
    const stage = flow.planOf(pipeline)?.stages.find((one) => one.id === run.stage);
    if (stage === undefined || run.state.is !== 'ended') continue;
    faults.push(...judgeEnd(flow, run, run.state));
    if (stage.kind === 'approve') faults.push(...judgeApproval(flow, stage, run, run.state));
    if (stage.kind === 'pipeline') faults.push(...judgeChild(store, stage, run, run.state));
  }
  for (const { value } of store.executions.values()) {
    if (value.trigger.source !== 'manual' || value.restartOf !== undefined) continue;
    if (!asked.has(value.trigger.event)) faults.push(`${value.id} was asked for by no attempt of a stage`);
  }
  return faults;
}

function judgeEnd(flow: Flow, run: Run, { reason }: Ended): string[] {
  const name = nameOf(run);
  if (reason?.text.includes('do not fit') === true) return [`${name} was given what is not its own: ${reason.text}`];
  if (reason?.code !== 'skipped-by-person') return [];
  // Where clocks disagree by minutes, whether a lost worker found the stage held cannot be told.
  const isAtWork = !flow.isWild && flow.begun.get(name) === run.attempt && !flow.rested.has(name);
  return isAtWork ? [`${name} was skipped, and what it had begun was not brought to rest`] : [];
}

function judgeApproval(flow: Flow, stage: StagePlan, run: Run, state: Ended): string[] {
  const name = nameOf(run);
  const { count, choices, escalate } = approveParameters.parse(stage.with);
  const taken = flow.decisions.filter((one) => one.isTaken && nameOf(one) === name);
  if (state.end === 'succeeded') {
    const { approvals, by } = approveOutputs.parse(state.outputs);
    const may = escalate === undefined ? MAY_APPROVE : MAY_LATER;
    const chosen = new Set(approvals.map(({ choice }) => choice));
    return [
      ...(new Set(by).size === count && by.length === count ? [] : [`${name} asked for ${count} and counted ${by}`]),
      ...by.filter((person) => !may.includes(person)).map((person) => `${name} was approved by ${person}`),
      ...(chosen.size === 1 && (choices === undefined) === chosen.has(undefined)
        ? []
        : [`${name} was approved for ${[...chosen]}`]),
    ];
  }
  const isTimedOut = state.reason?.code === 'approval-timed-out' || state.reason?.code === 'stage-timed-out';
  if (!isTimedOut || run.attempt > 1) return [];
  const people = new Set(taken.filter(({ is }) => is === 'approve').map(({ person }) => person));
  if (people.size < count && !taken.some(({ is }) => is === 'reject')) return [];
  return [`${name} was not decided although the decisions of ${[...people]} were taken`];
}

/** Whoever waits for another execution takes it along to its end. */
function judgeChild(store: SimulatedStore, stage: StagePlan, run: Run, state: Ended): string[] {
  const name = nameOf(run);
  const { pipeline, wait } = pipelineParameters.parse(stage.with);
  if (state.end === 'succeeded') {
    const { execution } = pipelineOutputs.parse(state.outputs);
    const child = store.executions.get(execution)?.value;
    if (child === undefined) return [`${name} succeeded and started nothing`];
    const isDone = child.phase.is === 'ended' && child.phase.end === 'succeeded';
    return wait && !isDone ? [`${name} succeeded and ${execution} did not`] : [];
  }
  if (!wait || (state.end !== 'cancelled' && state.reason?.code !== 'skipped-by-person')) return [];
  if (!store.isAtRest(run)) return [];
  const child = executionIdOf(pipeline, eventOf(run));
  if (!store.executions.has(child)) return [];
  const endedAt = store.endedAt.get(child) ?? Number.POSITIVE_INFINITY;
  const restedAt = store.restedAt.get(name) ?? 0;
  return endedAt > restedAt
    ? [`${name} was ${state.end} ${endedAt - restedAt} ms before ${child}, which it had started`]
    : [];
}
