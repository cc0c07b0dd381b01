/** A message of a topic of the user's own. */
import { z } from 'zod';
import { attributeFields, common, MAXIMUM_DATA_CHARACTERS, shortName } from '../event-fields.ts';

export const messageArrived = z.object({
  ...common,
  type: z.literal('message-arrived'),
  source: z.literal('pubsub'),
  message: z.object({
    id: shortName,
    /** The name that the subscription has behind `pubsub-`. */
    subscription: shortName,
    /** As it came: what it means, the trigger's format says. */
    data: z.string().max(MAXIMUM_DATA_CHARACTERS),
    attributes: attributeFields,
  }),
});
