import { describe, expect, it } from 'vitest';
import {
  answered,
  CANCELLED,
  claimed,
  LEASE_MS,
  moved,
  moveRun,
  outcomes,
  readyRun,
  refusalOf,
  toldToStop,
} from '../../test/support/core-fixtures.ts';
import { stagePlan } from '../../test/support/execution-fixtures.ts';
import { MAXIMUM_REPEAT_BACK_OFF_MS, MAXIMUM_REPEATS, REPEAT_BACK_OFF_MS, STOP_LIMIT_MS } from './limits.ts';
import type { Outcome, Run } from './run.ts';
import { endOfWait, shownOf, viewOf } from './stage.ts';

const held = claimed(readyRun());
const heldStopping = claimed(toldToStop(readyRun()));
const retrying = stagePlan('release', { retry: { attempts: 5, backOffMs: 1_000, maximumBackOffMs: 3_000 } });

const waitOf = (run: Run): number => {
  if (run.state.is !== 'waiting') throw new Error(`the run does not wait: ${run.state.is}`);
  return endOfWait(run, run.state.for) - run.at;
};

describe('the answer of a step that goes forward', () => {
  it.each<{ name: string; outcome: Outcome; becomes: object }>([
    {
      name: 'succeeded ends the stage with its outputs',
      outcome: outcomes.succeeded,
      becomes: { state: { is: 'ended', end: 'succeeded', outputs: outcomes.succeeded.outputs } },
    },
    {
      name: 'skipped ends it with why',
      outcome: outcomes.skipped,
      becomes: { state: { is: 'ended', end: 'skipped', reason: outcomes.skipped.reason } },
    },
    {
      name: 'again makes the next step ready, with the cursor',
      outcome: outcomes.again,
      becomes: { step: 2, tries: 0, cursor: { seen: 1 }, state: { is: 'ready', input: { by: 'again' } } },
    },
    {
      name: 'waiting keeps the next step until its time',
      outcome: outcomes.until(held.at + 90_000),
      becomes: {
        step: 2,
        tries: 0,
        cursor: { waits: 'time' },
        state: { is: 'waiting', for: { until: held.at + 90_000 }, input: { by: 'time' } },
      },
    },
    {
      name: 'failed for good ends it',
      outcome: outcomes.failed('giveUp'),
      becomes: { state: { is: 'ended', end: 'failed', reason: { code: 'remote-unreachable' } } },
    },
    {
      name: 'failed without another attempt in the policy ends it with the reason as it is',
      outcome: outcomes.failed('newAttempt'),
      becomes: { state: { is: 'ended', end: 'failed', reason: outcomes.failed('newAttempt').reason } },
    },
  ])('$name', ({ outcome, becomes }) => {
    expect(answered(held, outcome)).toMatchObject(becomes);
  });

  it('forgets the cursor and the mail of a stage that has ended', () => {
    const again = claimed(answered(held, outcomes.again));
    const signal = { id: 's1', name: 'approve', at: 0, value: null };
    const mailed = moved(moveRun(again, { is: 'signal', at: again.at, signal }));
    const ended = answered(mailed, outcomes.succeeded);
    expect(ended).not.toHaveProperty('cursor');
    expect(ended.mail).toEqual([]);
  });

  it.each([
    { name: 'another worker', run: held, by: 'worker-2' },
    { name: 'a worker whose step nobody holds any more', run: readyRun(), by: 'worker-1' },
  ])('does not count from $name', ({ run, by }) => {
    expect(refusalOf(moveRun(run, { is: 'answer', at: run.at, by, outcome: outcomes.succeeded }))).toBe('superseded');
  });

  it('does not count once the stage is at rest', () => {
    const ended = answered(held, outcomes.succeeded);
    const late = { is: 'answer', at: ended.at, by: 'worker-1', outcome: outcomes.again } as const;
    expect(refusalOf(moveRun(ended, late))).toBe('ended');
  });

  it('still counts after the lease, as long as nobody took over', () => {
    expect(answered(held, outcomes.succeeded, held.at + 2 * LEASE_MS).state).toMatchObject({ end: 'succeeded' });
  });

  it.each([
    { name: 'again', outcome: outcomes.again },
    { name: 'waiting', outcome: outcomes.until(held.deadline + 1) },
  ])('turns to the stop steps where it comes at the time limit and says $name', ({ outcome }) => {
    expect(answered(held, outcome, held.deadline)).toMatchObject({
      doing: 'stop',
      step: 2,
      cursor: outcome.cursor,
      stop: { because: { code: 'stage-timed-out' }, end: 'failed' },
      state: { is: 'ready', input: { by: 'stop' } },
    });
  });

  it('goes on at the time limit where what it says it waits for has come in time, and only as long as that lasts', () => {
    const mailed = (at: number, name = 'approve') =>
      moved(moveRun(held, { is: 'signal', at, signal: { id: 's1', name, at: 0, value: null } }));
    const inTime = answered(mailed(held.deadline - 1), outcomes.signal('approve'), held.deadline + 5);
    const signalled = claimed(inTime, held.deadline + 9);
    expect(signalled).toMatchObject({ doing: 'forward', mail: [], state: { input: { signal: { id: 's1' } } } });
    expect(answered(signalled, outcomes.signal('approve'))).toMatchObject({ doing: 'stop' });
    expect(answered(mailed(held.deadline - 1, 'other'), outcomes.signal('approve'), held.deadline)).toMatchObject({
      doing: 'stop',
    });
    const afterTheWait = outcomes.signal('approve', held.deadline - 5);
    expect(answered(mailed(held.deadline - 1), afterTheWait, held.deadline)).toMatchObject({ doing: 'stop' });
  });

  it('succeeds even where it comes at the time limit', () => {
    expect(answered(held, outcomes.succeeded, held.deadline).state).toMatchObject({ end: 'succeeded' });
  });
});

