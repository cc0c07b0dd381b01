import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CANCELLED, deepFreeze, LEASE_MS, moveRun, outcomes, readyRun } from '../../test/support/core-fixtures.ts';
import { stagePlan } from '../../test/support/execution-fixtures.ts';
import { MAXIMUM_MAIL, MAXIMUM_REPEATS, MAXIMUM_TAKEN, MAXIMUM_TRIES, STOP_LIMIT_MS } from './limits.ts';
import type { StagePlan } from './plan.ts';
import type { Instant, Outcome, Run } from './run.ts';
import { endOfWait, moveStage, type StageEvent, viewOf } from './stage.ts';

const WORKERS = ['worker-1', 'worker-2', 'worker-3'] as const;
const MINUTE = 60_000;

/** An outcome that may depend on the time at which it is given. */
const outcome: fc.Arbitrary<(at: Instant) => Outcome> = fc.oneof(
  fc.constantFrom<Outcome>(outcomes.succeeded, outcomes.skipped, outcomes.again).map((one) => () => one),
  fc.constantFrom('giveUp', 'newAttempt', 'sameStep').map((then) => (): Outcome => outcomes.failed(then)),
  fc.integer({ min: -MINUTE, max: 5 * MINUTE }).map(
    (ms) =>
      (at: Instant): Outcome =>
        outcomes.until(at + ms),
  ),
  fc.tuple(fc.constantFrom('approve', 'reject'), fc.option(fc.integer({ min: -MINUTE, max: 5 * MINUTE }))).map(
    ([name, ms]) =>
      (at: Instant): Outcome =>
        outcomes.signal(name, ms === null ? undefined : at + ms),
  ),
);

/** What the world does next: an event, made from the run as it is then, at a time that may lie before the last. */
type Deed = (run: Run, at: Instant) => StageEvent;
const deed: fc.Arbitrary<Deed> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc
      .tuple(fc.constantFrom(...WORKERS), fc.constantFrom(0, 0, 0, 0, -1, 1), fc.constantFrom(0, 0, 0, -1, 1))
      .map(
        ([by, attempt, step]): Deed =>
          (run, at) => ({
            is: 'claim',
            at,
            by,
            until: at + LEASE_MS,
            attempt: run.attempt + attempt,
            step: run.step + step,
          }),
      ),
  },
  {
    weight: 5,
    arbitrary: fc.tuple(fc.boolean(), fc.constantFrom(...WORKERS), outcome).map(
      ([byHolder, other, make]): Deed =>
        (run, at) => ({
          is: 'answer',
          at,
          by: byHolder && run.state.is === 'claimed' ? run.state.by : other,
          outcome: make(at),
        }),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.nat(8), fc.constantFrom('approve', 'reject')).map(
      ([id, name]): Deed =>
        (_run, at) => ({ is: 'signal', at, signal: { id: `s${id}`, name, at, value: null } }),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom('cancelled', 'failed').map(
      (end): Deed =>
        (_run, at) => ({ is: 'stop', at, because: CANCELLED, end, revision: 9 }),
    ),
  },
);

const stage: fc.Arbitrary<StagePlan> = fc
  .record({
    attempts: fc.integer({ min: 1, max: 3 }),
    timeoutMs: fc.integer({ min: MINUTE, max: 30 * MINUTE }),
  })
  .map(({ attempts, timeoutMs }) =>
    stagePlan('release', { timeoutMs, retry: { attempts, backOffMs: 1_000, maximumBackOffMs: 8_000 } }),
  );
/** Mostly forward, sometimes as a clock that was set back. */
const script = fc.array(fc.tuple(fc.integer({ min: -MINUTE, max: 3 * MINUTE }), deed), { maxLength: 60 });

/** Plays the script and calls `look` at each move with the run before and after it. */
function play(
  plan: StagePlan,
  deeds: readonly (readonly [number, Deed])[],
  look: (step: { before: Run; after: Run; event: StageEvent }) => void,
): Run {
  let run = readyRun(plan);
  let at = run.at;
  for (const [ms, make] of deeds) {
    at += ms;
    const event = make(run, at);
    const move = moveRun(run, event, plan);
    if (!('moved' in move)) continue;
    look({ before: run, after: move.moved, event });
    run = deepFreeze(move.moved);
  }
  return run;
}

const assertAlways = (property: (step: { before: Run; after: Run; event: StageEvent }) => void): void =>
  fc.assert(
    fc.property(stage, script, (plan, deeds) => {
      play(plan, deeds, property);
    }),
    { numRuns: 400 },
  );

