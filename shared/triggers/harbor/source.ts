/** Harbor's webhook, in its own format and in that of CloudEvents. */
import { z } from 'zod';
import { isDigest, isTag, normalizeRepository } from '../../registry/reference.ts';
import {
  eventId,
  type HttpSource,
  imagePushed,
  MAXIMUM_EVENTS_PER_BODY,
  type ParsedEvents,
  readPayload,
  type SourceEvent,
} from '../source.ts';
import { byHeader } from '../verify.ts';

const NAME = 'harbor';

const resources = z
  .array(
    z.object({
      digest: z.string().optional(),
      tag: z.string().optional(),
      /** `host/project/image:tag` */
      resource_url: z.string().optional(),
    }),
  )
  .max(MAXIMUM_EVENTS_PER_BODY)
  .default([]);
const repository = z.object({ repo_full_name: z.string().optional() }).optional();

const classic = z.object({
  type: z.string(),
  /** Seconds since 1970. */
  occur_at: z.number(),
  event_data: z.object({ resources, repository }).optional(),
});
const cloudEvent = z.object({
  specversion: z.string(),
  id: z.string().min(1),
  type: z.string(),
  data: z.object({ resources, repository }).optional(),
});

export const harbor: HttpSource = {
  name: NAME,
  path: NAME,
  mediaTypes: ['application/json', 'application/cloudevents+json'],
  secretName: 'harbor-webhook',
  // Harbor sends its "Auth Header" as it is.
  verify: byHeader(NAME, 'Authorization'),
  parse({ body, at }): ParsedEvents {
    const isCloudEvent = typeof body === 'object' && body !== null && 'specversion' in body;
    const { isPush, delivery, pushed } = isCloudEvent ? fromCloudEvent(body) : fromClassic(body);
    if (!isPush) return { events: [], ignored: 1 };
    const events = pushed.flatMap(({ digest, tag, resource_url: url }): SourceEvent[] => {
      if (tag === undefined || !isTag(tag) || url === undefined) return [];
      const name = normalizeRepository(url.replace(/^https?:\/\//, '').replace(/(@sha256:[0-9a-f]+|:[^/:]+)$/, ''));
      const image = { repository: name, tag, ...(digest !== undefined && isDigest(digest) ? { digest } : {}) };
      const id = eventId(NAME, ...delivery, name, tag, digest ?? '');
      return [imagePushed({ id, source: NAME, at, image })];
    });
    return { events, ignored: pushed.length - events.length };
  },
};

type Read = {
  readonly isPush: boolean;
  readonly delivery: readonly string[];
  readonly pushed: z.output<typeof resources>;
};

function fromCloudEvent(body: unknown): Read {
  const { id, type, data } = readPayload(NAME, cloudEvent, body);
  return { isPush: type === 'harbor.artifact.pushed', delivery: [id], pushed: data?.resources ?? [] };
}

/** There is no delivery id. The second of the push, its tag and digest are this push's own. */
function fromClassic(body: unknown): Read {
  const { type, occur_at: occurredAt, event_data: data } = readPayload(NAME, classic, body);
  return { isPush: type === 'PUSH_ARTIFACT', delivery: [String(occurredAt)], pushed: data?.resources ?? [] };
}
