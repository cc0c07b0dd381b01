/** Artifact Registry's messages on the Pub/Sub topic `gcr`: uploads, tags and deletions of images. */
import { z } from 'zod';
import { parseReference } from '../../registry/reference.ts';
import {
  BadPayload,
  eventId,
  imagePushed,
  type MessageSource,
  type ParsedEvents,
  readPayload,
  type SourceMessage,
} from '../source.ts';

const NAME = 'artifact-registry';

const payload = z.object({
  action: z.string(),
  /** `host/project/repository/image@sha256:…` */
  digest: z.string().optional(),
  /** `host/project/repository/image:tag`; absent where the upload has no tag yet. */
  tag: z.string().optional(),
});

export const artifactRegistry: MessageSource = {
  name: NAME,
  parse({ message, at }): ParsedEvents {
    const { action, digest, tag } = readPayload(NAME, payload, json(message));
    if (action !== 'INSERT' || tag === undefined || tag === '') return { events: [], ignored: 1 };
    const tagged = parseReference(tag);
    if (tagged?.tag === undefined) {
      throw new BadPayload(`reading a ${NAME} payload: tag: must be host/path:tag, not "${tag.slice(0, 300)}"`);
    }
    const pinned = digest === undefined ? undefined : parseReference(digest);
    if (digest !== undefined && (pinned?.digest === undefined || pinned.repository !== tagged.repository)) {
      throw new BadPayload(`reading a ${NAME} payload: digest: must be the tag's image and its digest`);
    }
    const image = {
      repository: tagged.repository,
      tag: tagged.tag,
      ...(pinned?.digest === undefined ? {} : { digest: pinned.digest }),
    };
    const id = eventId(NAME, message.messageId);
    return { events: [imagePushed({ id, source: NAME, at, image })], ignored: 0 };
  },
};

function json(message: SourceMessage): unknown {
  try {
    return JSON.parse(message.data);
  } catch (cause) {
    throw new BadPayload(`reading a ${NAME} payload: the message's data is not JSON`, { cause });
  }
}
