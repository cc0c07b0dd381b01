import { describe, expect, it } from 'vitest';
import {
  answered,
  begun,
  claimed,
  indexedOf,
  moveAll,
  moved,
  moveRun,
  RELEASE,
  readyRun,
} from '../../test/support/core-fixtures.ts';
import { SWEEP_GRACE_MS, SWEEP_QUEUED_MS } from './limits.ts';
import type { WaitReason } from './reason.ts';
import type { Execution, Outcome } from './run.ts';
import { hasMail, SKIP_SIGNAL, type StageEvent } from './stage.ts';

const HOUR_MS = 60 * 60_000;
const REASON: WaitReason = { code: 'frozen', text: 'All is frozen.', unblock: 'gennaker override' };
const hold = (until: number): Outcome => ({
  is: 'waiting',
  for: { signal: 'hold', until },
  cursor: { held: true },
  reason: REASON,
});

describe('a stage that is held', () => {
  const first = claimed(readyRun());
  const until = first.at + 300_000;
  const held = answered(first, hold(until));

  it('has its whole time before it, however late somebody looks', () => {
    const late = held.deadline + 10 * HOUR_MS;
    const run = claimed(held, late);
    expect(run).toMatchObject({ doing: 'forward', deadline: late + RELEASE.timeoutMs, state: { is: 'claimed' } });
  });

  it('is woken by the wish to skip it, as any wait is', () => {
    const signal = { id: 's', name: SKIP_SIGNAL, at: 0, value: null };
    const timed = answered(first, { is: 'waiting', for: { until }, cursor: null, reason: REASON });
    for (const waiting of [held, timed]) {
      const mailed = moved(moveRun(waiting, { is: 'signal', at: waiting.at, signal }));
      expect(hasMail(mailed)).toBe(true);
      expect(claimed(mailed).state).toMatchObject({ is: 'claimed', input: { by: 'signal' } });
    }
  });
});

describe('the stop of a stage', () => {
  const stop: StageEvent = { is: 'stop', at: 0, because: REASON, end: 'cancelled', revision: 7 };
  const first = claimed(readyRun());
  const held = answered(first, hold(first.at + 300_000));

  it('that is held, and has begun nothing, does not say that it may have acted', () => {
    expect(moved(moveRun(held, stop)).stop).not.toHaveProperty('mayHaveActed');
  });

  it('says so where its worker was lost, or its step failed and is to run again', () => {
    const again = claimed(held, first.at + 300_000);
    const asked = moved(moveRun(again, stop));
    const lost = claimed(asked, asked.at + 60_000);
    expect(lost).toMatchObject({ doing: 'stop', stop: { mayHaveActed: true } });
    const failed: Outcome = { is: 'failed', reason: { code: 'stage-failed', text: 'No answer.' }, then: 'sameStep' };
    expect(moved(moveRun(answered(again, failed), stop)).stop).toMatchObject({ mayHaveActed: true });
    expect(answered(asked, failed)).toMatchObject({ doing: 'stop', stop: { mayHaveActed: true } });
  });
});

describe('an execution with a held stage', () => {
  const indexed = indexedOf([RELEASE]);
  const started = begun(indexed);
  const { at } = started;
  const show = (now: Execution, later: number, view: object): Execution =>
    moved(
      moveAll(indexed, now, {
        is: 'stage',
        at: later,
        stage: RELEASE.id,
        view: { status: 'waiting', attempts: 1, ...view },
        proves: 0,
      }),
    );
  const held = show(started, at, { reason: REASON, wakeAt: at + 1 });
  const deadlineOf = ({ phase }: Execution) => (phase.is === 'running' ? phase.deadline : 0);

  it('is looked at seldom, because it looks by itself', () => {
    expect(held.sweepAt).toBe(at + SWEEP_QUEUED_MS + SWEEP_GRACE_MS);
  });

  it('has the time back that it was held, and never more than a new one has', () => {
    expect(deadlineOf(held)).toBe(deadlineOf(started));
    const later = at + 5 * HOUR_MS;
    expect(deadlineOf(show(held, later, { status: 'running' }))).toBe(later + indexed.plan.timeoutMs);
    const [view] = held.stages;
    const { startedAt: _, ...unknown } = view ?? { id: RELEASE.id, status: 'waiting', attempts: 1 };
    const without = { ...held, stages: [unknown] } as Execution;
    expect(deadlineOf(show(without, later, { status: 'running' }))).toBe(deadlineOf(started));
  });
});
