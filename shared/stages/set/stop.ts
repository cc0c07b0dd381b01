/** Setting values has begun nothing outside, so there is nothing to bring to rest. */
import type { Outcome } from '../../core/run.ts';
import type { SetCursor } from './schema.ts';

export async function stop(): Promise<Outcome<SetCursor, null>> {
  return { is: 'succeeded', outputs: null };
}
