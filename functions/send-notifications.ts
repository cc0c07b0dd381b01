/** The subscriber of the topic `transitions`: parses an announcement, tells people, and answers. */
import { pubsubChannel } from '../shared/notifications/pubsub-channel.ts';
import { slackChannel } from '../shared/notifications/slack-channel.ts';
import { slackClient } from '../shared/notifications/slack-client.ts';
import type { Answer, Delivery } from '../shared/ports/bus.ts';
import type { Cells, NotificationState } from '../shared/ports/cells.ts';
import type { History } from '../shared/ports/history.ts';
import type { Inbox } from '../shared/ports/inbox.ts';
import type { Secrets } from '../shared/ports/secrets.ts';
import { taking } from '../shared/use-cases/deliveries.ts';
import type { StatePorts } from '../shared/use-cases/engine.ts';
import { parseAnnouncement } from '../shared/use-cases/messages.ts';
import { readPlanOf } from '../shared/use-cases/previous-release.ts';
import { type Channels, sendNotifications } from '../shared/use-cases/send-notifications.ts';
import type { Container } from './container.ts';
import { type Handler, pushEndpoint } from './push.ts';

export type NotificationPorts = Pick<StatePorts, 'executions' | 'plans' | 'bus' | 'clock' | 'random' | 'log'> & {
  readonly inbox: Pick<Inbox, 'record'>;
  readonly history: History;
  readonly notifications: Cells<NotificationState>;
  /** The system's own, for Slack's token. */
  readonly secrets: Secrets;
  /** Slack's own where none is given. */
  readonly slackApiUrl: string | undefined;
  /** Where people reach the pages. */
  readonly publicUrl: string;
};

type Tell = ReturnType<typeof sendNotifications>;

/** One way of telling for each sort of entry in `notify`. */
function channelsOf(ports: NotificationPorts): Channels {
  const { notifications: cells, executions: store, slackApiUrl, publicUrl } = ports;
  const readPlan = readPlanOf(ports.plans);
  const pageOf = (execution: string): string => `${publicUrl}/executions/${execution}`;
  const client = (token: string) =>
    slackClient({ token, ...(slackApiUrl === undefined ? {} : { apiUrl: slackApiUrl }) });
  return {
    slack: slackChannel({ ...ports, cells, store, readPlan, client, pageOf }),
    pubsub: pubsubChannel({ ...ports, cells, pageOf }),
  };
}

/** The use case with every channel. */
export function notifierOf(ports: NotificationPorts): Tell {
  const { executions: store, history, log } = ports;
  return sendNotifications({ store, history, readPlan: readPlanOf(ports.plans), channels: channelsOf(ports), log });
}

/** `tell` is the use case. */
export function notificationSubscriber(
  ports: Pick<NotificationPorts, 'inbox' | 'clock' | 'log'> & { readonly tell: Tell },
): (delivery: Delivery) => Promise<Answer> {
  return taking(ports, async (delivery) => ports.tell(parseAnnouncement(delivery)));
}

export function deployed({ settings, google, state, secrets, verify, log }: Container): Handler {
  const { inbox, history, notifications } = google;
  const { slackApiUrl, publicUrl } = settings;
  const ports = { ...state, inbox, history, notifications, secrets, slackApiUrl, publicUrl };
  return pushEndpoint({ handle: notificationSubscriber({ ...ports, tell: notifierOf(ports) }), verify, log });
}
