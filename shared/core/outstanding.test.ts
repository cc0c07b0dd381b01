import { describe, expect, it } from 'vitest';
import {
  answered,
  begun,
  CANCELLED,
  claimed,
  indexedOf,
  LEASE_MS,
  moveAll,
  moved,
  moveRun,
  outcomes,
  readyRun,
  shown,
  toldToStop,
} from '../../test/support/core-fixtures.ts';
import { START, stagePlan } from '../../test/support/execution-fixtures.ts';
import { withPromoted } from './execution.ts';
import { type Effect, outstandingOfExecution, outstandingOfRun, startedSince } from './outstanding.ts';
import type { Run } from './run.ts';

const PLAN = indexedOf([
  stagePlan('first'),
  stagePlan('second'),
  stagePlan('third', { needs: ['second'] }),
  stagePlan('last', { needs: ['first', 'third'] }),
]);
const kinds = (effects: readonly Effect[]): readonly string[] => effects.map((effect) => effect.is);

describe('outstanding of an execution', () => {
  it('are the announcements without proof', () => {
    const now = begun(PLAN);
    expect(outstandingOfExecution(now)).toEqual([{ is: 'announce', transitions: now.unproven }]);
    expect(outstandingOfExecution({ ...now, unproven: [] })).toEqual([]);
  });

  it('that queues are the stops of those that it replaces, after the announcements', () => {
    const reason = { code: 'queued-behind', text: '', unblock: '' } as const;
    const now = begun(PLAN, { beginning: { is: 'queue', reason, toStop: ['a', 'b'] } });
    expect(outstandingOfExecution(now)).toEqual([
      { is: 'announce', transitions: now.unproven },
      { is: 'stopExecution', execution: 'a' },
      { is: 'stopExecution', execution: 'b' },
    ]);
  });

  it('that is stopped are the stops of every stage under way, after the announcements', () => {
    const waiting = shown(PLAN, begun(PLAN), 'first', { status: 'waiting' });
    const now = moved(moveAll(PLAN, waiting, { is: 'stop', at: START, because: CANCELLED, end: 'cancelled' }));
    expect(outstandingOfExecution(now)).toEqual([
      { is: 'announce', transitions: now.unproven },
      { is: 'stopStage', stage: 'first', revision: 3 },
      { is: 'stopStage', stage: 'second', revision: 3 },
    ]);
  });

  it('at its end are those who got its slot, and last that it is settled', () => {
    const ended = withPromoted(begun(PLAN, { beginning: { is: 'skip', reason: CANCELLED } }), ['next']);
    expect(outstandingOfExecution(ended)).toEqual([
      { is: 'announce', transitions: ended.unproven },
      { is: 'attend', execution: 'next' },
      { is: 'settle' },
    ]);
    expect(outstandingOfExecution(moved(moveAll(PLAN, ended, { is: 'settle' })))).toEqual([]);
  });
});

describe('the first work of stages', () => {
  const first = begun(PLAN);
  const second = shown(PLAN, first, 'second', { status: 'succeeded' });

  it.each([
    { name: 'all that started', now: first, since: 0, stages: ['first', 'second'] },
    { name: 'none since the newest revision', now: first, since: 1, stages: [] },
    { name: 'those that started later', now: second, since: 1, stages: ['third'] },
    { name: 'none that has ended', now: second, since: 0, stages: ['first', 'third'] },
    {
      name: 'none that waits',
      now: shown(PLAN, first, 'first', { status: 'waiting' }),
      since: 0,
      stages: ['second'],
    },
    {
      name: 'none in a later attempt',
      now: shown(PLAN, first, 'first', { status: 'running', attempts: 2 }),
      since: 0,
      stages: ['second'],
    },
    {
      name: 'none of which it is not known when it started',
      now: { ...first, stages: [{ id: 'first', status: 'running', attempts: 1 } as const] },
      since: 0,
      stages: [],
    },
  ])('is sent for $name', ({ now, since, stages }) => {
    expect(startedSince(now, since)).toEqual(stages.map((stage) => ({ is: 'work', stage, attempt: 1, step: 1 })));
  });
});

describe('outstanding of a run', () => {
  const due = { stage: 'release', attempt: 1 };
  const held = claimed(readyRun());
  const waiting = answered(held, outcomes.until(held.at + 5_000));
  const approving = answered(held, outcomes.signal('approve', held.at + 9_000));
  const signal = { id: 's1', name: 'approve', at: 0, value: null };

  it.each<{ name: string; run: Run; effects: readonly Effect[] }>([
    { name: 'its work while it is ready', run: readyRun(), effects: [{ is: 'work', ...due, step: 1 }] },
    {
      name: 'a wake at the end of the lease while it is claimed',
      run: held,
      effects: [{ is: 'wake', ...due, step: 1, turn: 1, at: held.at + LEASE_MS }],
    },
    {
      name: 'a wake at the end of its wait',
      run: waiting,
      effects: [{ is: 'wake', ...due, step: 2, turn: 0, at: held.at + 5_000 }],
    },
    {
      name: 'a wake at the end of its wait for a signal',
      run: approving,
      effects: [{ is: 'wake', ...due, step: 2, turn: 0, at: held.at + 9_000 }],
    },
    {
      name: 'its work when the signal is there',
      run: moved(moveRun(approving, { is: 'signal', at: held.at, signal })),
      effects: [{ is: 'work', ...due, step: 2 }],
    },
    {
      name: 'its stop step when it is stopped',
      run: toldToStop(waiting),
      effects: [{ is: 'work', ...due, step: 3 }],
    },
    { name: 'nothing at its end', run: answered(held, outcomes.succeeded), effects: [] },
  ])('is $name', ({ run, effects }) => {
    expect(outstandingOfRun(run)).toEqual(effects);
  });

  it('names no wake of one step like another', () => {
    const repeated = answered(held, outcomes.failed('sameStep'));
    const again = claimed(repeated, held.deadline - 1);
    const turns = [held, repeated, again].flatMap(outstandingOfRun).map((effect) => JSON.stringify(effect));
    expect(new Set(turns).size).toBe(3);
    expect(kinds([held, repeated, again].flatMap(outstandingOfRun))).toEqual(['wake', 'wake', 'wake']);
  });
});
