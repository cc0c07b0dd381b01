import { describe, expect, it } from 'vitest';
import {
  begun,
  EXECUTION,
  HASH,
  indexedOf,
  moveAll,
  moved,
  refusalOf,
  shown,
  statuses,
} from '../../test/support/core-fixtures.ts';
import { START, stagePlan } from '../../test/support/execution-fixtures.ts';
import { type Beginning, indexPlan, stagePlanOf, statusOf, withPromoted } from './execution.ts';
import type { StageView } from './run.ts';

/** build → (test, scan) → release */
const DIAMOND = indexedOf([
  stagePlan('build'),
  stagePlan('test', { needs: ['build'] }),
  stagePlan('scan', { needs: ['build'] }),
  stagePlan('release', { needs: ['test', 'scan'] }),
]);

const QUEUED: Beginning = {
  is: 'queue',
  reason: { code: 'queued-behind', text: 'one is before it', unblock: 'gennaker cancel other' },
  toStop: ['other'],
};
const BUSY = { code: 'group-busy', text: 'It is busy.' } as const;

describe('a plan', () => {
  it('is indexed by its stages', () => {
    expect(stagePlanOf(DIAMOND, 'scan')?.id).toBe('scan');
    expect(stagePlanOf(DIAMOND, 'nowhere')).toBeUndefined();
  });

  it('in which a stage needs one that is not there is refused with both names', () => {
    const plan = { ...DIAMOND.plan, stages: [stagePlan('release', { needs: ['bake'] })] };
    expect(() => indexPlan(HASH, plan)).toThrow("the plan's stage release needs bake, which is not in the plan");
  });
});

describe('a new execution', () => {
  it('that runs starts every stage that needs nothing, and announces it', () => {
    const now = begun(DIAMOND);
    expect(now).toMatchObject({
      id: EXECUTION,
      plan: HASH,
      revision: 1,
      open: 4,
      phase: { is: 'running', startedAt: START, deadline: START + DIAMOND.plan.timeoutMs },
      unproven: [{ revision: 1, at: START, is: 'started', status: 'running' }],
    });
    expect(statuses(now)).toEqual({ build: 'running', test: 'pending', scan: 'pending', release: 'pending' });
    expect(now.stages[0]).toMatchObject({ attempts: 1, startedAt: START, startedIn: 1 });
  });

  it('that queues starts nothing, and says behind whom', () => {
    const now = begun(DIAMOND, { beginning: QUEUED });
    expect(now).toMatchObject({
      revision: 1,
      open: 4,
      phase: { is: 'queued', toStop: ['other'] },
      unproven: [{ revision: 1, is: 'queued', status: 'queued', reason: { code: 'queued-behind' } }],
    });
  });

  it('that is skipped is at its end', () => {
    const now = begun(DIAMOND, { beginning: { is: 'skip', reason: BUSY } });
    expect(now).toMatchObject({
      open: 0,
      phase: { is: 'ended', end: 'skipped', reason: BUSY, promoted: [] },
      unproven: [{ revision: 1, is: 'ended', status: 'skipped', reason: BUSY }],
    });
    expect(now.stages.every((stage) => stage.reason?.code === 'not-reached')).toBe(true);
    expect(now.phase).not.toHaveProperty('startedAt');
  });

  it('in which no stage runs has succeeded at once', () => {
    const skipped = indexedOf([stagePlan('release', { skip: 'It is a holiday.' })]);
    expect(begun(skipped)).toMatchObject({
      revision: 1,
      open: 0,
      stages: [{ status: 'skipped', reason: { code: 'condition-false', text: 'It is a holiday.' } }],
      phase: { is: 'ended', end: 'succeeded' },
      unproven: [{ is: 'ended', status: 'succeeded' }],
    });
  });

  it('remembers what it restarts, and its trace', () => {
    expect(begun(DIAMOND)).not.toHaveProperty('restartOf');
    expect(begun(DIAMOND)).not.toHaveProperty('trace');
    expect(begun(DIAMOND, { restartOf: 'before', trace: '00-1' })).toMatchObject({
      restartOf: 'before',
      trace: '00-1',
    });
  });
});