describe('whatever happens to a run', () => {
  it('it moves no more once it has ended', () => {
    assertAlways(({ before }) => expect(before.state.is).not.toBe('ended'));
  });

  it('its time never runs backwards', () => {
    assertAlways(({ before, after }) => expect(after.at).toBeGreaterThanOrEqual(before.at));
  });

  it('its attempts and steps never count backwards', () => {
    assertAlways(({ before, after }) => {
      expect(after.attempt).toBeGreaterThanOrEqual(before.attempt);
      if (after.attempt === before.attempt) expect(after.step).toBeGreaterThanOrEqual(before.step);
    });
  });

  it('every count and list keeps its bound', () => {
    assertAlways(({ after }) => {
      expect(after.tries).toBeLessThanOrEqual(MAXIMUM_TRIES);
      expect(after.repeats).toBeLessThanOrEqual(MAXIMUM_REPEATS);
      expect(after.mail.length).toBeLessThanOrEqual(MAXIMUM_MAIL);
      expect(after.taken.length).toBeLessThanOrEqual(MAXIMUM_TAKEN);
      expect(after.attempt).toBeLessThanOrEqual(3);
    });
  });

  it('a wait has a reason, the command that unblocks it, and an end within the time limit', () => {
    assertAlways(({ after }) => {
      if (after.state.is !== 'waiting') return;
      expect(after.state.reason.unblock).not.toBe('');
      const limit = after.doing === 'stop' ? after.stop?.deadline : after.deadline;
      expect(endOfWait(after, after.state.for)).toBeLessThanOrEqual(limit ?? 0);
      expect(viewOf(after)).toMatchObject({ status: 'waiting', reason: { unblock: after.state.reason.unblock } });
    });
  });

  it('nobody takes a step from a holder whose lease has not ended', () => {
    assertAlways(({ before, after, event }) => {
      if (event.is !== 'claim' || before.state.is !== 'claimed') return;
      expect(after.at).toBeGreaterThanOrEqual(before.state.until);
    });
  });

  it('only the holder ends, waits or goes on with a step', () => {
    assertAlways(({ before, event }) => {
      if (event.is === 'answer') expect(before.state).toMatchObject({ is: 'claimed', by: event.by });
    });
  });

  it('it never goes forward again once it stops, and the stop steps need a stop', () => {
    assertAlways(({ before, after }) => {
      if (before.doing === 'stop') expect(after.doing).toBe('stop');
      if (after.doing === 'stop') expect(after.stop).toBeDefined();
    });
  });

  it('a signal counts once', () => {
    assertAlways(({ after }) => {
      const known = [...after.taken, ...after.mail.map((one) => one.id)];
      expect(new Set(known).size).toBe(known.length);
    });
  });

  it('equal inputs make equal outputs, and no input is changed', () => {
    assertAlways(({ before, after, event }) => {
      // The inputs of the first time are frozen: a change of them would have thrown.
      expect(moveStage(stagePlan('release', RETRY), before, event)).toEqual(
        moveStage(stagePlan('release', RETRY), structuredClone(before), structuredClone(event)),
      );
      expect(structuredClone(after)).toEqual(after);
    });
  });

  it('told to stop it comes to rest within the limit of a stop, as long as somebody works', () => {
    fc.assert(
      fc.property(stage, script, fc.array(outcome, { minLength: 1, maxLength: 10 }), (plan, deeds, answers) => {
        let run = play(plan, deeds, () => undefined);
        const begin = run.at;
        const apply = (event: StageEvent): void => {
          const move = moveRun(run, event, plan);
          if ('moved' in move) run = deepFreeze(move.moved);
        };
        let at = run.at;
        apply({ is: 'stop', at, because: CANCELLED, end: 'cancelled', revision: 9 });
        for (let turn = 0; run.state.is !== 'ended' && turn < 200; turn += 1) {
          at += MINUTE;
          apply({ is: 'claim', at, by: 'worker-9', until: at + LEASE_MS, attempt: run.attempt, step: run.step });
          const make = answers[turn % answers.length];
          if (run.state.is === 'claimed' && make !== undefined) {
            apply({ is: 'answer', at, by: run.state.by, outcome: make(at) });
          }
        }
        expect(run.state.is).toBe('ended');
        expect(run.at - begin).toBeLessThanOrEqual(STOP_LIMIT_MS + 3 * MINUTE);
      }),
      { numRuns: 300 },
    );
  });
});

const RETRY: Partial<StagePlan> = { retry: { attempts: 2, backOffMs: 1_000, maximumBackOffMs: 8_000 } };
