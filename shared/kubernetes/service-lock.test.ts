import { describe, expect, it } from 'vitest';
import { lockCells } from '../../test/support/deploy-context.ts';
import { acquireLock, heldTurn, type LockHolder, lockKey, releaseLock } from './service-lock.ts';

const key = lockKey({ target: 'jp', namespace: 'shop', pipeline: 'items-api' });
const one: LockHolder = { execution: 'e1', stage: 'release', attempt: 1 };
const other: LockHolder = { execution: 'e2', stage: 'release', attempt: 1 };

function take(locks: ReturnType<typeof lockCells>, holder: LockHolder, isAtWork = true, mayWrite = true) {
  return acquireLock({ locks, key, holder, isAtWork: async () => isAtWork, mayWrite: () => mayWrite });
}

describe('the lock of a service', () => {
  it('goes to one attempt, which keeps its turn however often it asks', async () => {
    const locks = lockCells();
    expect(await take(locks, one)).toEqual({ is: 'held', turn: 1 });
    expect(await take(locks, one)).toEqual({ is: 'held', turn: 1 });
    expect(await take(locks, other)).toEqual({ is: 'locked-by-other', holder: one });
  });

  it('grows its turn with each holder, given back or taken from one at rest', async () => {
    const locks = lockCells();
    await take(locks, one);
    await releaseLock({ locks, key, holder: one, mayWrite: () => true });
    expect(await take(locks, other)).toEqual({ is: 'held', turn: 2 });
    expect(await take(locks, one, false)).toEqual({ is: 'held', turn: 3 });
    expect(await take(locks, { ...one, attempt: 2 }, false)).toEqual({ is: 'held', turn: 4 });
  });

  it('tells its holder, and nobody else, the turn', async () => {
    const locks = lockCells();
    expect(await heldTurn({ locks, key, holder: one })).toBeUndefined();
    await take(locks, one);
    expect(await heldTurn({ locks, key, holder: one })).toBe(1);
    expect(await heldTurn({ locks, key, holder: { ...one, attempt: 2 } })).toBeUndefined();
    expect(await heldTurn({ locks, key, holder: other })).toBeUndefined();
  });

  it('is given back by its holder only, and twice as well as once', async () => {
    const locks = lockCells();
    await take(locks, one);
    await releaseLock({ locks, key, holder: other, mayWrite: () => true });
    expect(locks.content()).toEqual([[key, { format: 1, turn: 1, holder: one }]]);
    for (let time = 0; time < 2; time++) await releaseLock({ locks, key, holder: one, mayWrite: () => true });
    expect(locks.content()).toEqual([[key, { format: 1, turn: 1 }]]);
  });

  it('is neither taken nor given back by a worker that lost its step', async () => {
    const locks = lockCells();
    expect(await take(locks, one, true, false)).toEqual({ is: 'not-ours' });
    await take(locks, one);
    await releaseLock({ locks, key, holder: one, mayWrite: () => false });
    expect(locks.content()).toEqual([[key, { format: 1, turn: 1, holder: one }]]);
  });

  it('goes to exactly one of many that ask at once', async () => {
    const locks = lockCells();
    const holders = Array.from({ length: 20 }, (_, index) => ({ ...one, execution: `e${index}` }));
    const taken = await Promise.all(holders.map((holder) => take(locks, holder)));
    expect(taken.filter(({ is }) => is === 'held')).toEqual([{ is: 'held', turn: 1 }]);
  });
});
