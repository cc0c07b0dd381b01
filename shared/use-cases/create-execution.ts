/** Creates an execution in one atomic commit with its slot or its place in the queue; its id alone tells duplicates. */
import { type Beginning, beginExecution, type IndexedPlan, moveExecution, statusOf } from '../core/execution.ts';
import { emptyGroup, enterGroup, leaveGroup, limitGroup } from '../core/group.ts';
import type { Plan, StartRule } from '../core/plan.ts';
import type { Reason, WaitReason } from '../core/reason.ts';
import type { Execution, ExecutionId, Instant, Run, StageView, TriggerSummary } from '../core/run.ts';
import type { Write } from '../ports/execution-store.ts';
import { type Changed, commitChange, type OpenGroup, promote, runsStarted } from './change-execution.ts';
import { type StatePorts, untilCommitted } from './engine.ts';
import { attend, sendChange } from './send.ts';
import { countStart } from './start-bound.ts';

export type NewExecution = {
  readonly id: ExecutionId;
  readonly indexed: IndexedPlan;
  readonly trigger: TriggerSummary;
  readonly trace: string;
  /** Counts the start, which an event from outside has caused, and lets no more than these be. */
  readonly startRule?: StartRule | undefined;
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

/** Creates the execution, or finds that it exists; either way sends what is outstanding of it. Throws TooManyStarts. */
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
    const { startRule } = command;
    const counted = startRule === undefined ? [] : await countedStart(ports, indexed.plan, startRule, group, at);
    const promoted = await promote(ports, group, limited.promoted, at);
    const holders = group.value.holders;
    const entry = enterGroup(group.value, id, rule.whenBusy, rule.queue);
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
      ...counted,
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

/** Counts the start in the group that has the pipeline's name: mostly its own, which is read and written anyway. */
async function countedStart(
  ports: StatePorts,
  { pipeline, concurrency }: Plan,
  rule: StartRule,
  group: OpenGroup,
  at: Instant,
): Promise<readonly Write[]> {
  if (concurrency.group === pipeline) {
    group.value = { ...group.value, starts: countStart(pipeline, group.value.starts, rule, at) };
    return [];
  }
  const found = await ports.executions.readGroup({ key: pipeline });
  const own = found?.value ?? emptyGroup(concurrency.limit);
  const value = { ...own, starts: countStart(pipeline, own.starts, rule, at) };
  return [{ document: 'group', key: pipeline, value, expected: found?.version ?? 'absent' }];
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
          : `Its group's queue is full: ${entry.group.queue.length} wait already, and no more may.`;
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