describe('a retry', () => {
  it('waits before each attempt, twice as long each time, up to the maximum', () => {
    const pauses: number[] = [];
    let run = held;
    for (let attempt = 1; attempt < 5; attempt += 1) {
      const waiting = answered(run, outcomes.failed('newAttempt'), run.at, retrying);
      pauses.push(waitOf(waiting));
      run = claimed(waiting, waiting.at + waitOf(waiting), 'worker-1', retrying);
    }
    expect(pauses).toEqual([1_000, 2_000, 3_000, 3_000]);
    expect(run).toMatchObject({ attempt: 5, step: 1, tries: 1 });
    const ended = answered(run, outcomes.failed('newAttempt'), run.at, retrying);
    expect(viewOf(ended).reason?.text).toBe(
      'The far end did not answer. That was attempt 5, the last that its retry policy allows.',
    );
  });

  it('begins from the start: without cursor, mail and what the attempt before had taken', () => {
    const signal = { id: 's1', name: 'later', at: 0, value: null };
    const second = claimed(answered(held, outcomes.again, held.at, retrying), held.at, 'worker-1', retrying);
    const mailed = moved(moveRun(second, { is: 'signal', at: second.at, signal }, retrying));
    const next = answered({ ...mailed, taken: ['s0'] }, outcomes.failed('newAttempt'), held.at, retrying);
    expect(next).toMatchObject({ attempt: 2, step: 1, tries: 0, repeats: 0, mail: [], taken: [] });
    expect(next).not.toHaveProperty('cursor');
    expect(next.state).toMatchObject({
      is: 'waiting',
      input: { by: 'begin' },
      reason: { code: 'retry-back-off', unblock: `gennaker cancel ${next.execution}` },
    });
  });
});

