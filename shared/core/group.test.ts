import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deepFreeze } from '../../test/support/core-fixtures.ts';
import { emptyGroup, enterGroup, leaveGroup, limitGroup, startsAt } from './group.ts';
import { MAXIMUM_QUEUE } from './limits.ts';
import type { Group } from './run.ts';

const RULES = ['queue', 'newest', 'cancel-running', 'skip'] as const;
const groupOf = (limit: number, holders: readonly string[], queue: readonly string[] = []): Group =>
  deepFreeze({ ...emptyGroup(limit), holders, queue });

describe('entering a group', () => {
  it.each(RULES)('with a free slot runs, whatever its rule: %s', (rule) => {
    expect(enterGroup(groupOf(2, ['a']), 'b', rule)).toEqual({
      verdict: 'run',
      replaced: [],
      toStop: [],
      group: groupOf(2, ['a', 'b']),
    });
  });

  it.each([
    { rule: 'queue', verdict: 'queue', queue: ['b', 'c'], replaced: [], toStop: [] },
    { rule: 'newest', verdict: 'queue', queue: ['c'], replaced: ['b'], toStop: [] },
    { rule: 'cancel-running', verdict: 'queue', queue: ['c'], replaced: ['b'], toStop: ['a'] },
    { rule: 'skip', verdict: 'busy', queue: ['b'], replaced: [], toStop: [] },
  ] as const)('that is busy follows the rule: $rule', ({ rule, verdict, queue, replaced, toStop }) => {
    const entry = enterGroup(groupOf(1, ['a'], ['b']), 'c', rule);
    expect(entry).toEqual({ verdict, replaced, toStop, group: groupOf(1, ['a'], queue) });
  });

  it('whose queue may have fewer is full earlier', () => {
    const full = groupOf(1, ['a'], ['b', 'c']);
    expect(enterGroup(full, 'd', 'queue', 2)).toMatchObject({ verdict: 'full', group: full });
    expect(enterGroup(full, 'd', 'queue', 3)).toMatchObject({
      verdict: 'queue',
      group: groupOf(1, ['a'], ['b', 'c', 'd']),
    });
  });

  it(`behind ${MAXIMUM_QUEUE} that wait is refused`, () => {
    const queue = Array.from({ length: MAXIMUM_QUEUE }, (_, index) => `q${index}`);
    const full = groupOf(1, ['a'], queue);
    expect(enterGroup(full, 'one too many', 'queue')).toMatchObject({ verdict: 'full', group: full });
    expect(enterGroup(full, 'newest', 'newest')).toMatchObject({ verdict: 'queue', replaced: queue });
  });
});

describe('leaving a group', () => {
  it('gives the slot to the first who waits', () => {
    expect(leaveGroup(groupOf(1, ['a'], ['b', 'c']), 'a')).toEqual({
      promoted: ['b'],
      group: groupOf(1, ['b'], ['c']),
    });
  });

  it('from the queue gives nothing on', () => {
    expect(leaveGroup(groupOf(1, ['a'], ['b', 'c']), 'b')).toEqual({
      promoted: [],
      group: groupOf(1, ['a'], ['c']),
    });
  });

  it('twice is leaving once', () => {
    const once = leaveGroup(groupOf(1, ['a'], ['b', 'c']), 'a').group;
    expect(leaveGroup(once, 'a')).toEqual({ promoted: [], group: once });
  });
});

describe('a new limit', () => {
  it('gives the slots that it adds to those who wait', () => {
    expect(limitGroup(groupOf(1, ['a'], ['b', 'c', 'd']), 3)).toEqual({
      promoted: ['b', 'c'],
      group: groupOf(3, ['a', 'b', 'c'], ['d']),
    });
  });

  it('that is lower takes no slot away, and gives none until enough have left', () => {
    const lowered = limitGroup(groupOf(3, ['a', 'b', 'c'], ['d']), 1);
    expect(lowered).toEqual({ promoted: [], group: groupOf(1, ['a', 'b', 'c'], ['d']) });
    const two = leaveGroup(leaveGroup(lowered.group, 'a').group, 'b');
    expect(two.promoted).toEqual([]);
    expect(leaveGroup(two.group, 'c').promoted).toEqual(['d']);
  });
});

describe('whatever happens in a group', () => {
  const steps = fc.array(
    fc.oneof(
      fc.record({ is: fc.constant('enter' as const), rule: fc.constantFrom(...RULES) }),
      fc.record({ is: fc.constant('leave' as const), who: fc.nat(20) }),
      fc.record({ is: fc.constant('limit' as const), limit: fc.integer({ min: 1, max: 4 }) }),
    ),
    { maxLength: 60 },
  );

  it('slots are never over-full for newcomers, none waits beside a free one, and those who wait keep their order', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3 }), steps, (limit, script) => {
        let group = deepFreeze(emptyGroup(limit));
        let entered = 0;
        for (const step of script) {
          const before = group;
          if (step.is === 'enter') {
            entered += 1;
            group = deepFreeze(enterGroup(before, `e${entered}`, step.rule).group);
          } else if (step.is === 'leave') {
            group = deepFreeze(leaveGroup(before, `e${step.who}`).group);
          } else {
            group = deepFreeze(limitGroup(before, step.limit).group);
          }
          const joined = group.holders.filter((one) => !before.holders.includes(one));
          if (joined.length > 0) expect(group.holders.length).toBeLessThanOrEqual(group.limit);
          if (group.queue.length > 0) expect(group.holders.length).toBeGreaterThanOrEqual(group.limit);
          const everyone = [...group.holders, ...group.queue];
          expect(new Set(everyone).size).toBe(everyone.length);
          const kept = before.queue.filter((one) => group.queue.includes(one));
          expect(group.queue.slice(0, kept.length)).toEqual(kept);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('the starts that count', () => {
  const rule = { limit: 3, withinMs: 1_000 };

  it('begin with the first', () => {
    expect(startsAt(undefined, rule, 5_000)).toEqual({ since: 5_000, count: 0 });
  });

  it('are those of the span that has begun, until its end', () => {
    const starts = { since: 5_000, count: 2 };
    expect(startsAt(starts, rule, 5_999)).toBe(starts);
    expect(startsAt(starts, rule, 6_000)).toEqual({ since: 6_000, count: 0 });
  });
});
