/** Creates an execution in one atomic commit with its slot or its place in the queue; its id alone tells duplicates. */
import { type Beginning, beginExecution, type IndexedPlan, moveExecution, statusOf } from '../core/execution.ts';
import { emptyGroup, enterGroup, leaveGroup, limitGroup } from '../core/group.ts';
import type { Plan } from '../core/plan.ts';
import type { Reason, WaitReason } from '../core/reason.ts';
import type { Execution, ExecutionId, Run, StageView, TriggerSummary } from '../core/run.ts';
import type { Write } from '../ports/execution-store.ts';
import { type Changed, commitChange, type OpenGroup, promote, runsStarted } from './change-execution.ts';
import { type StatePorts, untilCommitted } from './engine.ts';
import { attend, sendChange } from './send.ts';
import { traceOf } from './trace.ts';

export type NewExecution = {
  readonly id: ExecutionId;
  readonly indexed: IndexedPlan;
  readonly trigger: TriggerSummary;
  readonly trace: string;
  readonly restart?: {
    readonly of: ExecutionId;
    readonly carried: ReadonlyMap<string, StageView>;
    /** The ended runs of the carried stages, whose outputs later stages may ask for. */
    readonly runs: readonly Run[];
  };
};

export type Created = {
  readonly is: 'started' | 'queued' | 'skipped';
  readonly execution: ExecutionId;
  /** False where the execution existed already: the event was delivered again. */
  readonly isNew: boolean;
};

const howItBegan = (execution: Execution): Created['is'] => {
  const status = statusOf(execution);
  return status === 'queued' || status === 'skipped' ? status : 'started';
};

/** Creates the execution, or finds that it exists; either way sends what is outstanding of it. */
export async function createExecution(ports: StatePorts, command: NewExecution): Promise<Created> {
  const { id, indexed } = command;
  const rule = indexed.plan.concurrency;
  return untilCommitted(ports, `Creating ${id}`, async (): Promise<Created | 'conflict'> => {
    const existing = await ports.executions.readExecution({ id });
    if (existing !== undefined) {
      if (existing.value.sweepAt !== undefined) await attend(ports, id);
      return { is: howItBegan(existing.value), execution: id, isNew: false };
    }
    const at = ports.clock.now();
    const found = await ports.executions.readGroup({ key: rule.group });
    const limited = limitGroup(found?.value ?? emptyGroup(rule.limit), rule.limit);
    const group: OpenGroup = { value: limited.group, expected: found?.version ?? 'absent' };
    const promoted = await promote(ports, group, limited.promoted, at);
    const holders = group.value.holders;
    const entry = enterGroup(group.value, id, rule.whenBusy);
    group.value = entry.group;
    const execution = beginExecution(indexed, {
      id,
      at,
      trigger: command.trigger,
      beginning: beginningOf(entry, id, holders),
      trace: command.trace,
      restartOf: command.restart?.of,
      carried: command.restart?.carried,
    });
    const changed: Changed[] = [{ indexed, execution }];
    const writes: Write[] = [
      { document: 'execution', value: execution, expected: 'absent' },
      ...runsStarted(indexed, execution),
      ...carriedRuns(command),
    ];
    const replaced = await replace(ports, entry.replaced, id);
    if (execution.phase.is === 'ended' && entry.verdict === 'run') {
      const left = leaveGroup(group.value, id);
      group.value = left.group;
      const next = await promote(ports, group, left.promoted, at);
      changed.push(...next.changed);
      writes.push(...next.writes);
    }
    changed.push(...replaced.changed, ...promoted.changed);
    writes.push(...replaced.writes, ...promoted.writes);
    writes.push({ document: 'group', key: rule.group, value: group.value, expected: group.expected });
    const committed = await commitChange(ports, { writes, changed });
    if (committed === 'conflict') return 'conflict';
    await sendChange(ports, committed);
    return { is: howItBegan(execution), execution: id, isNew: true };
  });
}

