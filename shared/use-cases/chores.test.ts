import { describe, expect, it } from 'vitest';
import { doChores } from './chores.ts';

const failing = (message: string) => (): Promise<never> => Promise.reject(new Error(message));

describe('chores', () => {
  it('are all done to their end though one fails, and the failure is told', async () => {
    let isDone = false;
    const slow = async (): Promise<void> => {
      await new Promise((resolve) => setImmediate(resolve));
      isDone = true;
    };
    await expect(doChores([failing('no store'), slow])).rejects.toThrow(/^no store$/);
    expect(isDone).toBe(true);
  });

  it('tell each failure, also of one that fails before its first wait', async () => {
    const atOnce = (): Promise<never> => {
      throw new Error('no clock');
    };
    await expect(doChores([failing('no store'), atOnce, async () => undefined])).rejects.toThrow(
      '2 of 3 chores failed: no store; no clock',
    );
  });
});
