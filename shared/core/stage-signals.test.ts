import { describe, expect, it } from 'vitest';
import {
  answered,
  claimed,
  claimOf,
  moved,
  moveRun,
  outcomes,
  readyRun,
  refusalOf,
  toldToStop,
} from '../../test/support/core-fixtures.ts';
import { MAXIMUM_MAIL, MAXIMUM_TAKEN } from './limits.ts';
import { outstandingOfRun } from './outstanding.ts';
import type { Run, Signal } from './run.ts';
import { hasMail } from './stage.ts';

const signalOf = (id: string, name = 'approve'): Signal => ({ id, name, at: 0, value: { by: 'mia' } });
const send = (run: Run, signal: Signal, at = run.at) => moveRun(run, { is: 'signal', at, signal });
const sent = (run: Run, signal: Signal, at = run.at): Run => moved(send(run, signal, at));

const held = claimed(readyRun());
const UNTIL = held.at + 90_000;
const waiting = answered(held, outcomes.signal('approve', UNTIL));

describe('a signal', () => {
  it('in time ends the wait for it: the step gets it, and its mail is taken', () => {
    const mailed = sent(waiting, signalOf('s1'), UNTIL - 1);
    expect(hasMail(mailed)).toBe(true);
    const run = claimed(mailed, UNTIL + 5);
    expect(run).toMatchObject({
      mail: [],
      taken: ['s1'],
      state: { is: 'claimed', input: { by: 'signal', signal: { ...signalOf('s1'), at: UNTIL - 1 } } },
    });
  });

  it('that began a step proves nothing, because it may come before the wait was announced', () => {
    expect(claimed(sent({ ...waiting, proves: 4 }, signalOf('s1')))).toMatchObject({ proves: 0 });
  });

  it('may come before its stage waits for it', () => {
    const early = sent(held, signalOf('s1'));
    const run = answered(early, outcomes.signal('approve', UNTIL));
    expect(hasMail(run)).toBe(true);
    expect(claimed(run).state).toMatchObject({ input: { by: 'signal', signal: { id: 's1' } } });
  });

  it('that came early but after the end of a wait that lies in the past does not count', () => {
    const early = sent(held, signalOf('s1'), held.at + 10);
    const run = answered(early, outcomes.signal('approve', held.at + 5), held.at + 20);
    expect(hasMail(run), 'it begins nothing').toBe(false);
    expect(outstandingOfRun(run)).toMatchObject([{ is: 'wake', at: held.at + 5 }]);
    expect(claimed(run).state).toMatchObject({ input: { by: 'time' } });
  });

  it('of another name is kept, and the wait goes on', () => {
    const run = sent(waiting, signalOf('s1', 'reject'));
    expect(run.mail).toHaveLength(1);
    expect(hasMail(run)).toBe(false);
    expect(refusalOf(moveRun(run, claimOf(run)))).toBe('notYet');
    expect(claimed(run, UNTIL)).toMatchObject({ state: { input: { by: 'time' } }, mail: [{ id: 's1' }] });
  });

  it('of another name may come after the end of the wait, as long as the stage has time', () => {
    expect(refusalOf(send(waiting, signalOf('s1', 'reject'), UNTIL + 1))).toBe('moved');
  });

  it.each([
    { name: 'at the very end of the wait', run: waiting, at: UNTIL },
    { name: 'at the limit of the stage', run: held, at: held.deadline },
    {
      name: 'at the limit of a stage whose wait has no end of its own',
      run: answered(held, outcomes.signal('approve')),
      at: held.deadline,
    },
    { name: 'while the stage stops', run: toldToStop(waiting), at: waiting.at },
    { name: 'once the stage is told to stop, though its step still runs', run: toldToStop(held), at: held.at },
  ])('$name is too late', ({ run, at }) => {
    expect(refusalOf(send(run, signalOf('s1'), at))).toBe('tooLate');
  });

  it('to a stage at rest finds it ended', () => {
    expect(refusalOf(send(answered(held, outcomes.succeeded), signalOf('s1')))).toBe('ended');
  });

  it.each([
    { name: 'while it lies in the mail', run: sent(waiting, signalOf('s1')) },
    { name: 'after it was taken', run: claimed(sent(waiting, signalOf('s1'))) },
  ])('repeated $name is a duplicate', ({ run }) => {
    expect(refusalOf(send(run, signalOf('s1')))).toBe('duplicate');
  });

  it(`beyond ${MAXIMUM_MAIL} that wait is refused`, () => {
    let run = waiting;
    for (let count = 0; count < MAXIMUM_MAIL; count += 1) run = sent(run, signalOf(`s${count}`, 'other'));
    expect(refusalOf(send(run, signalOf('one too many', 'other')))).toBe('full');
    expect(refusalOf(send(run, signalOf('s0', 'other')))).toBe('duplicate');
  });

  it(`is remembered as taken while ${MAXIMUM_TAKEN} newer ones are not`, () => {
    const taken = Array.from({ length: MAXIMUM_TAKEN }, (_, index) => `t${index}`);
    const run = claimed(sent({ ...waiting, taken }, signalOf('s1')));
    expect(run.taken).toHaveLength(MAXIMUM_TAKEN);
    expect(run.taken.at(0)).toBe('t1');
    expect(run.taken.at(-1)).toBe('s1');
  });

  it('is dated by the document where the clock runs behind', () => {
    expect(sent(waiting, signalOf('s1'), waiting.at - 5_000)).toMatchObject({ mail: [{ at: waiting.at }] });
  });

  it.each([
    { name: 'a run that is ready', run: sent(readyRun(), signalOf('s1')) },
    { name: 'a run that waits for a time', run: sent(answered(held, outcomes.until(UNTIL)), signalOf('s1')) },
  ])('makes nothing due for $name', ({ run }) => {
    expect(hasMail(run)).toBe(false);
  });
});
