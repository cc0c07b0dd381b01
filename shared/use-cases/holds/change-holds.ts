/** Windows, freezes and pauses are made and lifted here; who waits for what is lifted is told to look again at once. */
import { isDeepStrictEqual } from 'node:util';
import type { Window } from '../../calendar/windows.ts';
import { isHold } from '../../core/reason.ts';
import type { Bus } from '../../ports/bus.ts';
import type { Cells } from '../../ports/cells.ts';
import { type Freeze, HOLDS_KEY, type HoldScope, type Holds, NO_HOLDS, type Pause } from '../../ports/holds.ts';
import type { Inbox } from '../../ports/inbox.ts';
import { type StatePorts, untilCommitted } from '../engine.ts';
import { signalStage } from '../signal-stage.ts';
import { HOLD_SIGNAL } from './before-step.ts';

export type ChangePorts = StatePorts & {
  readonly holds: Cells<Holds>;
  readonly inbox: Pick<Inbox, 'record'>;
  readonly bus: Bus;
};

/** Of each sort: the document that holds them is read before each stage. */
const MAXIMUM_HOLDS = 200;
const MAXIMUM_WINDOW_CHARACTERS = 256 * 1024;
/** Executions that are told at once that something was lifted; later ones find it within minutes. */
const MAXIMUM_TOLD = 200;

export type Person = { readonly by: string; readonly reason: string };

export type HoldAnswer = { readonly is: 'changed' | 'unchanged' } | { readonly is: 'refused'; readonly text: string };

export async function readHolds({ holds }: Pick<ChangePorts, 'holds'>): Promise<Holds> {
  return (await holds.read({ key: HOLDS_KEY }))?.value ?? NO_HOLDS;
}

/** Replaces the windows of a scope; none of them means that it is always open. */
export function setWindows(
  ports: ChangePorts,
  command: { readonly scope: HoldScope; readonly windows: readonly Window[]; readonly by: string },
): Promise<HoldAnswer> {
  const { scope, windows, by } = command;
  const what = windows.length === 0 ? `removed the windows of ${scope}` : `set the windows of ${scope}`;
  return change(ports, `${by} ${what}`, (holds) => {
    const { [scope]: before, ...others } = holds.windows;
    if (windows.length === 0 && before === undefined) return 'unchanged';
    const next = windows.length === 0 ? others : { ...others, [scope]: windows };
    if (JSON.stringify(next).length > MAXIMUM_WINDOW_CHARACTERS) {
      return { refused: `all windows together may take ${MAXIMUM_WINDOW_CHARACTERS} characters, and would take more` };
    }
    const { [scope]: setBefore, ...othersSetAt } = holds.windowsSetAt ?? {};
    const isSame = setBefore !== undefined && JSON.stringify(before) === JSON.stringify(windows);
    const setAt = isSame ? setBefore : ports.clock.now();
    const windowsSetAt = windows.length === 0 ? othersSetAt : { ...othersSetAt, [scope]: setAt };
    return { ...holds, windows: next, windowsSetAt };
  });
}

/** Adds a freeze, which has the id that is given; one of that id is there already only where it was asked twice. */
export function addFreeze(ports: ChangePorts, freeze: Omit<Freeze, 'at'>): Promise<HoldAnswer> {
  const { id, scope, by, reason } = freeze;
  const now = ports.clock.now();
  if (freeze.until !== undefined && freeze.until <= Math.max(now, freeze.from ?? now)) {
    return Promise.resolve({ is: 'refused', text: 'the freeze would end before it begins' });
  }
  return change(ports, `${by} froze ${scope}: ${reason}`, (holds) => {
    if (holds.freezes.some((one) => one.id === id)) return 'unchanged';
    const freezes = holds.freezes.filter(({ until }) => until === undefined || until > now);
    if (freezes.length >= MAXIMUM_HOLDS)
      return { refused: `there are ${freezes.length} freezes already, as many as may be` };
    return { ...holds, freezes: [...freezes, { ...freeze, at: now }] };
  });
}

/**
 * Makes the freezes that come from a file those that are given; those that people made are left alone. What is over
 * already may stand in the file.
 */
