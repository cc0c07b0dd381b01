import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { wallClock } from '../../test/support/clocks.ts';
import {
  checkTiming,
  DEFAULT_TIMING,
  executionIdOf,
  MAXIMUM_CONFLICTS,
  TooManyConflicts,
  untilCommitted,
  wakeName,
} from './engine.ts';

describe('the times', () => {
  it('nest as they are', () => {
    expect(checkTiming(DEFAULT_TIMING)).toBe(DEFAULT_TIMING);
  });

  it.each([
    { name: 'no time for a step', change: { stepMs: 0 } },
    { name: 'a step as long as its lease', change: { stepMs: 60_000 } },
    { name: 'a lease as long as the acknowledgement', change: { leaseMs: 90_000 } },
  ])('are refused with the numbers where there is $name', ({ change }) => {
    const timing = { ...DEFAULT_TIMING, ...change };
    const { stepMs, leaseMs, acknowledgementMs } = timing;
    expect(() => checkTiming(timing)).toThrow(
      `the times must nest: step ${stepMs} ms < lease ${leaseMs} ms < acknowledgement ${acknowledgementMs} ms`,
    );
  });
});

describe('a conditional write', () => {
  const ports = (fraction = 0) => ({
    clock: wallClock(),
    random: { id: () => 'id', fraction: () => fraction },
  });

  it('is tried again until it meets nobody', async () => {
    let attempts = 0;
    const result = await untilCommitted(ports(), 'Writing', async () => {
      attempts += 1;
      return attempts < 4 ? 'conflict' : 'written';
    });
    expect([result, attempts]).toEqual(['written', 4]);
  });

  it(`is left for later after ${MAXIMUM_CONFLICTS} conflicts`, async () => {
    let attempts = 0;
    const never = untilCommitted(ports(), 'Creating e1', async () => {
      attempts += 1;
      return 'conflict';
    });
    await expect(never).rejects.toThrow(TooManyConflicts);
    await expect(never).rejects.toThrow(`Creating e1 met ${MAXIMUM_CONFLICTS} conflicts in a row`);
    expect(attempts).toBe(MAXIMUM_CONFLICTS);
  });

  it('waits longer from time to time, but never much longer than half a second', async () => {
    const pauses: number[] = [];
    const clock = {
      now: () => 0,
      after: (ms: number, run: () => void) => {
        pauses.push(ms);
        setImmediate(run);
        return () => undefined;
      },
    };
    const random = { id: () => 'id', fraction: () => 1 };
    await untilCommitted({ clock, random }, 'Writing', async () => 'conflict').catch(() => undefined);
    expect(pauses.slice(0, 3)).toEqual([20, 40, 80]);
    expect(Math.max(...pauses)).toBe(640);
  });
});

describe('the id of an execution', () => {
  it('is the same for the same event, so that a redelivery meets it', () => {
    expect(executionIdOf('items-api', 'event-1')).toBe(executionIdOf('items-api', 'event-1'));
    expect(executionIdOf('items-api', 'event-1')).toMatch(/^[a-z2-7]{16}$/);
  });

  it('is another for another pipeline or event, wherever one name ends and the other begins', () => {
    const name = fc.string({ minLength: 1, maxLength: 5, unit: fc.constantFrom('a', 'b', '-', '/') });
    fc.assert(
      fc.property(name, name, name, name, (pipeline, event, otherPipeline, otherEvent) => {
        fc.pre(pipeline !== otherPipeline || event !== otherEvent);
        expect(executionIdOf(pipeline, event)).not.toBe(executionIdOf(otherPipeline, otherEvent));
      }),
    );
  });
});

describe('the name of a wake-up', () => {
  it('is one that Cloud Tasks takes, and differs with each part', () => {
    const names = [
      ['e1', 'release', 1, 2],
      ['e1', 'release', 12],
      ['e1', 'release1', 2],
      ['e2', 'release', 1, 2],
    ].map(wakeName);
    for (const name of names) expect(name).toMatch(/^[0-9a-f]{40}$/);
    expect(new Set(names).size).toBe(names.length);
  });
});
