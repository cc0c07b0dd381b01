/** Gathers into one atomic commit all that one change of an execution moves: its runs, its group, and who gets its slot. */
import { type IndexedPlan, moveExecution, withPromoted } from '../core/execution.ts';
import { leaveGroup } from '../core/group.ts';
import type { Execution, ExecutionId, Group, Instant } from '../core/run.ts';
import { beginRun } from '../core/stage.ts';
import type { Version, Versioned, Write } from '../ports/execution-store.ts';
import type { StatePorts } from './engine.ts';

/** An execution as a commit leaves it. */
export type Changed = { readonly indexed: IndexedPlan; readonly execution: Execution; readonly version?: Version };

/** A commit under construction. The first of `changed` is the execution that it is about. */
export type Change = { readonly writes: readonly Write[]; readonly changed: readonly Changed[] };

/** Writes the change, and one line of log for each transition. The changed executions with their new versions, or `conflict`. */
export async function commitChange(
  ports: StatePorts,
  change: Change,
  others: readonly Write[] = [],
): Promise<readonly Changed[] | 'conflict'> {
  const writes = [...change.writes, ...others];
  const result = await ports.executions.commit({ writes });
  if (result.is === 'conflict') return 'conflict';
  for (const { execution } of change.changed) logTransition(ports, execution);
  return change.changed.map((one) => {
    const index = writes.findIndex((write) => write.document === 'execution' && write.value.id === one.execution.id);
    const version = result.versions[index];
    return version === undefined ? one : { ...one, version };
  });
}

function logTransition(ports: StatePorts, execution: Execution): void {
  const { id, pipeline, trace } = execution;
  const transition = execution.unproven.at(-1);
  if (transition !== undefined) {
    ports.log.write('INFO', 'An execution moved', { execution: id, pipeline, trace, ...transition });
  }
}

/** A group while a commit is made: read once, moved as often as needed, written once. */
export type OpenGroup = { value: Group; readonly expected: Version | 'absent' };

/** The creation of the runs of every stage that started in the execution's newest revision. */
export function runsStarted(indexed: IndexedPlan, execution: Execution): Write[] {
  if (execution.phase.is !== 'running') return [];
  const { deadline } = execution.phase;
  return execution.stages.flatMap((view, index): Write[] => {
    const stage = indexed.plan.stages[index];
    if (stage === undefined || view.status !== 'running' || view.startedIn !== execution.revision) return [];
    const run = beginRun({
      execution: execution.id,
      plan: indexed.hash,
      stage,
      at: execution.at,
      executionDeadline: deadline,
      revision: execution.revision,
      trace: execution.trace,
    });
    return [{ document: 'run', value: run, expected: 'absent' }];
  });
}

/** The commit of an existing execution's next state, with its group's where it ends. */
export async function changeOf(
  ports: StatePorts,
  indexed: IndexedPlan,
  before: Versioned<Execution>,
  next: Execution,
): Promise<Change> {
  if (next.phase.is !== 'ended') {
    return {
      writes: [{ document: 'execution', value: next, expected: before.version }, ...runsStarted(indexed, next)],
      changed: [{ indexed, execution: next }],
    };
  }
  const key = next.group;
  const found = await ports.executions.readGroup({ key });
  // Every execution entered a group when it was created; where the document is gone, there is no slot to give on.
  if (found === undefined) {
    return {
      writes: [{ document: 'execution', value: next, expected: before.version }],
      changed: [{ indexed, execution: next }],
    };
  }
  const group: OpenGroup = { value: found.value, expected: found.version };
  const left = leaveGroup(group.value, next.id);
  group.value = left.group;
  const promoted = await promote(ports, group, left.promoted, next.at);
  const ended = withPromoted(
    next,
    promoted.changed.map((one) => one.execution.id),
  );
  return {
    writes: [
      { document: 'execution', value: ended, expected: before.version },
      ...promoted.writes,
      { document: 'group', key, value: group.value, expected: group.expected },
    ],
    changed: [{ indexed, execution: ended }, ...promoted.changed],
  };
}

/** Gives their slots to `ids`. One that ends in the same moment, because nothing in it is to run, passes its slot on. */
export async function promote(
  ports: StatePorts,
  group: OpenGroup,
  ids: readonly ExecutionId[],
  at: Instant,
): Promise<Change> {
  const writes: Write[] = [];
  const changed: Changed[] = [];
  const queue = [...ids];
  for (let id = queue.shift(); id !== undefined; id = queue.shift()) {
    const found = await ports.executions.readExecution({ id });
    const indexed = found === undefined ? undefined : await ports.plans.get(found.value.plan);
    const move =
      found === undefined || indexed === undefined
        ? undefined
        : moveExecution(indexed, found.value, { is: 'promote', at });
    if (found === undefined || indexed === undefined || move === undefined || !('moved' in move)) {
      // Gone or ended without leaving: it must not keep the slot.
      const left = leaveGroup(group.value, id);
      group.value = left.group;
      queue.push(...left.promoted);
      continue;
    }
    writes.push({ document: 'execution', value: move.moved, expected: found.version });
    writes.push(...runsStarted(indexed, move.moved));
    changed.push({ indexed, execution: move.moved });
    if (move.moved.phase.is === 'ended') {
      const left = leaveGroup(group.value, id);
      group.value = left.group;
      queue.push(...left.promoted);
    }
  }
  return { writes, changed };
}
