/** What all trigger sources have in common: the normalised event, and how a source makes one of what it was sent. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { isDigest, isTag } from '../registry/reference.ts';

/** Events that one body may hold. Registries send a few at a time. */
export const MAXIMUM_EVENTS_PER_BODY = 500;
const MAXIMUM_NAME = 255;
const MAXIMUM_URL = 1_000;
/** Of one path in a repository, in characters. */
const MAXIMUM_PATH = 1_000;
/** Paths that one push may tell of; one that changed more tells of none. */
export const MAXIMUM_PATHS = 3_000;
/** The phrase for people, in characters. */
export const MAXIMUM_TEXT = 1000;
/** Images that one manual start may name. */
export const MAXIMUM_IMAGES = 50;

const tag = z.string().refine(isTag, 'must be a tag');
const digest = z.string().refine(isDigest, 'must be sha256: and 64 hexadecimal digits');

const commitHash = z.string().regex(/^[0-9a-f]{40}$/, 'must be 40 hexadecimal digits');
const gitRef = z.string().max(MAXIMUM_NAME).startsWith('refs/');
const registeredId = z.string().max(MAXIMUM_NAME);

const common = {
  /** The sender's delivery or event id, with the source before it: the same again for a redelivery, and only then. */
  id: z.string().regex(/^[A-Za-z0-9._-]{1,200}$/),
  /** When it arrived, in epoch ms. */
  at: z.int(),
  /** One phrase for people: `image items-api:1.2.3 pushed`. */
  text: z.string().max(MAXIMUM_TEXT),
  /** W3C traceparent. */
  trace: z.string().max(100).optional(),
};

export const sourceEvent = z.discriminatedUnion('type', [
  z.object({
    ...common,
    type: z.literal('image-pushed'),
    /** The source's name, as in the registry of sources. */
    source: z.string().max(100),
    image: z.object({
      /** With its host, as `normalizeRepository` spells it. */
      repository: z.string().max(MAXIMUM_NAME),
      tag,
      /** Absent where the sender does not tell it. */
      digest: digest.optional(),
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
      head: commitHash,
      isFork: z.boolean(),
      by: z.string().max(MAXIMUM_NAME).optional(),
    }),
  }),
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

/** An id of the source's own, safe in any store: the parts as they are where they are one plain word, otherwise hashed. */
export function eventId(source: string, ...parts: readonly string[]): string {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined && /^[A-Za-z0-9._-]{8,100}$/.test(only)) return `${source}-${only}`;
  const hash = createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 40);
  return `${source}-${hash}`;
}

/** The phrase for a pushed image. */
export function pushedText(repository: string, tagName: string): string {
  return `image ${repository.slice(repository.lastIndexOf('/') + 1)}:${tagName} pushed`;
}

/** Compares in constant time, whatever the lengths. */
export function sameSecret(given: string, expected: string): boolean {
  return timingSafeEqual(sha256(given), sha256(expected));
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest();
}
