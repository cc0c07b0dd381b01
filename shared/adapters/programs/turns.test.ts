import { describe, expect, it } from 'vitest';
import { turns } from './turns.ts';

const NEVER = new AbortController().signal;

describe('turns', () => {
  it('lets only so many run at once, and the others in their order', async () => {
    const inTurn = turns(2);
    const begun: number[] = [];
    let running = 0;
    let most = 0;
    const work = (name: number) => async () => {
      begun.push(name);
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      if (name === 2) throw new Error('two failed');
      return name;
    };
    const results = await Promise.allSettled([1, 2, 3, 4, 5].map((name) => inTurn(NEVER, work(name))));
    expect({ begun, most }).toEqual({ begun: [1, 2, 3, 4, 5], most: 2 });
    expect(results.map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
      'fulfilled',
    ]);
  });

  it('forgets who gives up while waiting', async () => {
    const inTurn = turns(1);
    let release = (): void => undefined;
    const first = inTurn(NEVER, () => new Promise<void>((resolve) => (release = resolve)));
    const giveUp = new AbortController();
    const second = inTurn(giveUp.signal, async () => 'second');
    const third = inTurn(NEVER, async () => 'third');
    giveUp.abort(new Error('given up'));
    await expect(second).rejects.toThrow('given up');
    release();
    await first;
    expect(await third).toBe('third');
  });
});
