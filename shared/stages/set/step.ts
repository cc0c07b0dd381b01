/** Gives the values on: their expressions were resolved before the step. */
import type { Outcome } from '../../core/run.ts';
import type { SetCursor, SetOutputs, SetParameters } from './schema.ts';

export async function step(parameters: SetParameters): Promise<Outcome<SetCursor, SetOutputs>> {
  return { is: 'succeeded', outputs: { ...parameters } };
}