describe('a restart', () => {
  const carry = (...views: StageView[]) => new Map(views.map((view) => [view.id, view]));
  const done = (id: string, status: StageView['status'] = 'succeeded'): StageView => ({
    id,
    status,
    attempts: 2,
    startedIn: 7,
  });

  it('goes on after the stages that had succeeded', () => {
    const now = begun(DIAMOND, { carried: carry(done('build'), done('test'), done('scan', 'failed')) });
    expect(statuses(now)).toEqual({ build: 'succeeded', test: 'succeeded', scan: 'running', release: 'pending' });
    expect(now).toMatchObject({ open: 2, stages: [done('build'), done('test'), { attempts: 1, startedIn: 1 }, {}] });
  });

  it('does not run again what was skipped', () => {
    const now = begun(DIAMOND, { carried: carry(done('build', 'skipped')) });
    expect(statuses(now)).toMatchObject({ build: 'skipped', test: 'running', scan: 'running' });
  });

  it('with nothing left to run has succeeded at once', () => {
    const all = DIAMOND.plan.stages.map(({ id }) => done(id));
    expect(begun(DIAMOND, { carried: carry(...all) })).toMatchObject({ phase: { is: 'ended', end: 'succeeded' } });
  });
});

describe('the slot', () => {
  it('starts a queued execution', () => {
    const queued = begun(DIAMOND, { beginning: QUEUED });
    const now = moved(moveAll(DIAMOND, queued, { is: 'promote', at: START + 9 }));
    expect(now).toMatchObject({
      revision: 2,
      phase: { is: 'running', startedAt: START + 9 },
      unproven: [{ revision: 1 }, { revision: 2, is: 'started' }],
    });
    expect(now.stages[0]).toMatchObject({ status: 'running', startedIn: 2 });
  });

  it('is given once', () => {
    expect(refusalOf(moveAll(DIAMOND, begun(DIAMOND), { is: 'promote', at: START }))).toBe('duplicate');
  });

  it('lets an execution end in which nothing is to run', () => {
    const skipped = indexedOf([stagePlan('release', { skip: 'It is a holiday.' })]);
    const queued = begun(skipped, { beginning: QUEUED });
    expect(moved(moveAll(skipped, queued, { is: 'promote', at: START })).phase).toMatchObject({ end: 'succeeded' });
  });

  it('is passed on by name', () => {
    const ended = begun(DIAMOND, { beginning: { is: 'skip', reason: BUSY } });
    expect(withPromoted(ended, ['next'])).toMatchObject({ phase: { is: 'ended', promoted: ['next'] } });
    const running = begun(DIAMOND);
    expect(withPromoted(running, ['next'])).toBe(running);
  });
});

describe('the graph', () => {
  it('starts side by side what a stage was needed for, and joins it again', () => {
    let now = shown(DIAMOND, begun(DIAMOND), 'build', { status: 'succeeded' });
    expect(statuses(now)).toMatchObject({ test: 'running', scan: 'running', release: 'pending' });
    expect(now.stages.map((stage) => stage.startedIn)).toEqual([1, 2, 2, undefined]);
    now = shown(DIAMOND, now, 'scan', { status: 'succeeded' });
    expect(statuses(now)).toMatchObject({ test: 'running', release: 'pending' });
    now = shown(DIAMOND, now, 'test', { status: 'succeeded' });
    expect(statuses(now)).toMatchObject({ release: 'running' });
    now = shown(DIAMOND, now, 'release', { status: 'succeeded' }, { at: START + 9 });
    expect(now).toMatchObject({
      revision: 5,
      open: 0,
      phase: { is: 'ended', end: 'succeeded', at: START + 9, startedAt: START, promoted: [] },
    });
    expect(now.phase).not.toHaveProperty('reason');
  });

  it('goes on after a stage whose condition is false as if it had succeeded', () => {
    const plan = indexedOf([
      stagePlan('build', { skip: 'not on holidays' }),
      stagePlan('test', { needs: ['build'] }),
      stagePlan('release', { needs: ['test'] }),
    ]);
    expect(statuses(begun(plan))).toEqual({ build: 'skipped', test: 'running', release: 'pending' });
  });

  it('goes on after a stage that skipped itself', () => {
    const reason = { code: 'condition-false', text: 'nothing to do' } as const;
    const now = shown(DIAMOND, begun(DIAMOND), 'build', { status: 'skipped', reason });
    expect(statuses(now)).toMatchObject({ test: 'running', scan: 'running' });
  });

  it('skips what needs a failed stage, and all that needs that', () => {
    const plan = indexedOf([
      stagePlan('build', { onFailure: { then: 'fail', others: 'finish' } }),
      stagePlan('other'),
      stagePlan('test', { needs: ['build'] }),
      stagePlan('release', { needs: ['other', 'test'] }),
      stagePlan('tell', { needs: ['release'] }),
    ]);
    const other = shown(plan, begun(plan), 'other', { status: 'succeeded' });
    const now = shown(plan, other, 'build', { status: 'failed' });
    expect(statuses(now)).toMatchObject({ test: 'skipped', release: 'skipped', tell: 'skipped' });
    expect(now.stages[3]?.reason).toEqual({
      code: 'not-reached',
      text: 'test, which it needs, did not succeed.',
    });
    expect(now.phase).toMatchObject({ is: 'ended', end: 'failed' });
  });

  it('decides a stage only when all that it needs is at rest, even where one has failed', () => {
    const plan = indexedOf([
      stagePlan('build', { onFailure: { then: 'fail', others: 'finish' } }),
      stagePlan('other'),
      stagePlan('release', { needs: ['build', 'other'] }),
    ]);
    const now = shown(plan, begun(plan), 'build', { status: 'failed' });
    expect(statuses(now)).toEqual({ build: 'failed', other: 'running', release: 'pending' });
  });
});

