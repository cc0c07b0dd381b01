/** The repair that runs each minute: looks at every execution in which something should have moved by now, and sends again what is outstanding. */
import { moveExecution } from '../core/execution.ts';
import { leaveGroup } from '../core/group.ts';
import type { ExecutionId } from '../core/run.ts';
import { commitChange, promote } from './change-execution.ts';
import type { StatePorts } from './engine.ts';
import { attend, sendChange } from './send.ts';

/** Executions that one sweep looks at; the rest is due at the next. */
const MAXIMUM_SWEPT = 200;
const SWEPT_AT_ONCE = 8;

/** Returns how many executions were looked at. One that fails does not keep the others from being looked at. */
export async function sweepExecutions(ports: StatePorts): Promise<number> {
  const ids = await ports.executions.due({ before: ports.clock.now(), limit: MAXIMUM_SWEPT });
  const queue = [...ids];
  const sweepNext = async (): Promise<void> => {
    for (let id = queue.shift(); id !== undefined; id = queue.shift()) {
      try {
        await sweepOne(ports, id);
      } catch (error) {
        ports.log.write('ERROR', 'An execution could not be swept', { execution: id, error });
      }
    }
  };
  await Promise.all(Array.from({ length: SWEPT_AT_ONCE }, sweepNext));
  return ids.length;
}

async function sweepOne(ports: StatePorts, id: ExecutionId): Promise<void> {
  const found = await ports.executions.readExecution({ id });
  if (found === undefined) return;
  const indexed = await ports.plans.get(found.value.plan);
  const move = moveExecution(indexed, found.value, { is: 'sweep', at: ports.clock.now() });
  if (!('moved' in move)) return;
  // Moved on first, so that two sweeps at once do not both send, and one that fails is followed by another.
  const result = await ports.executions.commit({
    writes: [{ document: 'execution', value: move.moved, expected: found.version }],
  });
  if (result.is === 'conflict') return;
  if (move.moved.phase.is === 'queued') await promoteIfFree(ports, move.moved.group);
  await attend(ports, id);
}

/** Gives slots that stand free to those who wait. It finds none as long as every commit of an end is conditional on its group. */
async function promoteIfFree(ports: StatePorts, key: string): Promise<void> {
  const found = await ports.executions.readGroup({ key });
  if (found === undefined) return;
  const filled = leaveGroup(found.value, '');
  if (filled.promoted.length === 0) return;
  const group = { value: filled.group, expected: found.version };
  const promoted = await promote(ports, group, filled.promoted, ports.clock.now());
  const changed = await commitChange(ports, {
    writes: [...promoted.writes, { document: 'group', key, value: group.value, expected: group.expected }],
    changed: promoted.changed,
  });
  if (changed !== 'conflict') await sendChange(ports, changed);
}
