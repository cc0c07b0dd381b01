import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { begun, CANCELLED, deepFreeze, indexedOf, moveAll } from '../../test/support/core-fixtures.ts';
import { START, stagePlan } from '../../test/support/execution-fixtures.ts';
import { type Beginning, type ExecutionEvent, type IndexedPlan, moveExecution } from './execution.ts';
import { outstandingOfExecution, startedSince } from './outstanding.ts';
import type { OnFailure, StagePlan } from './plan.ts';
import type { Execution, StageStatus, StageView } from './run.ts';

const MINUTE = 60_000;
const QUEUE: Beginning = {
  is: 'queue',
  reason: { code: 'queued-behind', text: 'one is before it', unblock: 'gennaker cancel other' },
  toStop: [],
};
const isOpen = (status: StageStatus): boolean => ['pending', 'running', 'waiting'].includes(status);
const isActive = (view: StageView): boolean => view.status === 'running' || view.status === 'waiting';

/** A graph of up to eight stages in which each needs any of those before it, as compile makes them. */
const plan: fc.Arbitrary<IndexedPlan> = fc
  .array(
    fc.record({
      needs: fc.array(fc.nat(7), { maxLength: 3 }),
      after: fc.array(fc.nat(7), { maxLength: 2 }),
      skip: fc.integer({ min: 0, max: 9 }),
      onFailure: fc.record<OnFailure>({
        then: fc.constantFrom('fail', 'continue'),
        others: fc.constantFrom('cancel', 'finish'),
      }),
    }),
    { minLength: 1, maxLength: 8 },
  )
  .map((drawn) =>
    indexedOf(
      drawn.map(
        ({ needs, after, skip, onFailure }, index): StagePlan =>
          stagePlan(`s${index}`, {
            needs: [...new Set(needs.filter((need) => need < index))].map((need) => `s${need}`),
            after: [...new Set(after.filter((before) => before < index))].map((before) => `s${before}`),
            ...(skip === 0 ? { skip: 'its condition is false' } : {}),
            onFailure,
          }),
      ),
    ),
  );

const beginning = fc.constantFrom<Beginning>({ is: 'run' }, QUEUE, { is: 'skip', reason: CANCELLED });
const status = fc.constantFrom<StageStatus>('running', 'waiting', 'succeeded', 'failed', 'cancelled', 'skipped');

type Deed = (now: Execution, at: number) => ExecutionEvent;
const deed: fc.Arbitrary<Deed> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.tuple(fc.nat(8), status, fc.nat(3)).map(
      ([index, next, behind]): Deed =>
        (now, at) => ({
          is: 'stage',
          at,
          stage: `s${index}`,
          view: {
            status: next,
            attempts: 1,
            ...(next === 'waiting' ? { reason: QUEUE.reason, wakeAt: at + MINUTE } : {}),
          },
          proves: Math.max(0, now.revision - behind),
        }),
    ),
  },
  { weight: 1, arbitrary: fc.constant<Deed>((_now, at) => ({ is: 'promote', at })) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('cancelled', 'failed').map(
      (end): Deed =>
        (_now, at) => ({ is: 'stop', at, because: CANCELLED, end }),
    ),
  },
  { weight: 1, arbitrary: fc.constant<Deed>((_now, at) => ({ is: 'sweep', at })) },
  { weight: 1, arbitrary: fc.constant<Deed>(() => ({ is: 'settle' })) },
);
const script = fc.array(fc.tuple(fc.integer({ min: -MINUTE, max: 3 * MINUTE }), deed), { maxLength: 50 });

type Step = { readonly indexed: IndexedPlan; before: Execution; after: Execution; event: ExecutionEvent };

/** Plays the script on a new execution and calls `look` at each move. */
function play(
  indexed: IndexedPlan,
  how: Beginning,
  deeds: readonly (readonly [number, Deed])[],
  look: (step: Step) => void,
) {
  let now = begun(indexed, { beginning: how });
  let at = START;
  for (const [ms, make] of deeds) {
    at += ms;
    const event = make(now, at);
    const move = moveAll(indexed, now, event);
    if (!('moved' in move)) continue;
    look({ indexed, before: now, after: move.moved, event });
    now = deepFreeze(move.moved);
  }
  return now;
}

const assertAlways = (property: (step: Step) => void): void =>
  fc.assert(
    fc.property(plan, beginning, script, (indexed, how, deeds) => {
      play(indexed, how, deeds, property);
    }),
    { numRuns: 400 },
  );

/** Settling and sweeping are looks at an execution, not moves of it. */
const isLook = (event: ExecutionEvent): boolean => event.is === 'settle' || event.is === 'sweep';

