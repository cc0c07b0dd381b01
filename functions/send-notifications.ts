/** The subscriber of the topic `transitions`: parses an announcement, tells people, and answers. */
import type { Answer, Delivery } from '../shared/ports/bus.ts';
import type { Log } from '../shared/ports/log.ts';
import { type Announcement, PoisonMessage, parseAnnouncement } from '../shared/use-cases/messages.ts';

/** `tell` is the use case `sendNotifications`. A message that can never be read is recorded in the log and done. */
export function notificationSubscriber(deps: {
  tell: (announcement: Announcement & { readonly trace?: string }) => Promise<Answer>;
  log: Log;
}): (delivery: Delivery) => Promise<Answer> {
  return async (delivery) => {
    let announcement: Announcement & { readonly trace?: string };
    try {
      announcement = parseAnnouncement(delivery);
    } catch (error) {
      if (!(error instanceof PoisonMessage)) throw error;
      const { messageId, subscription } = delivery;
      deps.log.write('ERROR', 'a message can never be processed', { messageId, subscription, error });
      return 'done';
    }
    return await deps.tell(announcement);
  };
}
