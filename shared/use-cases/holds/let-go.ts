/** A person lets one stage go on: in spite of a window or a freeze, or without what it waits for. */
import type { Json } from '../../core/json.ts';
import type { Execution, StageView } from '../../core/run.ts';
import { SKIP_SIGNAL } from '../../core/stage.ts';
import { signalStage } from '../signal-stage.ts';
import { HOLD_SIGNAL } from './before-step.ts';
import { type ChangePorts, type Person, remember } from './change-holds.ts';

export type LetGoAnswer =
  | { readonly is: 'taken' }
  | { readonly is: 'unknown' }
  | { readonly is: 'refused'; readonly text: string };

type Ports = Omit<ChangePorts, 'holds'>;
type Command = Person & { readonly execution: string; readonly stage: string };

/** The stage begins in spite of windows and freezes. A pause is not overridden but resumed. */
export async function overrideHold(ports: Ports, command: Command): Promise<LetGoAnswer> {
  const found = await stageOf(ports, command);
  if (found === undefined) return { is: 'unknown' };
  const { execution, view } = found;
  if (view.status !== 'waiting' || (view.reason?.code !== 'outside-window' && view.reason?.code !== 'frozen')) {
    const text =
      view.reason?.code === 'paused'
        ? `${view.id} is paused, which is not overridden but resumed: ${view.reason.unblock ?? ''}`
        : `${view.id} waits for no window and no freeze: it is ${view.status}`;
    return { is: 'refused', text };
  }
  const { by, reason } = command;
  return signal(
    ports,
    command,
    { name: HOLD_SIGNAL, value: { is: 'override', by, reason } },
    () =>
      `${by} overrode what held ${view.id} of ${execution.pipeline} ${execution.id}: ${reason} (${view.reason?.text ?? ''})`,
  );
}

/** The execution goes on without the waiting stage. What the stage has begun is brought to rest first. */
export async function skipStage(ports: Ports, command: Command): Promise<LetGoAnswer> {
  const found = await stageOf(ports, command);
  if (found === undefined) return { is: 'unknown' };
  const { execution, view } = found;
  if (view.status !== 'waiting') {
    return { is: 'refused', text: `only a waiting stage can be skipped, and ${view.id} is ${view.status}` };
  }
  const { by, reason } = command;
  return signal(
    ports,
    command,
    { name: SKIP_SIGNAL, value: { by, reason } },
    () => `${by} skipped ${view.id} of ${execution.pipeline} ${execution.id}: ${reason}`,
  );
}

async function stageOf(
  ports: Ports,
  { execution: id, stage }: Command,
): Promise<{ readonly execution: Execution; readonly view: StageView } | undefined> {
  const execution = (await ports.executions.readExecution({ id }))?.value;
  const view = execution?.stages.find((one) => one.id === stage);
  return execution === undefined || view === undefined ? undefined : { execution, view };
}

async function signal(
  ports: Ports,
  { execution, stage }: Command,
  sent: { readonly name: string; readonly value: Json },
  text: () => string,
): Promise<LetGoAnswer> {
  const answer = await signalStage(ports, { execution, stage, signal: { id: ports.random.id(), ...sent } });
  switch (answer.is) {
    case 'taken':
    case 'duplicate':
      await remember(ports, text());
      return { is: 'taken' };
    case 'unknown':
      return { is: 'unknown' };
    case 'tooLate':
    case 'ended':
    case 'full':
      return { is: 'refused', text: `${stage} does not wait any more` };
  }
}
