import { describe, expect, it } from 'vitest';
import {
  begun,
  CANCELLED,
  EXECUTION,
  indexedOf,
  moveAll,
  moved,
  refusalOf,
  shown,
  statuses,
} from '../../test/support/core-fixtures.ts';
import { START, stagePlan } from '../../test/support/execution-fixtures.ts';
import type { ExecutionEvent } from './execution.ts';
import { SWEEP_GRACE_MS, SWEEP_LONGEST_MS, SWEEP_RUNNING_MS } from './limits.ts';
import type { OnFailure } from './plan.ts';
import type { Execution } from './run.ts';

/** first and second side by side; last needs both */
const planWith = (onFailure: OnFailure) =>
  indexedOf([
    stagePlan('first', { onFailure }),
    stagePlan('second'),
    stagePlan('last', { needs: ['first', 'second'] }),
  ]);
const PLAN = planWith({ then: 'fail', others: 'cancel' });
const BROKEN = { code: 'crash-loop', text: 'The pod keeps crashing.' } as const;
const failed = { status: 'failed', reason: BROKEN } as const;
const cancel = (more: Partial<ExecutionEvent & { is: 'stop' }> = {}): ExecutionEvent => ({
  is: 'stop',
  at: START + 5,
  because: CANCELLED,
  end: 'cancelled',
  ...more,
});
const stopped = (now: Execution, plan = PLAN): Execution => moved(moveAll(plan, now, cancel()));

describe('a failure', () => {
  it('with `fail` and `cancel` stops the other branches now', () => {
    const now = shown(PLAN, begun(PLAN), 'first', failed);
    expect(statuses(now)).toEqual({ first: 'failed', second: 'running', last: 'skipped' });
    const because = {
      code: 'stage-failed',
      text: 'first failed: The pod keeps crashing.',
      unblock: `gennaker restart ${EXECUTION}`,
    };
    expect(now).toMatchObject({
      open: 1,
      phase: { is: 'running' },
      stop: { because, end: 'failed', revision: 2 },
      unproven: [
        { is: 'started' },
        { is: 'stopping', status: 'running', stage: 'first', reason: because, revision: 2 },
      ],
    });
    const ended = shown(PLAN, now, 'second', { status: 'cancelled' });
    expect(ended.phase).toMatchObject({ is: 'ended', end: 'failed', reason: because });
  });

  it('at the time limit of the execution ends it, whatever the policy says of one stage', () => {
    const plan = planWith({ then: 'continue', others: 'finish' });
    const running = begun(plan);
    const at = START + plan.plan.timeoutMs;
    const late = { code: 'stage-timed-out', text: 'It did not end within its time limit.' } as const;
    const view = { status: 'failed', attempts: 1, reason: late } as const;
    const now = moved(moveAll(plan, running, { is: 'stage', at, stage: 'first', view, proves: 1 }));
    expect(now.stop).toMatchObject({ end: 'failed', because: { code: 'execution-timed-out' } });
    expect(statuses(now)).toEqual({ first: 'failed', second: 'running', last: 'skipped' });
    const early = moved(moveAll(plan, running, { is: 'stage', at: at - 1, stage: 'first', view, proves: 1 }));
    expect(early.stop).toBeUndefined();
  });

  it('with `fail` and `finish` lets the other branches end, then fails', () => {
    const plan = planWith({ then: 'fail', others: 'finish' });
    const now = shown(plan, begun(plan), 'first', failed);
    expect(statuses(now)).toEqual({ first: 'failed', second: 'running', last: 'pending' });
    expect(now).not.toHaveProperty('stop');
    const ended = shown(plan, now, 'second', { status: 'succeeded' });
    expect(statuses(ended)).toMatchObject({ last: 'skipped' });
    expect(ended.phase).toMatchObject({
      end: 'failed',
      reason: { code: 'stage-failed', text: 'first failed: The pod keeps crashing.' },
    });
  });

  it('lets go on what only waited for its end', () => {
    const plan = indexedOf([
      stagePlan('jp', { onFailure: { then: 'fail', others: 'finish' } }),
      stagePlan('us', { after: ['jp'] }),
      stagePlan('rest', { needs: ['jp'], after: ['us'] }),
    ]);
    const start = begun(plan);
    expect(statuses(start)).toEqual({ jp: 'running', us: 'pending', rest: 'pending' });
    const now = shown(plan, start, 'jp', failed);
    expect(statuses(now), 'rest is decided when all that it waits for is at rest').toEqual({
      jp: 'failed',
      us: 'running',
      rest: 'pending',
    });
    const end = shown(plan, now, 'us', { status: 'succeeded' });
    expect(statuses(end)).toEqual({ jp: 'failed', us: 'succeeded', rest: 'skipped' });
    expect(end.phase).toMatchObject({ is: 'ended', end: 'failed' });
  });

  it('with `continue` counts for nothing', () => {
    const plan = planWith({ then: 'continue', others: 'cancel' });
    let now = shown(plan, begun(plan), 'first', failed);
    now = shown(plan, now, 'second', { status: 'succeeded' });
    expect(statuses(now)).toMatchObject({ last: 'running' });
    now = shown(plan, now, 'last', { status: 'succeeded' });
    expect(now.phase).toMatchObject({ is: 'ended', end: 'succeeded' });
  });

  it('of the only stage ends the execution in one move', () => {
    const plan = indexedOf([stagePlan('first')]);
    const now = shown(plan, begun(plan), 'first', failed);
    expect(now).toMatchObject({
      revision: 2,
      stop: { end: 'failed', revision: 2 },
      phase: { is: 'ended', end: 'failed' },
      unproven: [{}, { is: 'ended', status: 'failed', stage: 'first' }],
    });
  });

  it.each([
    { name: 'without a reason', view: { status: 'failed' }, text: 'first failed: no reason was given.' },
    {
      name: 'of a stage that was cancelled',
      view: { status: 'cancelled', reason: BROKEN },
      text: 'first was cancelled:',
    },
  ] as const)('$name is told as it is', ({ view, text }) => {
    expect(shown(PLAN, begun(PLAN), 'first', view).stop?.because.text).toContain(text);
  });

  it.each([
    { name: 'without a reason', view: { status: 'failed' }, text: 'first failed: no reason was given.' },
    { name: 'of a stage that was cancelled', view: { status: 'cancelled' }, text: 'A stage failed' },
  ] as const)('$name that the others outlive is told at the end', ({ view, text }) => {
    const plan = planWith({ then: 'fail', others: 'finish' });
    const ended = shown(plan, shown(plan, begun(plan), 'first', view), 'second', { status: 'succeeded' });
    expect(ended.phase).toMatchObject({ end: 'failed', reason: { text: expect.stringContaining(text) } });
  });
});

