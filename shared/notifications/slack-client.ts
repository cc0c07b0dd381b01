/** Slack's Web API as the channel needs it: four calls, and failures sorted by what they mean for a retry. */
import {
  LogLevel,
  WebAPIHTTPError,
  WebAPIPlatformError,
  WebAPIRateLimitedError,
  WebClient,
  type WebClientOptions,
} from '@slack/web-api';
import { z } from 'zod';
import type { SlackMessage } from './render-slack.ts';

/** A request that has not answered by then may still land; see `SlackError`. */
export const SLACK_REQUEST_TIMEOUT_MS = 10_000;
const MAXIMUM_HISTORY_PAGES = 25;
const HISTORY_PAGE_MESSAGES = 200;
const MAXIMUM_CHANNEL_PAGES = 25;
const CHANNEL_PAGE_CHANNELS = 999;

/** Where a message is: the channel's id (not its name) and the message's time stamp in it. */
export type SlackPlace = { readonly channel: string; readonly ts: string };

/** What a message says of itself to programs, by which it is found again. */
export type SlackMark = {
  readonly event_type: string;
  readonly event_payload: { readonly [field: string]: string | number };
};

export type SlackErrorKind =
  /** Refused before anything was done; asking again may succeed, after `retryAfterMs` where it is known. */
  | 'later'
  /** It may have been done: look before asking again. */
  | 'uncertain'
  /** No retry helps until someone changes something. */
  | 'refused';

export class SlackError extends Error {
  override readonly name = 'SlackError';
  readonly kind: SlackErrorKind;
  /** Slack's own word for it, such as `not_in_channel`. */
  readonly code: string;
  readonly retryAfterMs: number;

  constructor(
    kind: SlackErrorKind,
    code: string,
    message: string,
    options: { cause?: unknown; retryAfterMs?: number } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = kind;
    this.code = code;
    this.retryAfterMs = options.retryAfterMs ?? 0;
  }
}

export interface SlackClient {
  /** `channel` is a name with or without `#`, or an id. With `thread` it answers there. */
  post(command: {
    channel: string;
    message: SlackMessage;
    mark: SlackMark;
    thread?: string;
    broadcast?: boolean;
  }): Promise<SlackPlace>;
  update(command: { place: SlackPlace; message: SlackMessage; mark: SlackMark }): Promise<void>;
  /** The message with that mark among those posted at or after `since` (epoch ms). */
  findPosted(query: { channel: string; mark: SlackMark; since: number }): Promise<SlackPlace | undefined>;
  /** Whether the thread has a post with that mark. */
  isInThread(query: { place: SlackPlace; mark: SlackMark }): Promise<boolean>;
}

const WAYS_ON: { readonly [code: string]: string } = {
  channel_not_found:
    'there is no such channel, or it is private; correct the name under notify, or invite the app to it',
  not_in_channel: 'invite the app to the channel with /invite',
  is_archived: 'the channel is archived; name another one under notify',
  invalid_auth: 'the token is not valid; store a current bot token as the secret slack-token',
  not_authed: 'the token is not valid; store a current bot token as the secret slack-token',
  token_revoked: 'the token was revoked; store a current bot token as the secret slack-token',
  token_expired: 'the token has expired; store a current bot token as the secret slack-token',
  account_inactive:
    'the app was removed from the workspace; install it again and store its token as the secret slack-token',
  missing_scope:
    'give the app the scopes chat:write, channels:read and channels:history (groups:read and groups:history for private channels)',
  restricted_action: "the workspace's settings forbid the app to post here; ask its owner",
  message_not_found: 'someone deleted the message; nothing is posted in its place',
};

/** Slack says these of itself, not of the request. */
const PASSING_CODES: ReadonlySet<string> = new Set([
  'ratelimited',
  'rate_limited',
  'accesslimited',
  'team_added_to_org',
]);
/** Slack does not say whether it acted before it failed. */
const UNCERTAIN_CODES: ReadonlySet<string> = new Set([
  'internal_error',
  'fatal_error',
  'service_unavailable',
  'request_timeout',
]);

const DEFAULT_RETRY_AFTER_MS = 30_000;

function sortFailure(doing: string, cause: unknown): SlackError {
  if (cause instanceof WebAPIRateLimitedError) {
    const retryAfterMs = cause.retryAfter * 1_000;
    return new SlackError('later', 'ratelimited', `${doing}: Slack asks for a pause of ${cause.retryAfter} s`, {
      cause,
      retryAfterMs,
    });
  }
  if (cause instanceof WebAPIPlatformError) {
    const code = cause.data.error;
    // A body that is no JSON, such as a proxy's page, arrives in the same field.
    if (!/^[a-z_]{1,60}$/.test(code))
      return new SlackError('uncertain', 'no_answer', `${doing}: Slack's answer cannot be read`);
    if (PASSING_CODES.has(code)) {
      return new SlackError('later', code, `${doing}: Slack says ${code}`, {
        cause,
        retryAfterMs: DEFAULT_RETRY_AFTER_MS,
      });
    }
    if (UNCERTAIN_CODES.has(code)) return new SlackError('uncertain', code, `${doing}: Slack says ${code}`, { cause });
    const wayOn = WAYS_ON[code];
    return new SlackError('refused', code, `${doing}: Slack says ${code}${wayOn === undefined ? '' : `; ${wayOn}`}`, {
      cause,
    });
  }
  if (cause instanceof WebAPIHTTPError && cause.statusCode < 500) {
    return new SlackError(
      'refused',
      `http_${cause.statusCode}`,
      `${doing}: Slack answered with status ${cause.statusCode}`,
      { cause },
    );
  }
  if (cause instanceof WebAPIHTTPError) {
    return new SlackError(
      'uncertain',
      `http_${cause.statusCode}`,
      `${doing}: Slack answered with status ${cause.statusCode}`,
      { cause },
    );
  }
  return new SlackError('uncertain', 'no_answer', `${doing}: Slack gave no answer that can be read`, { cause });
}