function beginningOf(
  entry: ReturnType<typeof enterGroup>,
  id: ExecutionId,
  holders: readonly ExecutionId[],
): Beginning {
  const ahead = entry.group.queue.indexOf(id);
  const holder = holders[0] ?? 'another';
  switch (entry.verdict) {
    case 'run':
      return { is: 'run' };
    case 'queue': {
      const reason: WaitReason = {
        code: 'queued-behind',
        text:
          ahead > 0
            ? `Its group is busy: ${holder} runs and ${ahead} wait before it.`
            : `Its group is busy: ${holder} runs; this one is next.`,
        unblock: `gennaker cancel ${holder}`,
      };
      return { is: 'queue', reason, toStop: entry.toStop };
    }
    case 'busy':
    case 'full': {
      const text =
        entry.verdict === 'busy'
          ? `Its group is busy: ${holder} runs, and the pipeline says when-busy: skip.`
          : `Its group's queue is full: ${entry.group.queue.length} wait already.`;
      const reason: Reason = { code: 'group-busy', text, unblock: `gennaker restart ${id}` };
      return { is: 'skip', reason };
    }
  }
}

/** Ends the executions that waited and that the new one replaces. */
async function replace(
  ports: StatePorts,
  ids: readonly ExecutionId[],
  by: ExecutionId,
): Promise<{ writes: Write[]; changed: Changed[] }> {
  const writes: Write[] = [];
  const changed: Changed[] = [];
  for (const id of ids) {
    const found = await ports.executions.readExecution({ id });
    if (found === undefined) continue;
    const indexed = await ports.plans.get(found.value.plan);
    const because: Reason = {
      code: 'superseded-by-newer',
      text: `It waited for a slot, and ${by}, which is newer, took its place.`,
      unblock: `gennaker restart ${id}`,
    };
    const move = moveExecution(indexed, found.value, { is: 'stop', at: ports.clock.now(), because, end: 'cancelled' });
    if (!('moved' in move)) continue;
    writes.push({ document: 'execution', value: move.moved, expected: found.version });
    changed.push({ indexed, execution: move.moved });
  }
  return { writes, changed };
}

function carriedRuns(command: NewExecution): Write[] {
  const runs = command.restart?.runs ?? [];
  return runs.map((run) => ({ document: 'run', value: { ...run, execution: command.id }, expected: 'absent' }));
}

export type Restarted =
  | { readonly is: 'accepted'; readonly event: string; readonly execution: ExecutionId }
  | { readonly is: 'unknown' }
  | { readonly is: 'still-running' };

/**
 * Runs an ended execution's plan again as a new execution, which goes on after the stages that had succeeded. `allow` is
 * asked before, and throws where the plan may not be run any more.
 */
export async function restartExecution(
  ports: StatePorts,
  command: { readonly id: ExecutionId; readonly by: string },
  newId: (pipeline: string, event: string) => ExecutionId,
  allow: (plan: Plan) => Promise<void> = async () => undefined,
): Promise<Restarted> {
  const found = await ports.executions.readExecution({ id: command.id });
  if (found === undefined) return { is: 'unknown' };
  const before: Execution = found.value;
  if (before.phase.is !== 'ended') return { is: 'still-running' };
  const indexed = await ports.plans.get(before.plan);
  await allow(indexed.plan);
  const event = `manual-${ports.random.id()}`;
  const isDone = (view: StageView): boolean => view.status === 'succeeded';
  const carried = new Map(before.stages.filter(isDone).map((view) => [view.id, view]));
  const runs = await ports.executions.readRuns({ execution: command.id });
  const created = await createExecution(ports, {
    id: newId(before.pipeline, event),
    indexed,
    trigger: {
      event,
      source: 'manual',
      text: `restart of ${command.id}`,
      by: command.by,
      at: ports.clock.now(),
    },
    trace: traceOf({ id: event, trace: before.trace }),
    restart: {
      of: command.id,
      carried,
      runs: runs.map((run) => run.value).filter((run) => carried.has(run.stage)),
    },
  });
  return { is: 'accepted', event, execution: created.execution };
}
