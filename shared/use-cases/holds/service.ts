/** Everything that people do about windows, freezes and pauses, for the API. */
import type { HoldScope, Holds } from '../../ports/holds.ts';
import {
  addFreeze,
  type ChangePorts,
  type HoldAnswer,
  liftFreeze,
  pauseScope,
  readHolds,
  resumeScope,
  setFreezes,
  setWindows,
} from './change-holds.ts';
import { type ScopePorts, unknownScope } from './known-scopes.ts';
import { type LetGoAnswer, overrideHold, skipStage } from './let-go.ts';

type Command<F extends (ports: ChangePorts, command: never) => unknown> = Parameters<F>[1];
/** What is held has to be there; `unknown` says in a sentence what is not. */
export type ScopedAnswer = HoldAnswer | { readonly is: 'unknown'; readonly text: string };

export type HoldService = {
  read(): Promise<Holds>;
  setWindows(command: Command<typeof setWindows>): Promise<ScopedAnswer>;
  addFreeze(command: Command<typeof addFreeze>): Promise<ScopedAnswer>;
  /** Makes the freezes that come from a file those that are given, and leaves the others alone. */
  setFreezes(command: Command<typeof setFreezes>): Promise<ScopedAnswer>;
  liftFreeze(command: Command<typeof liftFreeze>): Promise<HoldAnswer>;
  pause(command: Command<typeof pauseScope>): Promise<ScopedAnswer>;
  resume(command: Command<typeof resumeScope>): Promise<HoldAnswer>;
  /** Lets a stage begin in spite of windows and freezes. */
  override(command: Command<typeof overrideHold>): Promise<LetGoAnswer>;
  /** Lets an execution go on without a stage that waits. */
  skip(command: Command<typeof skipStage>): Promise<LetGoAnswer>;
};

export function holdService(ports: ChangePorts & ScopePorts): HoldService {
  const known = async (scopes: readonly HoldScope[], change: () => Promise<HoldAnswer>): Promise<ScopedAnswer> => {
    for (const scope of new Set(scopes)) {
      const text = await unknownScope(ports, scope);
      if (text !== undefined) return { is: 'unknown', text };
    }
    return change();
  };
  return {
    read: () => readHolds(ports),
    // What names nothing any more can still be removed.
    setWindows: (command) =>
      known(command.windows.length === 0 ? [] : [command.scope], () => setWindows(ports, command)),
    addFreeze: (command) => known([command.scope], () => addFreeze(ports, command)),
    setFreezes: (command) =>
      known(
        command.freezes.map(({ scope }) => scope),
        () => setFreezes(ports, command),
      ),
    liftFreeze: (command) => liftFreeze(ports, command),
    pause: (command) => known([command.scope], () => pauseScope(ports, command)),
    resume: (command) => resumeScope(ports, command),
    override: (command) => overrideHold(ports, command),
    skip: (command) => skipStage(ports, command),
  };
}
