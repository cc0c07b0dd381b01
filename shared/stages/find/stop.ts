/** Looking has begun nothing outside, so there is nothing to bring to rest. */
import type { Outcome } from '../../core/run.ts';
import type { FindCursor } from './schema.ts';

export async function stop(): Promise<Outcome<FindCursor, null>> {
  return { is: 'succeeded', outputs: null };
}
