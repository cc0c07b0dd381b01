/** Docker Hub's webhook. It signs nothing, so its URL carries the secret; it tells no digest, so the tag is resolved later. */
import { z } from 'zod';
import { DOCKER_HUB, isTag, normalizeRepository } from '../../registry/reference.ts';
import { BadPayload, eventId, type HttpSource, imagePushed, type ParsedEvents, readPayload } from '../source.ts';
import { byPath } from '../verify.ts';

const NAME = 'docker-hub';

const payload = z.object({
  callback_url: z.string().optional(),
  push_data: z.object({
    /** Seconds since 1970. */
    pushed_at: z.number(),
    tag: z.string(),
  }),
  repository: z.object({ repo_name: z.string().min(1) }),
});

export const dockerHub: HttpSource = {
  name: NAME,
  path: NAME,
  mediaTypes: ['application/json'],
  secretName: 'docker-hub-webhook',
  verify: byPath(NAME),
  parse({ body, at }): ParsedEvents {
    const { push_data: push, repository: of, callback_url: callback } = readPayload(NAME, payload, body);
    if (!isTag(push.tag)) throw new BadPayload(`reading a ${NAME} payload: push_data.tag: must be a tag`);
    const repository = normalizeRepository(`${DOCKER_HUB}/${of.repo_name}`);
    // There is no delivery id. The time of the push and the call-back's address are this push's own.
    const id = eventId(NAME, repository, push.tag, String(push.pushed_at), callback ?? '');
    const image = { repository, tag: push.tag };
    return { events: [imagePushed({ id, source: NAME, at, image })], ignored: 0 };
  },
};