describe('whatever happens to an execution', () => {
  it('it moves no more once it has ended: it only settles', () => {
    assertAlways(({ before, after, event }) => {
      if (before.phase.is !== 'ended') return;
      expect(isLook(event)).toBe(true);
      const { sweepAt: _a, unproven: _b, ...was } = before;
      const { sweepAt: _c, unproven: _d, ...is } = after;
      expect(is).toEqual(was);
    });
  });

  it('each move is one revision, announced until it is proved', () => {
    assertAlways(({ before, after, event }) => {
      expect(after.revision).toBe(before.revision + (isLook(event) ? 0 : 1));
      if (!isLook(event)) expect(after.unproven.at(-1)).toMatchObject({ revision: after.revision, at: after.at });
      const revisions = after.unproven.map((one) => one.revision);
      expect(revisions).toEqual([...revisions].sort((a, b) => a - b));
    });
  });

  it('its time never runs backwards, and it is looked at later than now', () => {
    assertAlways(({ before, after, event }) => {
      expect(after.at).toBeGreaterThanOrEqual(before.at);
      if (event.is !== 'settle') expect(after.sweepAt).toBeGreaterThan(after.at);
    });
  });

  it('it knows how many of its stages are open, and has ended when none is', () => {
    assertAlways(({ after }) => {
      const open = after.stages.filter((view) => isOpen(view.status)).length;
      expect(after.open).toBe(open);
      expect(after.phase.is === 'ended').toBe(open === 0);
    });
  });

  it('a stage at rest stays as it is', () => {
    assertAlways(({ before, after }) => {
      for (const [index, view] of before.stages.entries()) {
        if (!isOpen(view.status)) expect(after.stages[index]).toEqual(view);
      }
    });
  });

  it('a stage starts only when all that it needs is at rest, and never while the execution stops', () => {
    assertAlways(({ indexed, before, after }) => {
      for (const [index, view] of after.stages.entries()) {
        if (view.status !== 'running' || before.stages[index]?.status !== 'pending') continue;
        expect(after.stop).toBeUndefined();
        expect(view.startedIn).toBe(after.revision);
        const { needs = [], after: behind = [] } = indexed.plan.stages[index] ?? {};
        for (const need of [...needs, ...behind]) {
          expect(isOpen(after.stages.find((one) => one.id === need)?.status ?? 'pending')).toBe(false);
        }
      }
    });
  });

  it('something is under way as long as it runs: no stage is left that nothing will ever start', () => {
    assertAlways(({ after }) => {
      if (after.phase.is === 'running') expect(after.stages.some(isActive)).toBe(true);
    });
  });

  it('what is outstanding begins with the announcement and ends with the settling', () => {
    assertAlways(({ after }) => {
      const effects = outstandingOfExecution(after).map((effect) => effect.is);
      expect(effects.lastIndexOf('announce')).toBe(after.unproven.length > 0 ? 0 : -1);
      expect(effects.includes('settle')).toBe(after.phase.is === 'ended' && after.sweepAt !== undefined);
      if (effects.includes('settle')) expect(effects.at(-1)).toBe('settle');
    });
  });

  it('the work of each stage is sent in the revision in which it starts', () => {
    assertAlways(({ before, after }) => {
      const started = after.stages.filter(
        (view, index) => isActive(view) && before.stages[index]?.status === 'pending',
      );
      const sent = startedSince(after, before.revision).map((effect) => ('stage' in effect ? effect.stage : ''));
      expect(sent).toEqual(started.map((view) => view.id));
    });
  });

  it('equal inputs make equal outputs, and no input is changed', () => {
    // The inputs of the first time are frozen: a change of them would have thrown.
    assertAlways(({ indexed, before, after, event }) => {
      const again = moveExecution(indexed, structuredClone(before), structuredClone(event));
      expect(again).toEqual({ moved: after });
    });
  });
});

describe('every graph', () => {
  const ends = fc.array(fc.constantFrom<StageStatus>('succeeded', 'succeeded', 'failed', 'skipped', 'cancelled'), {
    minLength: 1,
    maxLength: 8,
  });

  it('comes to its end when each stage under way is answered, whatever the answers and their order', () => {
    fc.assert(
      fc.property(plan, ends, fc.array(fc.nat(7), { minLength: 1, maxLength: 8 }), (indexed, answers, order) => {
        let now = begun(indexed);
        for (let turn = 0; now.phase.is !== 'ended'; turn += 1) {
          expect(turn).toBeLessThan(indexed.plan.stages.length);
          const active = now.stages.filter(isActive);
          const chosen = active[(order[turn % order.length] ?? 0) % active.length];
          const next = answers[turn % answers.length];
          if (chosen === undefined || next === undefined) throw new Error('nothing is under way');
          const view = { status: next, attempts: 1 };
          const move = moveAll(indexed, now, { is: 'stage', at: now.at, stage: chosen.id, view, proves: 0 });
          if (!('moved' in move)) throw new Error(`the answer was ignored: ${move.ignored}`);
          now = deepFreeze(move.moved);
        }
        const broken = now.stages.some(
          (view, index) =>
            (view.status === 'failed' || view.status === 'cancelled') &&
            indexed.plan.stages[index]?.onFailure.then === 'fail',
        );
        expect(now.phase.end).toBe(broken ? 'failed' : 'succeeded');
      }),
      { numRuns: 500 },
    );
  });

  it('succeeds where every stage does', () => {
    fc.assert(
      fc.property(plan, (indexed) => {
        let now = begun(indexed);
        for (let turn = 0; now.phase.is === 'running' && turn < indexed.plan.stages.length; turn += 1) {
          const stage = now.stages.find(isActive)?.id ?? '';
          const view = { status: 'succeeded', attempts: 1 } as const;
          const move = moveAll(indexed, now, { is: 'stage', at: now.at, stage, view, proves: 0 });
          if ('moved' in move) now = deepFreeze(move.moved);
        }
        expect(now.phase).toMatchObject({ is: 'ended', end: 'succeeded' });
        const ran = now.stages.filter((view) => view.status === 'succeeded').map((view) => view.id);
        expect(ran).toEqual(indexed.plan.stages.filter((stage) => stage.skip === undefined).map((stage) => stage.id));
      }),
    );
  });
});
