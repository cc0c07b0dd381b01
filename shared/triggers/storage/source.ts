/** Cloud Storage's notifications on a Pub/Sub topic: what was written, in the message's attributes. */
import { z } from 'zod';
import { MAXIMUM_PATH, MAXIMUM_TEXT } from '../event-fields.ts';
import { eventId, type MessageSource, type ParsedEvents, readPayload } from '../source.ts';

const NAME = 'cloud-storage';

const attributes = z.object({
  eventType: z.string(),
  bucketId: z.string().min(1).max(255),
  objectId: z.string().min(1).max(MAXIMUM_PATH),
  objectGeneration: z.string().max(255).default(''),
});
/** The object's resource, where the notification has payload_format JSON_API_V1. */
const resource = z.object({
  contentType: z.string().max(255).optional(),
  /** A decimal number, written as text. */
  size: z.coerce.number().nonnegative().optional(),
});

export const cloudStorage: MessageSource = {
  name: NAME,
  parse({ message, at }): ParsedEvents {
    const given = readPayload(NAME, attributes, message.attributes);
    if (given.eventType !== 'OBJECT_FINALIZE') return { events: [], ignored: 1 };
    const { bucketId: bucket, objectId: name, objectGeneration: generation } = given;
    const told = resource.safeParse(parsed(message.data));
    return {
      events: [
        {
          id: eventId(NAME, message.messageId),
          type: 'object-stored',
          source: NAME,
          at,
          text: `object ${name} written to ${bucket}`.slice(0, MAXIMUM_TEXT),
          object: { bucket, name, generation, ...(told.success ? told.data : {}) },
        },
      ],
      ignored: 0,
    };
  },
};

/** Null where there is no payload: the attributes tell all that is needed. */
function parsed(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