describe('the same step once more', () => {
  it('counts its tries on from one, so that it looks before it acts', () => {
    const waiting = answered(held, outcomes.failed('sameStep'));
    expect(waiting).toMatchObject({ step: 1, attempt: 1, tries: 1, repeats: 1, state: { input: { by: 'begin' } } });
    expect(claimed(waiting, waiting.at + waitOf(waiting))).toMatchObject({ tries: 2 });
  });

  it.each([
    { name: 'the command that the step named', unblock: 'gennaker retry', command: 'gennaker retry' },
    { name: 'the command that cancels', unblock: undefined, command: `gennaker cancel ${held.execution}` },
  ])('names as the way on $name', ({ unblock, command }) => {
    const failure = outcomes.failed('sameStep');
    const reason = { ...failure.reason, ...(unblock === undefined ? {} : { unblock }) };
    expect(viewOf(answered(held, { ...failure, reason })).reason).toMatchObject({ unblock: command });
  });

  it.each([
    { name: 'forward', from: held, end: { is: 'waiting', reason: { code: 'retry-back-off' } }, attempt: 2 },
    { name: 'in stop', from: heldStopping, end: { is: 'ended', end: 'cancelled' }, attempt: 1 },
  ])(`is repeated at most ${MAXIMUM_REPEATS} times, ever later: $name`, ({ from, end, attempt }) => {
    const pauses: number[] = [];
    let run = from;
    for (let repeat = 0; repeat < MAXIMUM_REPEATS; repeat += 1) {
      const waiting = answered(run, outcomes.failed('sameStep'), run.at, retrying);
      pauses.push(waitOf(waiting));
      run = claimed(waiting, waiting.at + waitOf(waiting), 'worker-1', retrying);
    }
    expect(pauses.slice(0, 3)).toEqual([REPEAT_BACK_OFF_MS, 2 * REPEAT_BACK_OFF_MS, 4 * REPEAT_BACK_OFF_MS]);
    expect(Math.max(...pauses)).toBe(MAXIMUM_REPEAT_BACK_OFF_MS);
    const last = answered(run, outcomes.failed('sameStep'), run.at, retrying);
    expect(last).toMatchObject({ attempt, state: end });
  });
});

