/** How every subscriber takes a delivery: what can never be processed is recorded and acknowledged, what may succeed later is refused. */
import type { Answer, Delivery } from '../ports/bus.ts';
import type { Clock } from '../ports/clock.ts';
import type { Inbox } from '../ports/inbox.ts';
import type { Log } from '../ports/log.ts';
import { maskSecrets } from '../triggers/mask.ts';
import { PoisonMessage } from './messages.ts';

/** How much of a message that cannot be processed is kept, in characters. */
const MAXIMUM_KEPT_CHARACTERS = 2_000;

/** `handle` with both sorts of failure told apart. */
export function taking(
  ports: {
    readonly inbox: Pick<Inbox, 'record'>;
    readonly clock: Clock;
    readonly log: Log;
    /** Values that are taken out of whatever is kept, besides what looks like a secret by itself. */
    readonly knownSecrets?: readonly string[] | undefined;
  },
  handle: (delivery: Delivery) => Promise<Answer>,
): (delivery: Delivery) => Promise<Answer> {
  return async (delivery) => {
    try {
      return await handle(delivery);
    } catch (error) {
      if (!(error instanceof PoisonMessage)) {
        ports.log.write('WARNING', 'A message is left for a later delivery', {
          subscription: delivery.subscription,
          messageId: delivery.messageId,
          error,
        });
        return 'later';
      }
      const kept = (text: string) => maskSecrets(text, ports.knownSecrets).slice(0, MAXIMUM_KEPT_CHARACTERS);
      await ports.inbox.record({
        entry: {
          format: 1,
          id: `poison-${delivery.messageId}`,
          receivedAt: ports.clock.now(),
          source: delivery.subscription,
          text: `a message that cannot be processed: ${kept(delivery.data)}`,
          refused: kept(error.message),
          verdicts: [],
        },
      });
      ports.log.write('ERROR', 'A message that can never be processed was recorded and acknowledged', {
        subscription: delivery.subscription,
        messageId: delivery.messageId,
        error,
      });
      return 'done';
    }
  };
}