const Posted = z.object({ channel: z.string(), ts: z.string() });
const Messages = z.object({
  messages: z.array(
    z.object({
      ts: z.string(),
      metadata: z.object({ event_type: z.string(), event_payload: z.record(z.string(), z.unknown()) }).optional(),
    }),
  ),
  response_metadata: z.object({ next_cursor: z.string().optional() }).optional(),
});
const Channels = z.object({
  channels: z.array(z.object({ id: z.string(), name: z.string().optional() })),
  response_metadata: z.object({ next_cursor: z.string().optional() }).optional(),
});

const SILENT: NonNullable<WebClientOptions['logger']> = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  setLevel() {},
  getLevel: () => LogLevel.ERROR,
  setName() {},
};

/**
 * A client for one token. Never retries by itself: whoever calls knows whether a retry could post twice.
 * `apiUrl` is for tests; by default it is Slack's.
 */
export function slackClient(options: { token: string; apiUrl?: string }): SlackClient {
  const web = new WebClient(options.token, {
    ...(options.apiUrl === undefined ? {} : { slackApiUrl: options.apiUrl }),
    retryConfig: { retries: 0 },
    rejectRateLimitedCalls: true,
    timeout: SLACK_REQUEST_TIMEOUT_MS,
    allowAbsoluteUrls: false,
    logger: SILENT,
  });

  async function call<T>(
    doing: string,
    method: string,
    body: Record<string, unknown>,
    schema: z.ZodType<T>,
  ): Promise<T> {
    try {
      return schema.parse(await web.apiCall(method, body));
    } catch (cause) {
      throw sortFailure(doing, cause);
    }
  }

  /** History wants an id where a post takes a name as well. */
  async function channelId(channel: string): Promise<string> {
    if (/^[CGD][A-Z0-9]{5,20}$/.test(channel)) return channel;
    const name = channel.replace(/^#/, '');
    const doing = `looking up Slack channel ${channel}`;
    let cursor: string | undefined;
    for (let page = 0; page < MAXIMUM_CHANNEL_PAGES; page++) {
      const body = {
        types: 'public_channel,private_channel',
        exclude_archived: true,
        limit: CHANNEL_PAGE_CHANNELS,
        ...(cursor && { cursor }),
      };
      const answer = await call(doing, 'conversations.list', body, Channels);
      const found = answer.channels.find((candidate) => candidate.name === name);
      if (found !== undefined) return found.id;
      cursor = answer.response_metadata?.next_cursor;
      if (cursor === undefined || cursor === '') break;
    }
    throw new SlackError('refused', 'channel_not_found', `${doing}: ${WAYS_ON.channel_not_found}`);
  }

  async function search(
    doing: string,
    method: string,
    body: Record<string, unknown>,
    mark: SlackMark,
  ): Promise<string | undefined> {
    let cursor: string | undefined;
    for (let page = 0; page < MAXIMUM_HISTORY_PAGES; page++) {
      const query = { ...body, limit: HISTORY_PAGE_MESSAGES, include_all_metadata: true, ...(cursor && { cursor }) };
      const answer = await call(doing, method, query, Messages);
      const found = answer.messages.find(({ metadata }) => metadata !== undefined && hasMark(metadata, mark));
      if (found !== undefined) return found.ts;
      cursor = answer.response_metadata?.next_cursor;
      if (cursor === undefined || cursor === '') return undefined;
    }
    const seen = MAXIMUM_HISTORY_PAGES * HISTORY_PAGE_MESSAGES;
    throw new SlackError('refused', 'history_too_long', `${doing}: not among ${seen} messages, and there are more`);
  }

  return {
    async post({ channel, message, mark, thread, broadcast = false }) {
      const body = {
        channel,
        ...message,
        metadata: mark,
        unfurl_links: false,
        unfurl_media: false,
        ...(thread !== undefined && { thread_ts: thread, reply_broadcast: broadcast }),
      };
      const { channel: id, ts } = await call(`posting to Slack channel ${channel}`, 'chat.postMessage', body, Posted);
      return { channel: id, ts };
    },
    async update({ place, message, mark }) {
      const body = { ...place, ...message, metadata: mark };
      await call(`editing a message in Slack channel ${place.channel}`, 'chat.update', body, z.unknown());
    },
    async findPosted({ channel, mark, since }) {
      const id = await channelId(channel);
      const body = { channel: id, oldest: slackTime(since), inclusive: true };
      const ts = await search(`looking for a message in Slack channel ${channel}`, 'conversations.history', body, mark);
      return ts === undefined ? undefined : { channel: id, ts };
    },
    async isInThread({ place, mark }) {
      const body = { channel: place.channel, ts: place.ts };
      const doing = `looking for a post in a thread of Slack channel ${place.channel}`;
      return (await search(doing, 'conversations.replies', body, mark)) !== undefined;
    },
  };
}

/** Slack's time stamps are seconds with six decimals. */
function slackTime(epochMs: number): string {
  return (Math.max(0, epochMs) / 1_000).toFixed(6);
}

function hasMark(metadata: { event_type: string; event_payload: Record<string, unknown> }, mark: SlackMark): boolean {
  return (
    metadata.event_type === mark.event_type &&
    Object.entries(mark.event_payload).every(([field, value]) => metadata.event_payload[field] === value)
  );
}
