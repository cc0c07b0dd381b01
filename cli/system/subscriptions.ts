/** How the functions of a system in one process take what is published: alike for one that runs for real and one that is simulated. */
import type { Embedded } from '../../shared/adapters/embedded/index.ts';
import type { Answer, Delivery } from '../../shared/ports/bus.ts';
import { TOPICS } from '../../shared/use-cases/messages.ts';

/** Work that is done side by side in one lane. */
const LANE_CONCURRENCY = 32;
const MAXIMUM_DELIVERIES = 20;
/** Slack may be away for hours, and the message of a sender that was killed waits for its lease: 10 s lie between two of these. */
const MAXIMUM_NOTIFICATION_DELIVERIES = 1_000;

type Subscribe = (topic: string, name: string, handler: (delivery: Delivery) => Promise<Answer>) => Promise<void>;

/** What is delivered too often goes to the dead letters, which themselves are delivered until they are taken. */
export function subscriptionsOf(bus: Pick<Embedded, 'subscribe'>, ackDeadlineMs: number): Subscribe {
  return async (topic, name, handler) => {
    await bus.subscribe({
      topic,
      name,
      handler,
      concurrency: LANE_CONCURRENCY,
      ackDeadlineMs,
      maximumDeliveries: topic === TOPICS.transitions ? MAXIMUM_NOTIFICATION_DELIVERIES : MAXIMUM_DELIVERIES,
      ...(topic === TOPICS.deadLetters ? {} : { deadLetterTopic: TOPICS.deadLetters }),
    });
  };
}
