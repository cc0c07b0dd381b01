/** A bake leaves only a blob, which is named by its content, so there is nothing to bring to rest. */
import type { Outcome } from '../../core/run.ts';
import type { BakeCursor } from './schema.ts';

export async function stop(): Promise<Outcome<BakeCursor, null>> {
  return { is: 'succeeded', outputs: null };
}
