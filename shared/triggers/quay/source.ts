/** Quay's push notification: several tags at once, no digest, no signature and no id. */
import { z } from 'zod';
import { isTag, normalizeRepository } from '../../registry/reference.ts';
import {
  eventId,
  type HttpSource,
  imagePushed,
  MAXIMUM_EVENTS_PER_BODY,
  type ParsedEvents,
  readPayload,
  type SourceEvent,
} from '../source.ts';
import { byPath } from '../verify.ts';

const NAME = 'quay';

/** Other notifications of Quay (builds, scans) have no `updated_tags`. Old releases sent a map of tags to image ids. */
const payload = z.object({
  docker_url: z.string().min(1),
  updated_tags: z
    .union([z.array(z.string()), z.record(z.string(), z.string()).transform((tags) => Object.keys(tags))])
    .optional(),
});

export const quay: HttpSource = {
  name: NAME,
  path: NAME,
  mediaTypes: ['application/json'],
  secretName: 'quay-webhook',
  verify: byPath(NAME),
  parse({ body, at }): ParsedEvents {
    const { docker_url: url, updated_tags: all = [] } = readPayload(NAME, payload, body);
    const repository = normalizeRepository(url.replace(/^https?:\/\//, ''));
    const tags = all.filter(isTag).slice(0, MAXIMUM_EVENTS_PER_BODY);
    const events = tags.map((tag): SourceEvent => {
      // A hash of the content would take a tag that moves back for a repetition: the digest tells repetitions.
      const id = eventId(NAME, repository, tag, String(at));
      const image = { repository, tag, isRepeatable: true as const };
      return imagePushed({ id, source: NAME, at, image });
    });
    return { events, ignored: events.length === 0 ? 1 : all.length - events.length };
  },
};
