/** Asking has begun nothing outside, so there is nothing to bring to rest. */
import type { Outcome } from '../../core/run.ts';
import type { ApproveCursor } from './schema.ts';

export async function stop(): Promise<Outcome<ApproveCursor, null>> {
  return { is: 'succeeded', outputs: null };
}
