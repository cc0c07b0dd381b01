/** Cloud Build's messages on the topic `cloud-builds`: one for every change of a build's state. */
import { z } from 'zod';
import { parseReference } from '../../registry/reference.ts';
import { type BuildStatus, MAXIMUM_BUILD_IMAGES } from '../build/event.ts';
import type { EventImage } from '../event-fields.ts';
import { atMostName, BadPayload, eventId, type MessageSource, type ParsedEvents, readPayload } from '../source.ts';

const NAME = 'cloud-build';
const MAXIMUM_PARAMETERS = 100;
const MAXIMUM_PARAMETER = 1_000;

/** The states in which a build has ended, in the words of triggers. */
const ENDED: { readonly [status: string]: BuildStatus } = {
  SUCCESS: 'success',
  FAILURE: 'failure',
  INTERNAL_ERROR: 'failure',
  EXPIRED: 'timeout',
  TIMEOUT: 'timeout',
  CANCELLED: 'cancelled',
};

const build = z.object({
  id: z.string().min(1),
  projectId: z.string().min(1),
  status: z.string(),
  logUrl: z.string().max(1_000).optional(),
  substitutions: z
    .record(z.string(), z.unknown())
    .default({})
    .transform((all) => Object.fromEntries(Object.entries(all).filter(isText))),
  results: z
    .object({ images: z.array(z.object({ name: z.string(), digest: z.string().optional() })).optional() })
    .optional(),
});

function isText(entry: [string, unknown]): entry is [string, string] {
  return typeof entry[1] === 'string';
}

export const cloudBuild: MessageSource = {
  name: NAME,
  parse({ message, at }): ParsedEvents {
    const { id, projectId, status, logUrl, substitutions, results } = readPayload(NAME, build, json(message.data));
    const ended = ENDED[status];
    if (ended === undefined) return { events: [], ignored: 1 };
    const { TRIGGER_NAME: name, BRANCH_NAME: branch, TAG_NAME: tag, COMMIT_SHA: commit } = substitutions;
    const parameters = Object.entries(substitutions)
      .slice(0, MAXIMUM_PARAMETERS)
      .map(([key, value]) => [key.slice(0, 255), value.slice(0, MAXIMUM_PARAMETER)]);
    return {
      events: [
        {
          id: eventId(NAME, message.messageId),
          type: 'build-finished',
          source: NAME,
          at,
          text: `build ${name ?? id} ended: ${ended}`.slice(0, MAXIMUM_PARAMETER),
          build: {
            by: NAME,
            of: projectId.toLowerCase(),
            name: atMostName(name),
            number: id.slice(0, 255),
            status: ended,
            branch: atMostName(branch),
            tag: atMostName(tag),
            commit: commit !== undefined && /^[0-9a-f]{40}$/.test(commit) ? commit : undefined,
            url: logUrl,
            parameters: Object.fromEntries(parameters),
            images: imagesOf(results?.images ?? []),
          },
        },
      ],
      ignored: 0,
    };
  },
};

function imagesOf(pushed: readonly { name: string; digest?: string | undefined }[]): EventImage[] {
  return pushed.slice(0, MAXIMUM_BUILD_IMAGES).flatMap(({ name, digest }): EventImage[] => {
    const image = parseReference(digest === undefined ? name : `${name}@${digest}`);
    if (image?.tag === undefined) return [];
    const { repository, tag } = image;
    return [{ repository, tag, ...(image.digest === undefined ? {} : { digest: image.digest }) }];
  });
}

function json(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch (cause) {
    throw new BadPayload(`reading a ${NAME} payload: the message's data is not JSON`, { cause });
  }
}
