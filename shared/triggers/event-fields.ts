/** The fields that source events are made of, with their limits. */
import { z } from 'zod';
import { isDigest, isTag } from '../registry/reference.ts';

export const MAXIMUM_NAME = 255;
export const MAXIMUM_URL = 1_000;
/** Of one path in a repository or a bucket, in characters. */
export const MAXIMUM_PATH = 1_024;
/** The phrase for people, in characters. */
export const MAXIMUM_TEXT = 1000;
/** What a message or a body may hold to be kept with its event, in characters of JSON. */
export const MAXIMUM_DATA_CHARACTERS = 256 * 1024;
/** Attributes of a message, or headers of a request, that an event keeps. */
export const MAXIMUM_ATTRIBUTES = 100;

export const tag = z.string().refine(isTag, 'must be a tag');
export const digest = z.string().refine(isDigest, 'must be sha256: and 64 hexadecimal digits');
export const commitHash = z.string().regex(/^[0-9a-f]{40}$/, 'must be 40 hexadecimal digits');
export const shortName = z.string().max(MAXIMUM_NAME);

/** An image as a sender tells of it; `repository` is with its host, as `normalizeRepository` spells it. */
export const imageFields = z.object({
  repository: shortName,
  tag,
  /** Absent where the sender does not tell it. */
  digest: digest.optional(),
});
export type EventImage = z.output<typeof imageFields>;

/** People that one event may tell of as behind it. */
export const MAXIMUM_PEOPLE = 300;
/** Who is behind an event: names, logins and addresses, in the words of whoever tells. */
export const people = z.array(shortName).max(MAXIMUM_PEOPLE);

/** Text by name, as attributes of a message and headers of a request are. */
export const attributeFields = z
  .record(z.string().max(MAXIMUM_NAME), z.string().max(MAXIMUM_PATH))
  .refine((all) => Object.keys(all).length <= MAXIMUM_ATTRIBUTES, `has more than ${MAXIMUM_ATTRIBUTES} entries`);

/** What every source event has. */
export const common = {
  /** The sender's delivery or event id, with the source before it: the same again for a redelivery, and only then. */
  id: z.string().regex(/^[A-Za-z0-9._-]{1,200}$/),
  /** When it arrived, in epoch ms. */
  at: z.int(),
  /** One phrase for people: `image items-api:1.2.3 pushed`. */
  text: z.string().max(MAXIMUM_TEXT),
  /** W3C traceparent. */
  trace: z.string().max(100).optional(),
  /** The event that a person had published again as this one: it is meant to start again what that one started. */
  replay: z.object({ of: shortName, by: shortName }).optional(),
};
