import { describe, expect, it } from 'vitest';
import { systemRandom } from './system-random.ts';

const MANY = 2000;

describe('the system randomness', () => {
  it('makes ids of 20 lower-case letters and digits, all different and all characters used', () => {
    const ids = Array.from({ length: MANY }, () => systemRandom.id());
    for (const id of ids) expect(id).toMatch(/^[a-z0-9]{20}$/);
    expect(new Set(ids).size).toBe(MANY);
    expect(new Set(ids.join('')).size).toBe(36);
  });

  it('makes fractions of one', () => {
    for (let index = 0; index < MANY; index += 1) {
      const fraction = systemRandom.fraction();
      expect(fraction).toBeGreaterThanOrEqual(0);
      expect(fraction).toBeLessThan(1);
    }
  });
});
