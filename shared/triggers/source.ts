/** What all trigger sources have in common: the normalised event, and how a source makes one of what it was sent. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { buildFinished } from './build/event.ts';
import { scheduleDue } from './cron/event.ts';
import {
  commitHash,
  common,
  digest,
  imageFields,
  MAXIMUM_NAME,
  MAXIMUM_PATH,
  MAXIMUM_TEXT,
  MAXIMUM_URL,
  people,
  shortName,
  tag,
} from './event-fields.ts';
import { releasePublished } from './git/release-event.ts';
import { MAXIMUM_CHAIN, pipelineFinished } from './pipeline/event.ts';
import { messageArrived } from './pubsub/event.ts';
import { objectStored } from './storage/event.ts';
import { webhookCalled } from './webhook/event.ts';

export { MAXIMUM_CHAIN, MAXIMUM_TEXT };

/** Events that one body may hold. Registries send a few at a time. */
export const MAXIMUM_EVENTS_PER_BODY = 500;
/** What one event may take in JSON, in bytes: it is kept in one document with all that came of it. */
const MAXIMUM_EVENT_BYTES = 600 * 1024;
/** Paths that one push may tell of; one that changed more tells of none. */
export const MAXIMUM_PATHS = 3_000;
/** Authors that one push may tell of; one with more tells of none. */
export const MAXIMUM_AUTHORS = 100;
/** Images that one manual start may name. */
export const MAXIMUM_IMAGES = 50;

const gitRef = z.string().max(MAXIMUM_NAME).startsWith('refs/');
const registeredId = z.string().max(MAXIMUM_NAME);

export const sourceEvent = z.discriminatedUnion('type', [
  z.object({
    ...common,
    type: z.literal('image-pushed'),
    /** The source's name, as in the registry of sources. */
    source: z.string().max(100),
    image: imageFields.extend({
      /** The sender gives its deliveries no id: a redelivery is told by the digest alone. */
      isRepeatable: z.literal(true).optional(),
    }),
  }),
  z.object({
    ...common,
    type: z.literal('commit-pushed'),
    source: z.string().max(100),
    commit: z.object({
      /** The repository's URL, as `repositoryKey` spells it; absent where the sender names a registration alone. */
      repository: z.string().max(MAXIMUM_URL).optional(),
      /** The registered repository whose own secret the sender knows; then it is about no other. */
      registered: registeredId.optional(),
      /** A whole name: `refs/heads/main`. */
      ref: gitRef,
      before: commitHash.optional(),
      /** Where the ref stands now; absent where it was deleted, or where the sender does not tell. */
      after: commitHash.optional(),
      /** Paths that the commits changed; absent where the sender does not tell of all. */
      paths: z.array(z.string().max(MAXIMUM_PATH)).max(MAXIMUM_PATHS).optional(),
      /** Who pushed, in the sender's words. */
      by: z.string().max(MAXIMUM_NAME).optional(),
      /** Who wrote the commits: names, logins and addresses; absent where the sender does not tell of all. */
      authors: z.array(shortName).max(MAXIMUM_AUTHORS).optional(),
      /** Those authors whom the sender tells of, where it does not tell of all. */
      people: people.optional(),
    }),
  }),
  z.object({
    ...common,
    type: z.literal('pull-request-changed'),
    source: z.string().max(100),
    pullRequest: z.object({
      repository: z.string().max(MAXIMUM_URL),
      registered: registeredId.optional(),
      number: z.int().positive(),
      /** In the host's words: `opened`, `synchronize`, `closed`, … */
      action: z.string().max(100),
      /** The branch that it is to be merged into, without `refs/heads/`. */
      base: z.string().max(MAXIMUM_NAME),
      /** Absent where the sender shortens it. */
      head: commitHash.optional(),
      isFork: z.boolean(),
      by: z.string().max(MAXIMUM_NAME).optional(),
      /** The branch that it comes from. */
      branch: shortName.optional(),
      /** Who opened it. */
      author: shortName.optional(),
      /** Present where this is what merged it; `commit` is the merge's, where the host tells. */
      merged: z.object({ commit: commitHash.optional() }).optional(),
    }),
  }),
  releasePublished,
  buildFinished,
  messageArrived,
  objectStored,
  webhookCalled,
  scheduleDue,
  pipelineFinished,
  z.object({
    ...common,
    type: z.literal('manual'),
    source: z.literal('manual'),
    manual: z.object({
      pipeline: z.string().max(MAXIMUM_NAME),
      inputs: z.record(z.string(), z.json()),
      /** By the name of the image in the pipeline. Those that are not given are chosen as for a schedule. */
      images: z
        .record(z.string(), z.object({ tag, digest: digest.optional() }))
        .refine((images) => Object.keys(images).length <= MAXIMUM_IMAGES, `has more than ${MAXIMUM_IMAGES} images`),
      /** Who asked. */
      by: z.string().max(MAXIMUM_NAME),
      /** Where a pipeline asked: those that started one another up to it, itself last. */
      chain: z.array(z.string().max(MAXIMUM_NAME)).max(MAXIMUM_CHAIN).optional(),
      /** Where a pipeline asked: who is behind the execution that did. */
      people: people.optional(),
    }),
  }),
]);
/** A normalised fact from outside. */
export type SourceEvent = z.output<typeof sourceEvent>;
export type ImagePushed = Extract<SourceEvent, { type: 'image-pushed' }>;
export type CommitPushed = Extract<SourceEvent, { type: 'commit-pushed' }>;
export type PullRequestChanged = Extract<SourceEvent, { type: 'pull-request-changed' }>;
export type ManualStart = Extract<SourceEvent, { type: 'manual' }>;

