/** Messages that are to be delivered at a later time. */
import type { Message } from './bus.ts';

export interface WakeUps {
  /**
   * Delivers `message` to the subscriber of `topic` at or soon after `at` (epoch ms), at least once.
   * A name that was used before is accepted and changes nothing, so scheduling twice wakes once.
   */
  schedule(command: { name: string; at: number; topic: string; message: Message }): Promise<void>;
}
