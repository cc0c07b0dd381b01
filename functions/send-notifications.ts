/** The subscriber of the topic `transitions`: parses an announcement, tells people, and answers. */

import { pubsubChannel } from '../shared/notifications/pubsub-channel.ts';
import { slackChannel } from '../shared/notifications/slack-channel.ts';
import { slackClient } from '../shared/notifications/slack-client.ts';
import type { Answer, Delivery } from '../shared/ports/bus.ts';
import type { Log } from '../shared/ports/log.ts';
import { type Announcement, PoisonMessage, parseAnnouncement } from '../shared/use-cases/messages.ts';
import { readPlanOf } from '../shared/use-cases/previous-release.ts';
import { sendNotifications } from '../shared/use-cases/send-notifications.ts';
import type { Container } from './container.ts';
import { type Handler, pushEndpoint } from './push.ts';

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

export function deployed({ settings, google, state, secrets, verify, log }: Container): Handler {
  const { clock, random, executions } = state;
  const readPlan = readPlanOf(state.plans);
  const pageOf = (execution: string): string => `${settings.publicUrl}/executions/${execution}`;
  const { slackApiUrl: apiUrl } = settings;
  const slack = slackChannel({
    cells: google.notifications,
    store: executions,
    readPlan,
    secrets,
    client: (token) => slackClient({ token, ...(apiUrl === undefined ? {} : { apiUrl }) }),
    clock,
    random,
    log,
    pageOf,
  });
  const pubsub = pubsubChannel({ cells: google.notifications, bus: google.bus, log, pageOf });
  const tell = sendNotifications({
    store: executions,
    history: google.history,
    readPlan,
    log,
    channels: { slack, pubsub },
  });
  return pushEndpoint({ handle: notificationSubscriber({ tell, log }), verify, log });
}
