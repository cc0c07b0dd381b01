import { describe, expect, it } from 'vitest';
import {
  answered,
  CANCELLED,
  claimed,
  claimOf,
  EXECUTION,
  FIRST_REVISION,
  LEASE_MS,
  moved,
  moveRun,
  outcomes,
  RELEASE,
  readyRun,
  refusalOf,
  toldToStop,
} from '../../test/support/core-fixtures.ts';
import { stagePlan } from '../../test/support/execution-fixtures.ts';
import { MAXIMUM_TRIES, STOP_LIMIT_MS } from './limits.ts';
import type { Run } from './run.ts';
import { beginRun, viewOf } from './stage.ts';

/** The run after `times` workers claimed its step and were lost, one lease after the other. */
function lost(run: Run, times: number): Run {
  let now = run;
  for (let time = 0; time < times; time += 1) now = claimed(now, now.at + (time === 0 ? 0 : LEASE_MS));
  return now;
}

const secondStep = answered(claimed(readyRun()), outcomes.again);
const secondAttempt = answered(
  claimed(readyRun()),
  outcomes.failed('newAttempt'),
  undefined,
  stagePlan('release', { retry: { attempts: 3, backOffMs: 1_000, maximumBackOffMs: 4_000 } }),
);

describe('the first run of a stage', () => {
  it('is ready to begin, and proves the revision that it started in', () => {
    expect(readyRun()).toMatchObject({
      doing: 'forward',
      attempt: 1,
      step: 1,
      tries: 0,
      proves: FIRST_REVISION,
      state: { is: 'ready', input: { by: 'begin' } },
    });
  });

  it.each([
    { name: 'the stage ends first', executionDeadline: 60, stageMs: 20, deadline: 20 },
    { name: 'the execution ends first', executionDeadline: 20, stageMs: 60, deadline: 20 },
  ])('has the earlier of both time limits: $name', ({ executionDeadline, stageMs, deadline }) => {
    const stage = { ...RELEASE, timeoutMs: stageMs };
    const begin = { execution: EXECUTION, plan: 'p', stage, at: 0, executionDeadline, revision: 1 };
    expect(beginRun(begin)).toMatchObject({ deadline });
    expect(beginRun(begin)).not.toHaveProperty('trace');
    expect(beginRun({ ...begin, trace: 't' })).toMatchObject({ trace: 't' });
  });
});

describe('a claim', () => {
  it('takes a step that is ready, until its lease ends', () => {
    const run = readyRun();
    const held = claimed(run, run.at + 5);
    expect(held).toMatchObject({
      tries: 1,
      at: run.at + 5,
      state: { is: 'claimed', by: 'worker-1', until: run.at + 5 + LEASE_MS, input: { by: 'begin' } },
    });
  });

  it.each([
    { name: 'a step that somebody holds', run: claimed(readyRun()), more: { by: 'worker-2' }, refusal: 'held' },
    {
      name: 'a step held for one millisecond more',
      run: claimed(readyRun()),
      more: { by: 'worker-2', at: readyRun().at + LEASE_MS - 1 },
      refusal: 'held',
    },
    { name: 'a step that was done before', run: secondStep, more: { step: 1 }, refusal: 'duplicate' },
    { name: 'an attempt that is over', run: secondAttempt, more: { attempt: 1, step: 7 }, refusal: 'duplicate' },
    { name: 'a step to come', run: readyRun(), more: { step: 2 }, refusal: 'notYet' },
    { name: 'an attempt to come', run: readyRun(), more: { attempt: 2 }, refusal: 'notYet' },
    { name: 'a step that still waits', run: secondAttempt, more: {}, refusal: 'notYet' },
    {
      name: 'a step of a stage at rest',
      run: answered(claimed(readyRun()), outcomes.succeeded),
      more: {},
      refusal: 'ended',
    },
  ])('does not take $name: $refusal', ({ run, more, refusal }) => {
    expect(refusalOf(moveRun(run, claimOf(run, more)))).toBe(refusal);
  });

  it('takes over at the very moment at which the lease of a lost worker ends', () => {
    const held = claimed(readyRun());
    const taken = moved(moveRun(held, claimOf(held, { by: 'worker-2', at: held.at + LEASE_MS })));
    expect(taken).toMatchObject({ tries: 2, step: 1, state: { by: 'worker-2', input: { by: 'begin' } } });
  });

  it('takes a step whose wait is over', () => {
    const at = secondAttempt.at + 1_000;
    expect(claimed(secondAttempt, at)).toMatchObject({ attempt: 2, state: { is: 'claimed', input: { by: 'begin' } } });
  });

  it('with a clock that runs behind holds for its whole lease', () => {
    const run = readyRun();
    const held = moved(moveRun(run, claimOf(run, { at: run.at - 7_000, until: run.at - 7_000 + LEASE_MS })));
    expect(held).toMatchObject({ at: run.at, state: { until: run.at + LEASE_MS } });
  });
});