export function setFreezes(
  ports: ChangePorts,
  command: { readonly freezes: readonly Omit<Freeze, 'at' | 'by' | 'isFromFile'>[]; readonly by: string },
): Promise<HoldAnswer> {
  const { freezes: given, by } = command;
  const now = ports.clock.now();
  const backwards = given.find(({ from, until }) => from !== undefined && until !== undefined && until <= from);
  if (backwards !== undefined) {
    return Promise.resolve({ is: 'refused', text: `the freeze ${backwards.id} would end before it begins` });
  }
  const lasting = given.filter(({ until }) => until === undefined || until > now);
  const names = lasting.map(({ id }) => id).join(', ') || 'none';
  return change(ports, `${by} made the freezes of the file: ${names}`, (holds) => {
    const others = holds.freezes.filter(({ isFromFile }) => isFromFile === undefined);
    const taken = lasting.find(({ id }) => others.some((one) => one.id === id));
    if (taken !== undefined) return { refused: `somebody has made a freeze ${taken.id}, which is not of the file` };
    const before = holds.freezes.filter(({ isFromFile }) => isFromFile === true);
    const next = lasting.map((freeze): Freeze => {
      const known = before.find(({ id }) => id === freeze.id);
      const { at: _at, by: _by, isFromFile: _isFromFile, ...told } = known ?? { at: now, by };
      const isSame = known !== undefined && isDeepStrictEqual(told, freeze);
      return isSame ? known : { ...freeze, by, at: now, isFromFile: true };
    });
    if (next.length === before.length && next.every((one) => before.includes(one))) return 'unchanged';
    if (others.length + next.length > MAXIMUM_HOLDS) {
      return { refused: `${others.length + next.length} freezes are more than the ${MAXIMUM_HOLDS} that may be` };
    }
    return { ...holds, freezes: [...others, ...next] };
  });
}

export function liftFreeze(
  ports: ChangePorts,
  { id, by }: { readonly id: string; readonly by: string },
): Promise<HoldAnswer> {
  return change(ports, `${by} lifted the freeze ${id}`, (holds) => {
    const freezes = holds.freezes.filter((one) => one.id !== id);
    return freezes.length === holds.freezes.length ? 'unchanged' : { ...holds, freezes };
  });
}

export function pauseScope(ports: ChangePorts, pause: Omit<Pause, 'at'>): Promise<HoldAnswer> {
  const { scope, by, reason } = pause;
  const at = ports.clock.now();
  return change(ports, `${by} paused ${scope}: ${reason}`, (holds) => {
    if (holds.pauses.some((one) => one.scope === scope)) return 'unchanged';
    if (holds.pauses.length >= MAXIMUM_HOLDS) {
      return { refused: `${holds.pauses.length} things are paused already, as many as may be` };
    }
    return { ...holds, pauses: [...holds.pauses, { ...pause, at }] };
  });
}

export function resumeScope(
  ports: ChangePorts,
  { scope, by, reason }: { readonly scope: HoldScope; readonly by: string; readonly reason?: string },
): Promise<HoldAnswer> {
  return change(ports, `${by} resumed ${scope}${reason === undefined ? '' : `: ${reason}`}`, (holds) => {
    const pauses = holds.pauses.filter((one) => one.scope !== scope);
    return pauses.length === holds.pauses.length ? 'unchanged' : { ...holds, pauses };
  });
}

async function change(
  ports: ChangePorts,
  text: string,
  edit: (holds: Holds) => Holds | 'unchanged' | { readonly refused: string },
): Promise<HoldAnswer> {
  const answer = await untilCommitted(ports, 'Changing what is held', async (): Promise<HoldAnswer | 'conflict'> => {
    const found = await ports.holds.read({ key: HOLDS_KEY });
    const next = edit(found?.value ?? NO_HOLDS);
    if (next === 'unchanged') return { is: 'unchanged' };
    if ('refused' in next) return { is: 'refused', text: next.refused };
    const written = await ports.holds.write({ key: HOLDS_KEY, value: next, expected: found?.version ?? 'absent' });
    return written === 'conflict' ? 'conflict' : { is: 'changed' };
  });
  if (answer.is !== 'changed') return answer;
  await remember(ports, text);
  await tellWaiting(ports);
  return answer;
}

/** Keeps in the inbox what a person changed of the system. */
export async function remember(ports: Pick<ChangePorts, 'inbox' | 'clock' | 'random'>, text: string): Promise<void> {
  const receivedAt = ports.clock.now();
  const id = `holds-${ports.random.id()}`;
  await ports.inbox.record({
    entry: { format: 1, id, receivedAt, source: 'manual', text, changes: [text], verdicts: [] },
  });
}

async function tellWaiting(ports: ChangePorts): Promise<void> {
  const executions = await ports.executions.list({ limit: MAXIMUM_TOLD });
  for (const { id: execution, stages } of executions) {
    for (const { id: stage, status, reason } of stages) {
      if (status !== 'waiting' || !isHold(reason)) continue;
      const signal = { id: ports.random.id(), name: HOLD_SIGNAL, value: { is: 'look' } };
      try {
        await signalStage(ports, { execution, stage, signal });
      } catch (error) {
        // It looks by itself within minutes.
        ports.log.write('WARNING', 'A held stage could not be told to look again', { execution, stage, error });
      }
    }
  }
}
