/** Messages of topics of the user's own: whoever may publish to the topic may start what listens to it. */
import { MAXIMUM_ATTRIBUTES, MAXIMUM_DATA_CHARACTERS, MAXIMUM_NAME, MAXIMUM_PATH } from '../event-fields.ts';
import { BadPayload, eventId, type MessageSource, type ParsedEvents } from '../source.ts';

const NAME = 'pubsub';
/** What stands before the trigger's `subscription` in the name of a subscription. */
const BEFORE = /^(?:.*\/)?(?:[^/]*?-)??pubsub-(?=[a-z])/;

/** The subscription as triggers name it: `orders` of gennaker-pubsub-orders; undefined where it is none of a user's. */
export function userSubscription(subscription: string): string | undefined {
  const name = subscription.replace(BEFORE, '');
  return name === subscription || !/^[a-z][a-z0-9-]{0,99}$/.test(name) ? undefined : name;
}

export const pubsub: MessageSource = {
  name: NAME,
  parse({ message, at }): ParsedEvents {
    const subscription = userSubscription(message.subscription ?? '');
    if (subscription === undefined) {
      throw new BadPayload(`reading a ${NAME} payload: the name of a subscription must hold "pubsub-" and a name`);
    }
    if (message.data.length > MAXIMUM_DATA_CHARACTERS) {
      const limits = `${message.data.length} characters; at most ${MAXIMUM_DATA_CHARACTERS} are taken`;
      throw new BadPayload(`reading a ${NAME} payload: the data has ${limits}`);
    }
    const attributes = Object.entries(message.attributes)
      .slice(0, MAXIMUM_ATTRIBUTES)
      .map(([name, value]) => [name.slice(0, MAXIMUM_NAME), value.slice(0, MAXIMUM_PATH)]);
    return {
      events: [
        {
          id: eventId(NAME, subscription, message.messageId),
          type: 'message-arrived',
          source: NAME,
          at,
          text: `message on ${subscription}`,
          message: {
            id: message.messageId.slice(0, MAXIMUM_NAME),
            subscription,
            data: message.data,
            attributes: Object.fromEntries(attributes),
          },
        },
      ],
      ignored: 0,
    };
  },
};
