/** A request that was sent cannot be taken back, and one that was not sent is never sent after a stop. */
import type { Outcome } from '../../core/run.ts';
import type { WebhookCursor } from './schema.ts';

export async function stop(): Promise<Outcome<WebhookCursor, null>> {
  return { is: 'succeeded', outputs: null };
}
