/** Brings a signal from outside, an approval or a call-back, into the mailbox of a stage, and wakes the stage where it waits for it. */
import { stagePlanOf } from '../core/execution.ts';
import type { Json } from '../core/json.ts';
import { outstandingOfRun } from '../core/outstanding.ts';
import type { Run } from '../core/run.ts';
import { hasMail, moveStage } from '../core/stage.ts';
import { type StatePorts, untilCommitted } from './engine.ts';
import { send, senderOf } from './send.ts';

export type SignalAnswer = { readonly is: 'taken' | 'duplicate' | 'tooLate' | 'ended' | 'unknown' | 'full' };

/** Takes the signal. The answer is given after the commit: `taken` is a promise that it will count. */
export async function signalStage(
  ports: StatePorts,
  command: {
    readonly execution: string;
    readonly stage: string;
    /** Where it is given, the signal is for this attempt alone. */
    readonly attempt?: number;
    readonly signal: { readonly id: string; readonly name: string; readonly value: Json };
    /** Throws to refuse the signal, by the very run that it would be committed to. */
    readonly admit?: (run: Run) => void;
  },
): Promise<SignalAnswer> {
  return untilCommitted(ports, `Signalling ${command.execution}/${command.stage}`, async () => {
    const found = await ports.executions.readRun(command);
    if (found === undefined) return { is: 'unknown' };
    if (command.attempt !== undefined && command.attempt !== found.value.attempt) return { is: 'tooLate' };
    const indexed = await ports.plans.get(found.value.plan);
    const stage = stagePlanOf(indexed, command.stage);
    if (stage === undefined) return { is: 'unknown' };
    const at = ports.clock.now();
    const move = moveStage(stage, found.value, { is: 'signal', at, signal: { ...command.signal, at } });
    const isNew = 'moved' in move || (move.ignored !== 'duplicate' && move.ignored !== 'ended');
    if (isNew) command.admit?.(found.value);
    const run = 'moved' in move ? move.moved : found.value;
    if ('moved' in move) {
      const result = await ports.executions.commit({
        writes: [{ document: 'run', value: move.moved, expected: found.version }],
      });
      if (result.is === 'conflict') return 'conflict';
    }
    // The sender may repeat a signal because it heard no answer: the work is sent again with it.
    if (hasMail(run)) await send(ports, senderOf(indexed, run), outstandingOfRun(run));
    if ('moved' in move) return { is: 'taken' };
    switch (move.ignored) {
      case 'duplicate':
      case 'tooLate':
      case 'ended':
      case 'full':
        return { is: move.ignored };
      case 'superseded':
      case 'held':
      case 'notYet':
        return { is: 'tooLate' };
    }
  });
}
