/** Notifications of Docker distribution (`registry:2`, `registry:3`): a batch of events, most of them of no interest here. */
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

const NAME = 'docker-distribution';

/** What a tag can point to; layers and configurations are pushed too. */
const MANIFEST_TYPES: ReadonlySet<string> = new Set([
  'application/vnd.docker.distribution.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v1+prettyjws',
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
]);

const event = z.object({
  id: z.string().min(1),
  action: z.string(),
  target: z
    .object({
      mediaType: z.string().optional(),
      repository: z.string().optional(),
      tag: z.string().optional(),
      digest: z.string().optional(),
    })
    .optional(),
  request: z.object({ host: z.string().optional() }).optional(),
});
const envelope = z.object({ events: z.array(event).max(MAXIMUM_EVENTS_PER_BODY) });

/** The media types of its bodies; older and newer releases differ. */
const MEDIA_TYPES: readonly string[] = [
  'application/vnd.docker.distribution.events.v1+json',
  'application/vnd.docker.distribution.events.v2+json',
];

/**
 * `hosts` says under which name people know a registry that reports another one, as behind a proxy:
 * `{ '127.0.0.1:5000': 'registry.example.com' }`; `*` stands for any host that is not listed. `name` is that of a
 * source which is built on this one.
 */
export function dockerDistribution(
  options: { hosts?: { readonly [reported: string]: string }; name?: string } = {},
): HttpSource {
  const { name: source = NAME } = options;
  const hosts = new Map(Object.entries(options.hosts ?? {}));
  return {
    name: source,
    path: source,
    mediaTypes: MEDIA_TYPES,
    secretName: 'docker-distribution-webhook',
    verify: byHeader(source, 'Authorization', 'Bearer '),
    parse({ body, at }): ParsedEvents {
      const { events } = readPayload(source, envelope, body);
      const pushed = events.flatMap((one): SourceEvent[] => {
        const host = one.request?.host;
        const repository = one.target?.repository;
        const { tag, digest, mediaType } = one.target ?? {};
        if (one.action !== 'push' || mediaType === undefined || !MANIFEST_TYPES.has(mediaType)) return [];
        if (repository === undefined || tag === undefined || !isTag(tag)) return [];
        const known = (host === undefined ? undefined : hosts.get(host)) ?? hosts.get('*') ?? host;
        if (known === undefined || known === '') return [];
        const name = normalizeRepository(`${known}/${repository}`);
        const image = { repository: name, tag, ...(digest !== undefined && isDigest(digest) ? { digest } : {}) };
        return [imagePushed({ id: eventId(source, one.id), source, at, image })];
      });
      return { events: pushed, ignored: events.length - pushed.length };
    },
  };
}
