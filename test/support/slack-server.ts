/** A Slack that is as strict as the real one on what the product uses, records everything, and fails on demand. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';

export type SlackChannelFixture = {
  readonly id: string;
  readonly name: string;
  readonly isMember?: boolean;
  readonly isArchived?: boolean;
};

export type SlackMessageRecord = {
  readonly channel: string;
  readonly ts: string;
  readonly text: string;
  readonly blocks: readonly unknown[];
  readonly metadata?: { readonly event_type: string; readonly event_payload: Record<string, unknown> };
  readonly thread?: string;
  readonly broadcast: boolean;
  /** How often it was edited. */
  readonly edits: number;
};

export type SlackCall = { readonly method: string; readonly body: Record<string, unknown>; readonly answer: string };

/** What the next call of a method is to suffer. `after`: the call takes effect first. */
export type SlackFault =
  | { readonly is: 'rateLimit'; readonly retryAfterSeconds: number }
  | { readonly is: 'status'; readonly status: number; readonly when: 'before' | 'after' }
  | { readonly is: 'hangUp'; readonly when: 'before' | 'after' }
  | { readonly is: 'error'; readonly error: string }
  | { readonly is: 'delay'; readonly ms: number };

const MAXIMUM_TEXT = 40_000;
const MAXIMUM_BLOCKS = 50;
const MAXIMUM_BLOCK_TEXT = 3_000;
const MAXIMUM_CONTEXT_ELEMENTS = 10;
const MAXIMUM_METADATA_CHARACTERS = 8_000;
const DEFAULT_PAGE = 100;
const MAXIMUM_PAGE = 999;

const blockText = z.strictObject({
  type: z.enum(['mrkdwn', 'plain_text']),
  text: z.string().min(1).max(MAXIMUM_BLOCK_TEXT),
  verbatim: z.boolean().optional(),
  emoji: z.boolean().optional(),
});
const blocksSchema = z
  .array(
    z.discriminatedUnion('type', [
      z.strictObject({ type: z.literal('section'), text: blockText, block_id: z.string().max(255).optional() }),
      z.strictObject({
        type: z.literal('context'),
        elements: z.array(blockText).min(1).max(MAXIMUM_CONTEXT_ELEMENTS),
        block_id: z.string().max(255).optional(),
      }),
      z.strictObject({ type: z.literal('divider') }),
    ]),
  )
  .max(MAXIMUM_BLOCKS);
const metadataSchema = z.strictObject({
  event_type: z.string().regex(/^[a-z][a-z0-9_.]*$/i),
  event_payload: z.record(
    z.string(),
    z.union([z.string(), z.number(), z.boolean(), z.record(z.string(), z.unknown()), z.array(z.unknown())]),
  ),
});

type Stored = { -readonly [K in keyof SlackMessageRecord]: SlackMessageRecord[K] };
class Refusal extends Error {
  override readonly name = 'Refusal';
}

export type SlackServer = {
  /** For `apiUrl` of the client; ends in `/api/`. */
  readonly url: string;
  readonly calls: readonly SlackCall[];
  /** In the order of posting, replies included. */
  messages(channel?: string): readonly SlackMessageRecord[];
  /** Messages that stand in the channel itself, not in a thread. */
  topLevel(channel?: string): readonly SlackMessageRecord[];
  failNext(method: string, ...faults: readonly SlackFault[]): void;
  delete(message: { channel: string; ts: string }): void;
  close(): Promise<void>;
};

