/** `gennaker push`: tells the system of a pushed image, as a Docker registry would. */
import { createHash, randomUUID } from 'node:crypto';
import type { Json } from '../../shared/core/json.ts';
import { type ImageReference, parseReference, splitRepository } from '../../shared/registry/reference.ts';
import type { EventDescription } from '../api.ts';
import type { Context } from '../context.ts';
import { UsageError } from '../failure.ts';
import { poll, requireNoFailure } from '../requests.ts';
import { eventLines } from './events.ts';

const MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
/** The size that the made-up manifest is said to have, in bytes. */
const MANIFEST_BYTES = 1_574;
/** Among so many of the latest events the one that was just sent is looked for. */
const MAXIMUM_SEARCHED = 50;

export async function push(context: Context, text: string): Promise<void> {
  const image = parseReference(text);
  if (image === undefined || (image.digest !== undefined && image.tag === undefined)) {
    throw new UsageError(
      `"${text}" is not an image with a tag. One is written like asia-northeast1-docker.pkg.dev/acme/items/items-api:1.2.3`,
    );
  }
  const delivery = { id: randomUUID(), at: new Date(context.surroundings.now()) };
  const api = await context.api();
  await api.notifyOfPush(notification(image, delivery));
  const entry = await poll(
    context,
    async () => (await api.events({ limit: MAXIMUM_SEARCHED })).items.find(({ id }) => id.includes(delivery.id)),
    `The push of ${text} was taken, but nothing came of it`,
  );
  context.result({ ...entry, digest: digestOf(image) }, () => pushLines(entry, image, context.view()));
  requireNoFailure(entry);
}

/** The body of Docker distribution's notification about one pushed manifest. */
export function notification(image: ImageReference, delivery: { id: string; at: Date }): Json {
  const { host, path } = splitRepository(image.repository);
  const digest = digestOf(image);
  return {
    events: [
      {
        id: delivery.id,
        timestamp: delivery.at.toISOString(),
        action: 'push',
        target: {
          mediaType: MANIFEST,
          size: MANIFEST_BYTES,
          length: MANIFEST_BYTES,
          digest,
          repository: path,
          url: `https://${host}/v2/${path}/manifests/${digest}`,
          tag: tagOf(image),
        },
        request: { id: randomUUID(), addr: '127.0.0.1', host, method: 'PUT', useragent: 'gennaker' },
        actor: {},
        source: { addr: host, instanceID: 'gennaker-push' },
      },
    ],
  };
}

/** Of the reference itself, so that the same tag pushed again has the same digest. */
export function digestOf(image: ImageReference): string {
  return (
    image.digest ??
    `sha256:${createHash('sha256')
      .update(`${image.repository}:${tagOf(image)}`)
      .digest('hex')}`
  );
}

function tagOf(image: ImageReference): string {
  return image.tag ?? 'latest';
}

function pushLines(entry: EventDescription, image: ImageReference, view: { now: number; width: number }): string[] {
  const nothing = entry.verdicts.every((verdict) => verdict.is === 'filtered' || verdict.is === 'failed');
  const lookedAt = entry.verdicts.length > 0 || entry.refused !== undefined;
  return [
    ...eventLines(entry, view),
    ...(nothing && lookedAt ? ['', `Nothing was started for ${image.repository}.`] : []),
  ];
}
