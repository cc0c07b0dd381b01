/** Everything that people do about windows, freezes and pauses, for the API. */
import type { Holds } from '../../ports/holds.ts';
import {
  addFreeze,
  type ChangePorts,
  type HoldAnswer,
  liftFreeze,
  pauseScope,
  readHolds,
  resumeScope,
  setWindows,
} from './change-holds.ts';
import { type LetGoAnswer, overrideHold, skipStage } from './let-go.ts';

type Command<F extends (ports: ChangePorts, command: never) => unknown> = Parameters<F>[1];

export type HoldService = {
  read(): Promise<Holds>;
  setWindows(command: Command<typeof setWindows>): Promise<HoldAnswer>;
  addFreeze(command: Command<typeof addFreeze>): Promise<HoldAnswer>;
  liftFreeze(command: Command<typeof liftFreeze>): Promise<HoldAnswer>;
  pause(command: Command<typeof pauseScope>): Promise<HoldAnswer>;
  resume(command: Command<typeof resumeScope>): Promise<HoldAnswer>;
  /** Lets a stage begin in spite of windows and freezes. */
  override(command: Command<typeof overrideHold>): Promise<LetGoAnswer>;
  /** Lets an execution go on without a stage that waits. */
  skip(command: Command<typeof skipStage>): Promise<LetGoAnswer>;
};

export function holdService(ports: ChangePorts): HoldService {
  return {
    read: () => readHolds(ports),
    setWindows: (command) => setWindows(ports, command),
    addFreeze: (command) => addFreeze(ports, command),
    liftFreeze: (command) => liftFreeze(ports, command),
    pause: (command) => pauseScope(ports, command),
    resume: (command) => resumeScope(ports, command),
    override: (command) => overrideHold(ports, command),
    skip: (command) => skipStage(ports, command),
  };
}
