import { describe, expect, it } from 'vitest';
import { lazily } from './lazily.ts';

describe('lazily', () => {
  const counted = () => {
    const counts = { made: 0, ended: 0 };
    const thing = lazily({
      async make() {
        counts.made += 1;
        if (counts.made === 1) throw new Error('The first making fails, as this test wants it to.');
        return counts.made;
      },
      async end() {
        counts.ended += 1;
      },
    });
    return { counts, thing };
  };

  it('makes the thing again after a failure, and then keeps it', async () => {
    const { counts, thing } = counted();
    await expect(thing.get()).rejects.toThrow('The first making fails');
    expect(await Promise.all([thing.get(), thing.get()])).toEqual([2, 2]);
    expect(await thing.get()).toBe(2);
    expect(counts.made).toBe(2);
  });

  it('ends what was made, and makes nothing in order to end it', async () => {
    const { counts, thing } = counted();
    await thing.close();
    expect(counts).toEqual({ made: 0, ended: 0 });
    await expect(thing.get()).rejects.toThrow();
    await thing.get();
    await thing.close();
    expect(counts).toEqual({ made: 2, ended: 1 });
  });
});
