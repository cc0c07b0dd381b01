import { describe, expect, it } from 'vitest';
import { prove } from '../proofs.ts';
import { set } from './index.ts';
import { outputsOf, setParameters } from './schema.ts';

const world = () => ({ effects: () => [] });

prove({ name: 'of values', kind: set, parameters: { share: 5, note: 'slowly', regions: ['jp'] }, world });

describe('the values of set', () => {
  it('have the types that they were given with, where no expression gives them', () => {
    const schema = outputsOf(setParameters.parse({ share: 5, on: true, note: 'x', later: `\${{ stages.a.b }}` }));
    expect(schema.safeParse({ share: 6, on: false, note: 'y', later: [1] }).success).toBe(true);
    expect(schema.safeParse({ share: '6', on: false, note: 'y', later: 1 }).success).toBe(false);
    expect(schema.safeParse({ share: 6, on: false, note: 'y' }).success).toBe(false);
  });

  it.each([[{}], [{ 'no-name': 1 }], [{ note: 'x'.repeat(40_000) }]])('are not %j', (parameters) => {
    expect(setParameters.safeParse(parameters).success).toBe(false);
  });
});