/** An HTTP request as it came in. */
export type SourceRequest = {
  /** Names in lower case. */
  readonly headers: { readonly [name: string]: string | undefined };
  readonly rawBody: Uint8Array;
  /** What stands after the source's name in the URL's path; empty where nothing does. */
  readonly pathSecret: string;
  /** What stands after that, for webhooks of a team's own, whose path has a name before its secret. */
  readonly pathRest?: string | undefined;
};

export type Verified = 'ok' | { readonly refused: string };

/** What a source made of a body. `ignored` counts what it saw and no trigger could look at. */
export type ParsedEvents = { readonly events: readonly SourceEvent[]; readonly ignored: number };

/** A source that others call by HTTP. */
export interface HttpSource {
  readonly name: string;
  /** Its part of the URL: `/hooks/<path>`. */
  readonly path: string;
  /** The content types that its bodies come under. */
  readonly mediaTypes: readonly string[];
  /** The name of the secret that `verify` is given. */
  readonly secretName: string;
  /** Decides by the secret alone; `undefined` where none is configured, and then everything is refused. */
  verify(request: SourceRequest, secret: string | undefined): Verified;
  /**
   * The registered repository that the address names, for senders that each sign with a secret of their own: its
   * secret is then given to `verify` instead.
   */
  repositoryOf?(request: SourceRequest): string | undefined;
  /** Throws BadPayload for a body that is not what its type says. */
  parse(command: { body: unknown; at: number; request: SourceRequest }): ParsedEvents;
}

/** A Pub/Sub message of a topic that somebody else publishes to. */
export type SourceMessage = {
  readonly messageId: string;
  /** UTF-8, decoded. */
  readonly data: string;
  readonly attributes: { readonly [name: string]: string };
  /** The name of the subscription that it came by. */
  readonly subscription?: string;
};

/** A source whose messages come by a subscription; who may publish is the topic's own matter. */
export interface MessageSource {
  readonly name: string;
  /** Throws BadPayload for a message that is not what its topic says. */
  parse(command: { message: SourceMessage; at: number }): ParsedEvents;
}

/** A body or message that is not what its sender's documentation says. Sending it again would not help. */
export class BadPayload extends Error {
  override readonly name = 'BadPayload';
}

/** Reads a body of other people's making: what is not known is ignored, what is needed must be there. */
export function readPayload<T>(source: string, schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const place = issue === undefined || issue.path.length === 0 ? 'the body' : z.core.toDotPath(issue.path);
  throw new BadPayload(`reading a ${source} payload: ${place}: ${issue?.message ?? 'not valid'}`, {
    cause: parsed.error,
  });
}

/** What keeps the event from being kept, as a sentence; undefined where nothing does. */
export function eventProblem(event: SourceEvent): string | undefined {
  const parsed = sourceEvent.safeParse(event);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const place = issue === undefined ? 'the event' : z.core.toDotPath(issue.path);
    return `reading a ${event.source} payload: ${place}: ${issue?.message ?? 'not valid'}`;
  }
  const bytes = Buffer.byteLength(JSON.stringify(event));
  return bytes > MAXIMUM_EVENT_BYTES
    ? `reading a ${event.source} payload: the event has ${bytes} bytes; at most ${MAXIMUM_EVENT_BYTES} are kept`
    : undefined;
}

/** An id of the source's own, safe in any store: the parts as they are where they are one plain word, otherwise hashed. */
export function eventId(source: string, ...parts: readonly string[]): string {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined && /^[A-Za-z0-9._-]{8,100}$/.test(only)) return `${source}-${only}`;
  const hash = createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 40);
  return `${source}-${hash}`;
}

/**
 * The id of what came in a delivery of a Git host. A sender that knows only the secret of one registered repository
 * chooses its delivery ids itself, and must not be able to choose those of others.
 */
export function deliveryId(source: string, registered: string | undefined, ...parts: readonly string[]): string {
  return registered === undefined || registered === ''
    ? eventId(source, ...parts)
    : eventId(source, registered, ...parts, 'registered');
}

/** The event of a pushed image, with the phrase for it. */
export function imagePushed(pushed: {
  readonly id: string;
  readonly source: string;
  readonly at: number;
  readonly image: Extract<SourceEvent, { type: 'image-pushed' }>['image'];
}): SourceEvent {
  const { id, source, at, image } = pushed;
  const { repository, tag: tagName } = image;
  const text = `image ${repository.slice(repository.lastIndexOf('/') + 1)}:${tagName} pushed`;
  return { id, type: 'image-pushed', source, at, text, image };
}

/** Cuts what a sender wrote to what an event keeps; undefined for nothing. */
export function atMostName(text: string | null | undefined): string | undefined {
  return text === null || text === undefined || text === '' ? undefined : text.slice(0, MAXIMUM_NAME);
}

/** Compares in constant time, whatever the lengths. */
export function sameSecret(given: string, expected: string): boolean {
  return timingSafeEqual(sha256(given), sha256(expected));
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest();
}
