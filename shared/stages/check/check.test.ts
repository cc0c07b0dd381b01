import { describe, expect, it } from 'vitest';
import { prove } from '../proofs.ts';
import { check } from './index.ts';
import { checkParameters } from './schema.ts';
import { step } from './step.ts';

const world = () => ({ effects: () => [] });
const right = { that: true, message: 'all is well' };

prove({ name: 'that holds', kind: check, parameters: { assert: [right] }, world });
prove({ name: 'that fails', kind: check, parameters: { assert: [{ ...right, that: false }] }, world, ends: 'failed' });

describe('a check that fails', () => {
  it('says everything that is wrong', async () => {
    const assert = [{ that: false, message: 'too slow' }, right, { that: false, message: 'too many errors' }];
    expect(await step(checkParameters.parse({ assert }))).toEqual({
      is: 'failed',
      reason: { code: 'check-failed', text: '2 checks failed: too slow; too many errors' },
      then: 'giveUp',
    });
  });

  it.each([[{ assert: [] }], [{ assert: [{ that: 'yes', message: 'x' }] }], [{ assert: [{ that: true }] }]])(
    'does not take %j',
    (parameters) => {
      expect(checkParameters.safeParse(parameters).success).toBe(false);
    },
  );
});