describe('a stop', () => {
  it.each([
    { name: 'ready', run: readyRun() },
    { name: 'waiting', run: answered(held, outcomes.until(held.at + 90_000)) },
  ])('of a stage that is $name makes its stop step ready, which proves the stop announced', ({ run }) => {
    expect(toldToStop(run, run.at + 5)).toMatchObject({
      doing: 'stop',
      step: run.step + 1,
      tries: 0,
      proves: 9,
      stop: { because: CANCELLED, end: 'cancelled', deadline: run.at + 5 + STOP_LIMIT_MS },
      state: { is: 'ready', input: { by: 'stop' } },
    });
  });

  it('of a stage at work leaves the step to its holder', () => {
    expect(toldToStop(held)).toMatchObject({
      doing: 'forward',
      step: 1,
      state: held.state,
      stop: { end: 'cancelled' },
    });
  });

  it('is asked for once', () => {
    const again = { is: 'stop', at: held.at, because: CANCELLED, end: 'failed', revision: 9 } as const;
    expect(refusalOf(moveRun(toldToStop(held), again))).toBe('duplicate');
    expect(refusalOf(moveRun(toldToStop(readyRun()), again))).toBe('duplicate');
  });

  it.each<{ name: string; outcome: Outcome; becomes: object }>([
    { name: 'success counts', outcome: outcomes.succeeded, becomes: { state: { end: 'succeeded' } } },
    { name: 'skip counts', outcome: outcomes.skipped, becomes: { state: { end: 'skipped' } } },
    { name: 'cursor is undone', outcome: outcomes.again, becomes: { doing: 'stop', step: 2, cursor: { seen: 1 } } },
    { name: 'failure is undone', outcome: outcomes.failed('newAttempt'), becomes: { doing: 'stop', step: 2 } },
    { name: 'last failure too', outcome: outcomes.failed('giveUp'), becomes: { doing: 'stop', step: 2 } },
  ])("takes the holder's answer: its $name", ({ outcome, becomes }) => {
    expect(answered(toldToStop(held), outcome)).toMatchObject(becomes);
  });

  it('of a stage whose worker was lost begins with the claim that takes over', () => {
    const run = toldToStop(held);
    expect(claimed(run, run.at + LEASE_MS)).toMatchObject({ doing: 'stop', step: 2, state: { input: { by: 'stop' } } });
  });

  it.each<{ name: string; outcome: Outcome; becomes: object }>([
    { name: 'succeeded', outcome: outcomes.succeeded, becomes: { is: 'ended', end: 'cancelled', reason: CANCELLED } },
    { name: 'skipped', outcome: outcomes.skipped, becomes: { is: 'ended', end: 'cancelled', reason: CANCELLED } },
    { name: 'again', outcome: outcomes.again, becomes: { is: 'ready', input: { by: 'again' } } },
    { name: 'waiting', outcome: outcomes.until(held.at + 9), becomes: { is: 'waiting', input: { by: 'time' } } },
    {
      name: 'failed for now',
      outcome: outcomes.failed('newAttempt'),
      becomes: { is: 'waiting', input: { by: 'stop' } },
    },
    {
      name: 'failed for good',
      outcome: outcomes.failed('giveUp'),
      becomes: {
        is: 'ended',
        end: 'cancelled',
        reason: { ...CANCELLED, text: 'Aki cancelled it. Stopping it failed: The far end did not answer.' },
      },
    },
  ])('step that $name leads to the end that the stop wanted', ({ outcome, becomes }) => {
    expect(answered(heldStopping, outcome).state).toMatchObject(becomes);
  });

  it('never waits beyond its own time limit', () => {
    const waiting = answered(heldStopping, outcomes.until(heldStopping.at + 2 * STOP_LIMIT_MS));
    expect(waitOf(waiting)).toBe(STOP_LIMIT_MS);
  });

  it('gives the stage the end that was asked for', () => {
    const run = claimed(toldToStop(readyRun(), undefined, 'failed'));
    expect(answered(run, outcomes.succeeded).state).toMatchObject({ end: 'failed' });
  });
});

describe('what people see of a run', () => {
  it.each([
    { name: 'ready', run: readyRun(), view: { status: 'running', attempts: 1 } },
    { name: 'claimed', run: held, view: { status: 'running', attempts: 1 } },
    { name: 'stopping', run: heldStopping, view: { status: 'running', attempts: 1, reason: CANCELLED } },
    {
      name: 'waiting',
      run: answered(held, outcomes.until(held.at + 5)),
      view: { status: 'waiting', attempts: 1, reason: outcomes.until(0).reason, wakeAt: held.at + 5 },
    },
    {
      name: 'waiting for a signal without a time',
      run: answered(held, outcomes.signal('approve')),
      view: { status: 'waiting', attempts: 1, reason: outcomes.signal('approve').reason, wakeAt: held.deadline },
    },
    {
      name: 'succeeded',
      run: answered(held, outcomes.succeeded, held.at + 7),
      view: { status: 'succeeded', attempts: 1, endedAt: held.at + 7 },
    },
    {
      name: 'failed',
      run: answered(held, outcomes.failed('giveUp')),
      view: { status: 'failed', attempts: 1, endedAt: held.at, reason: outcomes.failed('giveUp').reason },
    },
  ])('$name', ({ run, view }) => {
    expect(viewOf(run)).toEqual(view);
  });

  it('differs in short wherever it differs to them', () => {
    const seen = [
      { status: 'running', attempts: 1 },
      { status: 'running', attempts: 2 },
      { status: 'running', attempts: 1, reason: CANCELLED },
      { status: 'running', attempts: 1, reason: { ...CANCELLED, text: 'Ben cancelled it.' } },
      { status: 'failed', attempts: 1, reason: CANCELLED },
    ] as const;
    expect(new Set(seen.map(shownOf)).size).toBe(seen.length);
  });
});