describe("a stage's change", () => {
  const reason = { code: 'signal-not-received', text: 'It waits.', unblock: 'gennaker signal' } as const;

  it('is shown with its reason, and gone again when it moves on', () => {
    const waiting = shown(DIAMOND, begun(DIAMOND), 'build', { status: 'waiting', reason, wakeAt: START + 50 });
    expect(waiting.stages[0]).toMatchObject({ status: 'waiting', reason, wakeAt: START + 50, startedIn: 1 });
    expect(waiting.unproven.at(-1)).toEqual({
      revision: 2,
      at: START,
      is: 'stage',
      stage: 'build',
      status: 'waiting',
      reason,
    });
    const running = shown(DIAMOND, waiting, 'build', { status: 'running' });
    expect(running.stages[0]).toEqual({
      id: 'build',
      status: 'running',
      attempts: 1,
      startedAt: START,
      startedIn: 1,
    });
    expect(running.unproven.at(-1)).not.toHaveProperty('reason');
  });

  it.each([
    { name: 'of an unknown stage', now: begun(DIAMOND), stage: 'nowhere', refusal: 'superseded' },
    { name: 'of a stage that has not started', now: begun(DIAMOND), stage: 'test', refusal: 'notYet' },
    {
      name: 'of a queued execution',
      now: begun(DIAMOND, { beginning: QUEUED }),
      stage: 'build',
      refusal: 'superseded',
    },
    {
      name: 'of a stage at rest',
      now: shown(DIAMOND, begun(DIAMOND), 'build', { status: 'succeeded' }),
      stage: 'build',
      refusal: 'ended',
    },
    {
      name: 'of an execution at its end',
      now: begun(DIAMOND, { beginning: { is: 'skip', reason: BUSY } }),
      stage: 'build',
      refusal: 'ended',
    },
  ])('$name is refused: $refusal', ({ now, stage, refusal }) => {
    const view = { status: 'failed', attempts: 1 } as const;
    expect(refusalOf(moveAll(DIAMOND, now, { is: 'stage', at: START, stage, view, proves: 0 }))).toBe(refusal);
  });

  it('is dated by the document where the clock runs behind', () => {
    const now = shown(DIAMOND, begun(DIAMOND), 'build', { status: 'succeeded' }, { at: START - 9_000 });
    expect(now.at).toBe(START);
  });
});

describe('the status of an execution', () => {
  const reason = { code: 'time-not-reached', text: 'It waits.', unblock: 'gennaker cancel' } as const;
  const both = shown(DIAMOND, begun(DIAMOND), 'build', { status: 'succeeded' });
  const one = shown(DIAMOND, both, 'test', { status: 'waiting', reason });

  it.each([
    { name: 'it queues', now: begun(DIAMOND, { beginning: QUEUED }), status: 'queued' },
    { name: 'a stage works', now: begun(DIAMOND), status: 'running' },
    { name: 'one of two stages waits', now: one, status: 'running' },
    { name: 'both wait', now: shown(DIAMOND, one, 'scan', { status: 'waiting', reason }), status: 'waiting' },
    { name: 'it was skipped', now: begun(DIAMOND, { beginning: { is: 'skip', reason: BUSY } }), status: 'skipped' },
  ])('is $status where $name', ({ now, status }) => {
    expect(statusOf(now)).toBe(status);
  });
});
