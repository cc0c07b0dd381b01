import { expect, it } from 'vitest';
import { executionOf, MINUTE_MS, START } from '../../test/support/execution-fixtures.ts';
import type { Execution } from '../core/run.ts';
import { expectedDuration } from './expected-duration.ts';

const ended = (minutes: number, more: Partial<Execution> = {}, end: 'succeeded' | 'failed' = 'succeeded'): Execution =>
  executionOf({
    phase: { is: 'ended', end, at: START + minutes * MINUTE_MS, startedAt: START, promoted: [] },
    ...more,
  });

const expected = (list: readonly Execution[]) =>
  expectedDuration({ executions: { list: async () => list } }, 'items-api');

it('is the median of what succeeded, without restarts and what failed', async () => {
  const list = [
    ended(3),
    ended(90),
    ended(5),
    ended(1, { restartOf: 'before' }),
    ended(1, {}, 'failed'),
    executionOf(),
  ];
  expect(await expected(list)).toBe(5 * MINUTE_MS);
});

it('counts the newest only, and knows nothing of a pipeline that never succeeded', async () => {
  const newest = Array.from({ length: 20 }, () => ended(4));
  expect(await expected([...newest, ...newest.map(() => ended(60)), ended(60)])).toBe(4 * MINUTE_MS);
  expect(await expected([ended(1, {}, 'failed')])).toBeUndefined();
});
