/** Fails with the messages of all assertions that are false, so that none is found only after another was mended. */
import type { Outcome } from '../../core/run.ts';
import type { CheckCursor, CheckOutputs, CheckParameters } from './schema.ts';

export async function step({ assert }: CheckParameters): Promise<Outcome<CheckCursor, CheckOutputs>> {
  const wrong = assert.filter(({ that }) => !that).map(({ message }) => message);
  if (wrong.length === 0) return { is: 'succeeded', outputs: { checked: assert.length } };
  const [only] = wrong;
  const text = wrong.length === 1 ? `A check failed: ${only}` : `${wrong.length} checks failed: ${wrong.join('; ')}`;
  return { is: 'failed', reason: { code: 'check-failed', text }, then: 'giveUp' };
}
