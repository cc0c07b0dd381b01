/** Stops an execution: what waits is laid to rest at once, what works is told to come to rest. */
import { type ExecutionStatus, moveExecution, statusOf } from '../core/execution.ts';
import type { Reason } from '../core/reason.ts';
import { changeOf, commitChange } from './change-execution.ts';
import { type StatePorts, untilCommitted } from './engine.ts';
import { attend, sendChange } from './send.ts';

export type StopAnswer =
  | { readonly is: 'stopping' }
  | { readonly is: 'already-ended'; readonly status: ExecutionStatus }
  | { readonly is: 'unknown' };

/** Asks the execution to stop. Asking twice is asking once. */
export async function stopExecution(
  ports: StatePorts,
  command: { readonly id: string; readonly because: Reason; readonly end: 'cancelled' | 'failed' },
): Promise<StopAnswer> {
  return untilCommitted(ports, `Stopping ${command.id}`, async () => {
    const found = await ports.executions.readExecution({ id: command.id });
    if (found === undefined) return { is: 'unknown' };
    const indexed = await ports.plans.get(found.value.plan);
    const move = moveExecution(indexed, found.value, {
      is: 'stop',
      at: ports.clock.now(),
      because: command.because,
      end: command.end,
    });
    if (!('moved' in move)) {
      await attend(ports, command.id);
      return move.ignored === 'ended' ? { is: 'already-ended', status: statusOf(found.value) } : { is: 'stopping' };
    }
    const change = await changeOf(ports, indexed, found, move.moved);
    const changed = await commitChange(ports, change);
    if (changed === 'conflict') return 'conflict';
    await sendChange(ports, changed);
    return { is: 'stopping' };
  });
}

/** A person's cancel. */
export async function cancelExecution(
  ports: StatePorts,
  command: { readonly id: string; readonly by: string; readonly reason?: string | undefined },
): Promise<StopAnswer> {
  const text = `${command.by} cancelled it${command.reason === undefined ? '.' : `: ${command.reason}`}`;
  return stopExecution(ports, {
    id: command.id,
    end: 'cancelled',
    because: { code: 'cancelled-by-person', text, unblock: `gennaker restart ${command.id}` },
  });
}
