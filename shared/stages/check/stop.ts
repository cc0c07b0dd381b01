/** A check has begun nothing outside, so there is nothing to bring to rest. */
import type { Outcome } from '../../core/run.ts';
import type { CheckCursor } from './schema.ts';

export async function stop(): Promise<Outcome<CheckCursor, null>> {
  return { is: 'succeeded', outputs: null };
}