describe('a step that loses its workers', () => {
  it(`is begun ${MAXIMUM_TRIES} times`, () => {
    expect(lost(readyRun(), MAXIMUM_TRIES)).toMatchObject({ doing: 'forward', tries: MAXIMUM_TRIES, step: 1 });
  });

  it('is then given up as worker-lost: the next claim runs the first stop step', () => {
    const before = lost(readyRun(), MAXIMUM_TRIES);
    const late = before.at + 3 * STOP_LIMIT_MS;
    const stage = { ...RELEASE, timeoutMs: 10 * STOP_LIMIT_MS };
    const run = claimed({ ...before, deadline: late + 1 }, late, 'worker-9', stage);
    expect(run).toMatchObject({
      doing: 'stop',
      step: 2,
      tries: 1,
      state: { is: 'claimed', by: 'worker-9', input: { by: 'stop' } },
      stop: { because: { code: 'worker-lost' }, end: 'failed', deadline: late + STOP_LIMIT_MS },
    });
    expect(answered(run, outcomes.succeeded).state).toMatchObject({ is: 'ended', end: 'failed' });
  });

  it('in its stop steps ends without another, and says so', () => {
    const run = lost(toldToStop(readyRun()), MAXIMUM_TRIES);
    const ended = moved(moveRun(run, claimOf(run, { at: run.at + LEASE_MS })));
    expect(ended.state).toMatchObject({ is: 'ended', end: 'cancelled', reason: { code: CANCELLED.code } });
    expect(viewOf(ended).reason?.text).toContain(`${MAXIMUM_TRIES} workers were lost`);
  });
});

describe('a stage over its time', () => {
  it('turns to its stop steps with the next claim', () => {
    const run = readyRun();
    const held = moved(moveRun(run, claimOf(run, { at: run.deadline })));
    expect(held).toMatchObject({
      doing: 'stop',
      step: 2,
      stop: { because: { code: 'stage-timed-out' }, end: 'failed', deadline: run.deadline + STOP_LIMIT_MS },
    });
  });

  it('is not over it one millisecond before', () => {
    const run = readyRun();
    expect(moved(moveRun(run, claimOf(run, { at: run.deadline - 1 })))).toMatchObject({ doing: 'forward', step: 1 });
  });

  it('is woken at its limit from a wait that would go on', () => {
    const run = answered(claimed(readyRun()), outcomes.until(readyRun().deadline + 1));
    expect(refusalOf(moveRun(run, claimOf(run, { at: run.deadline - 1 })))).toBe('notYet');
    expect(claimed(run, run.deadline)).toMatchObject({ doing: 'stop' });
  });

  it('still counts a signal that came in time', () => {
    const waiting = answered(claimed(readyRun()), outcomes.signal('approve'));
    const signal = { id: 's1', name: 'approve', at: 0, value: null };
    const signalled = moved(moveRun(waiting, { is: 'signal', at: waiting.deadline - 1, signal }));
    const held = claimed(signalled, waiting.deadline + 5);
    expect(held).toMatchObject({ doing: 'forward', state: { input: { by: 'signal', signal: { id: 's1' } } } });
  });

  it('still runs a step that may come to wait for what came in time while its worker was lost', () => {
    const held = claimed(readyRun());
    const signal = { id: 's1', name: 'approve', at: 0, value: null };
    const mailed = moved(moveRun(held, { is: 'signal', at: held.at + 1, signal }));
    const again = claimed(mailed, held.deadline + 5, 'worker-2');
    expect(again).toMatchObject({ doing: 'forward', tries: 2, mail: [{ id: 's1' }] });
    expect(answered(again, outcomes.again)).toMatchObject({ doing: 'stop' });
    const waiting = answered(again, outcomes.signal('approve'));
    expect(claimed(waiting).state).toMatchObject({ input: { by: 'signal', signal: { id: 's1' } } });
  });

  it('does not run a step for mail of which it is known that nobody waits for it', () => {
    const waiting = answered(claimed(readyRun()), outcomes.signal('approve'));
    const signal = { id: 's1', name: 'other', at: 0, value: null };
    const mailed = moved(moveRun(waiting, { is: 'signal', at: waiting.at, signal }));
    expect(claimed(mailed, mailed.deadline)).toMatchObject({ doing: 'stop' });
  });

  it('whose stop steps are over their time too ends at once', () => {
    const run = toldToStop(readyRun());
    const at = run.at + STOP_LIMIT_MS;
    expect(claimed(run, at - 1).state).toMatchObject({ is: 'claimed' });
    expect(moved(moveRun(run, claimOf(run, { at }))).state).toMatchObject({ is: 'ended', end: 'cancelled' });
  });
});