/** Listens on a free port of 127.0.0.1. `token` is the only one that it takes. */
export async function startSlackServer(options: {
  token: string;
  channels: readonly SlackChannelFixture[];
}): Promise<SlackServer> {
  const calls: SlackCall[] = [];
  const messages: Stored[] = [];
  const faults = new Map<string, SlackFault[]>();
  let lastTs = 0;

  const nextTs = (): string => {
    lastTs = Math.max(lastTs + 1, Date.now() * 1_000);
    return `${Math.floor(lastTs / 1_000_000)}.${String(lastTs % 1_000_000).padStart(6, '0')}`;
  };
  const text = (body: Record<string, unknown>, field: string): string => {
    const value = body[field];
    if (typeof value !== 'string' || value === '') throw new Refusal('invalid_arguments');
    return value;
  };
  const byId = (id: string): SlackChannelFixture => {
    const channel = options.channels.find((candidate) => candidate.id === id);
    if (channel === undefined) throw new Refusal('channel_not_found');
    return channel;
  };
  const writable = (channel: SlackChannelFixture): void => {
    if (channel.isArchived) throw new Refusal('is_archived');
    if (channel.isMember === false) throw new Refusal('not_in_channel');
  };
  const find = (channel: string, ts: string): Stored | undefined =>
    messages.find((message) => message.channel === channel && message.ts === ts);
  const content = (body: Record<string, unknown>): Pick<Stored, 'text' | 'blocks'> => {
    const blocks =
      body.blocks === undefined
        ? { success: true as const, data: [] }
        : blocksSchema.safeParse(parseField(body.blocks));
    if (!blocks.success) throw new Refusal('invalid_blocks');
    const message = typeof body.text === 'string' ? body.text : '';
    if (message === '' && blocks.data.length === 0) throw new Refusal('no_text');
    if (message.length > MAXIMUM_TEXT) throw new Refusal('msg_too_long');
    return { text: message, blocks: blocks.data };
  };
  const metadata = (body: Record<string, unknown>): Pick<Stored, 'metadata'> => {
    if (body.metadata === undefined) return {};
    const parsed = metadataSchema.safeParse(parseField(body.metadata));
    if (!parsed.success) throw new Refusal('invalid_metadata_format');
    if (JSON.stringify(parsed.data).length > MAXIMUM_METADATA_CHARACTERS) throw new Refusal('metadata_too_large');
    return { metadata: parsed.data };
  };

  const methods: Record<string, (body: Record<string, unknown>) => Record<string, unknown>> = {
    'chat.postMessage'(body) {
      const named = text(body, 'channel');
      const channel = options.channels.find(({ id, name }) => id === named || name === named.replace(/^#/, ''));
      if (channel === undefined) throw new Refusal('channel_not_found');
      writable(channel);
      const thread = body.thread_ts === undefined ? undefined : text(body, 'thread_ts');
      if (thread !== undefined && find(channel.id, requireTs(thread)) === undefined)
        throw new Refusal('cannot_reply_to_message');
      if (thread === undefined && isTrue(body.reply_broadcast)) throw new Refusal('invalid_arguments');
      const message: Stored = {
        channel: channel.id,
        ts: nextTs(),
        ...content(body),
        ...metadata(body),
        ...(thread !== undefined && { thread }),
        broadcast: isTrue(body.reply_broadcast),
        edits: 0,
      };
      messages.push(message);
      return { channel: channel.id, ts: message.ts, message: { text: message.text, ts: message.ts } };
    },
    'chat.update'(body) {
      const channel = byId(text(body, 'channel'));
      writable(channel);
      const message = find(channel.id, requireTs(text(body, 'ts')));
      if (message === undefined) throw new Refusal('message_not_found');
      Object.assign(message, content(body), metadata(body), { edits: message.edits + 1 });
      return { channel: channel.id, ts: message.ts, text: message.text };
    },
    'conversations.history'(body) {
      const channel = byId(text(body, 'channel'));
      if (channel.isMember === false) throw new Refusal('not_in_channel');
      const oldest = Number(body.oldest ?? 0);
      const latest = Number(body.latest ?? Number.MAX_SAFE_INTEGER);
      if (Number.isNaN(oldest)) throw new Refusal('invalid_ts_oldest');
      if (Number.isNaN(latest)) throw new Refusal('invalid_ts_latest');
      const inChannel = messages
        .filter((message) => message.channel === channel.id && (message.thread === undefined || message.broadcast))
        .filter(({ ts }) => Number(ts) >= oldest && Number(ts) <= latest)
        .toReversed();
      return page(
        body,
        'messages',
        inChannel.map((message) => shown(message, body)),
      );
    },
    'conversations.replies'(body) {
      const channel = byId(text(body, 'channel'));
      const parent = requireTs(text(body, 'ts'));
      if (find(channel.id, parent) === undefined) throw new Refusal('thread_not_found');
      const thread = messages.filter(
        (message) => message.channel === channel.id && (message.ts === parent || message.thread === parent),
      );
      return page(
        body,
        'messages',
        thread.map((message) => shown(message, body)),
      );
    },
    'conversations.list'(body) {
      const channels = options.channels.filter(({ isArchived }) => !(isArchived && isTrue(body.exclude_archived)));
      return page(
        body,
        'channels',
        channels.map(({ id, name }) => ({ id, name, is_channel: true })),
      );
    },
  };

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      response.destroy(error instanceof Error ? error : new Error('the fake Slack failed', { cause: error }));
    });
  });

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const method = /^\/api\/([a-zA-Z.]+)$/.exec(request.url ?? '')?.[1] ?? '';
    const body = parseBody(request.headers['content-type'] ?? '', await readAll(request));
    const fault = faults.get(method)?.shift();
    const run = methods[method];
    const record = (answer: string) => calls.push({ method, body, answer });
    const respond = (status: number, answer: Record<string, unknown>, headers: Record<string, string> = {}) => {
      response
        .writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers })
        .end(JSON.stringify(answer));
    };

    if (fault?.is === 'delay') await pause(fault.ms);
    if (fault?.is === 'rateLimit') {
      record('ratelimited');
      return respond(429, { ok: false, error: 'ratelimited' }, { 'retry-after': String(fault.retryAfterSeconds) });
    }
    let answer: Record<string, unknown>;
    try {
      if ((fault?.is === 'status' || fault?.is === 'hangUp') && fault.when === 'before')
        throw new Refusal('fault_before');
      if (fault?.is === 'error') throw new Refusal(fault.error);
      if (run === undefined) throw new Refusal('unknown_method');
      const sent = request.headers.authorization ?? (typeof body.token === 'string' ? `Bearer ${body.token}` : '');
      if (sent === '') throw new Refusal('not_authed');
      if (sent !== `Bearer ${options.token}`) throw new Refusal('invalid_auth');
      answer = { ok: true, ...run(body) };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      answer = { ok: false, error: error.message };
    }
    record(answer.ok === true ? 'ok' : String(answer.error));
    if (fault?.is === 'status') return respond(fault.status, { ok: false, error: 'fatal_error' });
    if (fault?.is === 'hangUp') return void response.destroy();
    respond(200, answer);
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const inChannel = (channel: string | undefined) =>
    messages.filter((message) => channel === undefined || message.channel === channel);
  return {
    url: `http://127.0.0.1:${port}/api/`,
    calls,
    messages: inChannel,
    topLevel: (channel) => inChannel(channel).filter(({ thread }) => thread === undefined),
    failNext: (method, ...next) => void faults.set(method, [...(faults.get(method) ?? []), ...next]),
    delete({ channel, ts }) {
      const index = messages.findIndex((message) => message.channel === channel && message.ts === ts);
      if (index !== -1) messages.splice(index, 1);
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function readAll(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function parseBody(contentType: string, body: string): Record<string, unknown> {
  if (contentType.startsWith('application/json')) return JSON.parse(body) as Record<string, unknown>;
  return Object.fromEntries(new URLSearchParams(body));
}

/** Forms carry nested values as JSON. */
function parseField(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value);
  } catch (cause) {
    throw new Refusal('invalid_arguments', { cause });
  }
}

function isTrue(value: unknown): boolean {
  return value === true || value === 'true' || value === '1';
}

function requireTs(value: string): string {
  if (!/^\d{10}\.\d{6}$/.test(value)) throw new Refusal('invalid_arguments');
  return value;
}

function shown(message: Stored, body: Record<string, unknown>): Record<string, unknown> {
  const { ts, text, thread, metadata } = message;
  return {
    type: 'message',
    ts,
    text,
    ...(thread !== undefined && { thread_ts: thread }),
    ...(metadata !== undefined && isTrue(body.include_all_metadata) && { metadata }),
  };
}

function page(body: Record<string, unknown>, field: string, items: readonly unknown[]): Record<string, unknown> {
  const limit = Number(body.limit ?? DEFAULT_PAGE);
  if (!Number.isInteger(limit) || limit < 1 || limit > MAXIMUM_PAGE) throw new Refusal('invalid_limit');
  const start = body.cursor === undefined ? 0 : Number(body.cursor);
  if (!Number.isInteger(start)) throw new Refusal('invalid_cursor');
  const end = start + limit;
  return {
    [field]: items.slice(start, end),
    has_more: end < items.length,
    response_metadata: { next_cursor: end < items.length ? String(end) : '' },
  };
}