describe('a stop', () => {
  it('of a queued execution ends it at once', () => {
    const reason = { code: 'queued-behind', text: '', unblock: '' } as const;
    const queued = begun(PLAN, { beginning: { is: 'queue', reason, toStop: [] } });
    expect(stopped(queued)).toMatchObject({
      open: 0,
      phase: { is: 'ended', end: 'cancelled', reason: CANCELLED },
      unproven: [{ is: 'queued' }, { is: 'ended', status: 'cancelled', reason: CANCELLED }],
    });
  });

  it('of a running execution lays to rest what has not started, and waits for the rest', () => {
    const now = stopped(begun(PLAN));
    expect(statuses(now)).toEqual({ first: 'running', second: 'running', last: 'skipped' });
    expect(now.stages[2]).toMatchObject({ reason: { code: 'not-reached' }, endedAt: START + 5 });
    expect(now).toMatchObject({
      at: START + 5,
      open: 2,
      stop: { because: CANCELLED, end: 'cancelled', revision: 2 },
      unproven: [{}, { is: 'stopping', status: 'running', reason: CANCELLED }],
    });
  });

  it('ends with what was asked for, even where a stage fails or succeeds on the way', () => {
    const now = shown(PLAN, stopped(begun(PLAN)), 'first', failed);
    expect(now).toMatchObject({ stop: { because: CANCELLED }, unproven: [{}, {}, { is: 'stage', status: 'failed' }] });
    const ended = shown(PLAN, now, 'second', { status: 'succeeded' });
    expect(ended.phase).toMatchObject({ end: 'cancelled', reason: CANCELLED });
  });

  it('starts nothing any more', () => {
    const now = stopped(shown(PLAN, begun(PLAN), 'second', { status: 'succeeded' }));
    expect(statuses(shown(PLAN, now, 'first', { status: 'succeeded' }))).toMatchObject({ last: 'skipped' });
  });

  it('shows a stage that goes on to stop', () => {
    const now = shown(PLAN, stopped(begun(PLAN)), 'first', { status: 'running', reason: CANCELLED });
    expect(now.stages[0]).toMatchObject({ status: 'running', reason: CANCELLED });
  });

  it('is taken once, and not after the end', () => {
    const now = stopped(begun(PLAN));
    expect(refusalOf(moveAll(PLAN, now, cancel({ end: 'failed' })))).toBe('duplicate');
    const ended = shown(PLAN, shown(PLAN, now, 'first', { status: 'cancelled' }), 'second', { status: 'cancelled' });
    expect(refusalOf(moveAll(PLAN, ended, cancel()))).toBe('ended');
    expect(refusalOf(moveAll(PLAN, ended, { is: 'promote', at: START }))).toBe('ended');
  });
});

