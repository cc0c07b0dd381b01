/** A wait has begun nothing outside, so there is nothing to bring to rest. */
import type { Outcome } from '../../core/run.ts';
import type { WaitCursor } from './schema.ts';

export async function stop(): Promise<Outcome<WaitCursor, null>> {
  return { is: 'succeeded', outputs: null };
}