describe('announcements', () => {
  it('are carried until an answer proves that they were sent', () => {
    const first = shown(PLAN, begun(PLAN), 'first', { status: 'succeeded' });
    expect(first.unproven.map((one) => one.revision)).toEqual([1, 2]);
    const second = shown(PLAN, first, 'second', { status: 'succeeded' }, { proves: 1 });
    expect(second.unproven.map((one) => one.revision)).toEqual([2, 3]);
    const last = shown(PLAN, second, 'last', { status: 'succeeded' }, { proves: 3 });
    expect(last.unproven.map((one) => one.revision)).toEqual([4]);
  });

  it('are dropped when everything was sent', () => {
    const plan = indexedOf([stagePlan('first')]);
    const ended = shown(plan, begun(plan), 'first', { status: 'succeeded' });
    const settled = moved(moveAll(plan, ended, { is: 'settle' }));
    expect(settled).toMatchObject({ revision: ended.revision, unproven: [] });
    expect(settled).not.toHaveProperty('sweepAt');
    expect(refusalOf(moveAll(plan, settled, { is: 'settle' }))).toBe('duplicate');
    expect(refusalOf(moveAll(plan, settled, { is: 'sweep', at: START * 2 }))).toBe('ended');
  });

  it('of an execution that still moves are not settled', () => {
    expect(refusalOf(moveAll(PLAN, begun(PLAN), { is: 'settle' }))).toBe('notYet');
  });
});

describe('the time by which something must have moved', () => {
  const plan = indexedOf([stagePlan('first'), stagePlan('second')]);
  const waiting = (now: Execution, stage: string, wakeAt?: number): Execution =>
    shown(plan, now, stage, { status: 'waiting', ...(wakeAt === undefined ? {} : { wakeAt }) });
  const reason = { code: 'queued-behind', text: '', unblock: '' } as const;
  const minutes = (count: number): number => count * 60_000;

  it.each([
    {
      name: 'soon while it queues',
      now: begun(plan, { beginning: { is: 'queue', reason, toStop: [] } }),
      after: SWEEP_RUNNING_MS,
    },
    { name: 'soon while a stage works', now: begun(plan), after: SWEEP_RUNNING_MS },
    {
      name: 'soon while one works and one waits',
      now: waiting(begun(plan), 'first', START + minutes(50)),
      after: SWEEP_RUNNING_MS,
    },
    {
      name: 'after the first of the waits',
      now: waiting(waiting(begun(plan), 'first', START + minutes(20)), 'second', START + minutes(10)),
      after: minutes(10) + SWEEP_GRACE_MS,
    },
    {
      name: 'within the hour where the waits are longer',
      now: waiting(waiting(begun(plan), 'first', START + minutes(600)), 'second', START + minutes(700)),
      after: SWEEP_LONGEST_MS,
    },
    {
      name: 'with some patience where a wait is over already',
      now: waiting(waiting(begun(plan), 'first', START - minutes(600)), 'second', START + minutes(10)),
      after: SWEEP_GRACE_MS,
    },
    {
      name: 'with the same patience where the end of the wait is not known',
      now: waiting(waiting(begun(plan), 'first'), 'second', START + minutes(10)),
      after: SWEEP_GRACE_MS,
    },
    {
      name: 'soon after the end, until it is settled',
      now: begun(plan, { beginning: { is: 'skip', reason: CANCELLED } }),
      after: SWEEP_RUNNING_MS,
    },
  ])('is $name', ({ now, after }) => {
    expect((now.sweepAt ?? 0) - START).toBe(after);
  });

  it('moves on when somebody has looked, and nothing else does', () => {
    const now = begun(plan);
    const at = START + SWEEP_RUNNING_MS;
    expect(refusalOf(moveAll(plan, now, { is: 'sweep', at: at - 1 }))).toBe('notYet');
    expect(moved(moveAll(plan, now, { is: 'sweep', at }))).toEqual({ ...now, sweepAt: at + SWEEP_RUNNING_MS });
  });
});
