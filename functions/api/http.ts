/** Requests and replies as the routes see them, on nothing but Node's own request and response. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import { ADMIN, type Person } from '../people.ts';

export const MAXIMUM_BODY_BYTES = 1024 * 1024;

/** A request whose path, query and headers were read. The body is read when a route asks for it. */
export type ApiRequest = {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  /** The named parts of the path, decoded. */
  readonly parameters: { readonly [name: string]: string };
  /** Who asks, as their bearer token says; absent where a route needs none. */
  readonly person?: Person;
  /** Throws Refusal for a body that is too large. */
  text(): Promise<string>;
  /** Aborts when the client is gone. */
  readonly signal: AbortSignal;
};

export type Reply = {
  readonly status: number;
  readonly headers: { readonly [name: string]: string };
  /** A stream goes on until it ends or the client is gone. */
  readonly body: string | Uint8Array | AsyncIterable<string>;
};

/** A request that is not answered as asked. `problems` says more where there is more than one thing wrong. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;
  /** For programs: `not-found`, `invalid-body`, … */
  readonly code: string;
  readonly problems: readonly unknown[] | undefined;
  readonly headers: { readonly [name: string]: string };

  constructor(
    status: number,
    code: string,
    message: string,
    more: { problems?: readonly unknown[]; headers?: { readonly [name: string]: string }; cause?: unknown } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.status = status;
    this.code = code;
    this.problems = more.problems;
    this.headers = more.headers ?? {};
  }
}

const NEVER_KEPT = { 'cache-control': 'no-store' };

export function json(status: number, value: unknown): Reply {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...NEVER_KEPT },
    body: `${JSON.stringify(value)}\n`,
  };
}

export function html(status: number, document: string): Reply {
  return { status, headers: { 'content-type': 'text/html; charset=utf-8', ...NEVER_KEPT }, body: document };
}

export function refused(refusal: Refusal): Reply {
  const { status, code, message, problems, headers } = refusal;
  const reply = json(status, { error: { code, message, ...(problems !== undefined && { problems }) } });
  return { ...reply, headers: { ...reply.headers, ...headers } };
}

/** Who is on record for what was asked: the person, or with the API's own token whoever the client says it is. */
export function actorOf({ person }: Pick<ApiRequest, 'person'>, claimed: string): string {
  return person === undefined || person.name === ADMIN.name ? claimed : person.name;
}

/** The request's JSON, checked. An empty body counts as `{}`. Throws Refusal 400, 413 or 415. */
export async function readBody<T>(request: ApiRequest, schema: z.ZodType<T>): Promise<T> {
  const text = await request.text();
  const type = request.headers['content-type'];
  if (text !== '' && type?.split(';')[0]?.trim().toLowerCase() !== 'application/json') {
    const message = `The body must be application/json, not ${type ?? 'without a content-type'}.`;
    throw new Refusal(415, 'unsupported-media-type', message);
  }
  let value: unknown;
  try {
    value = text === '' ? {} : JSON.parse(text);
  } catch (cause) {
    throw new Refusal(400, 'malformed-json', `The body is not JSON: ${messageOf(cause)}.`, { cause });
  }
  return check(value, schema, 'invalid-body', 'The body');
}

/** The request's query, checked; a name that comes twice is refused. */
export function readQuery<T>(request: ApiRequest, schema: z.ZodType<T>): T {
  const names = [...request.query.keys()];
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new Refusal(400, 'invalid-query', `The query names "${twice}" more than once.`);
  return check(Object.fromEntries(request.query), schema, 'invalid-query', 'The query');
}

function check<T>(value: unknown, schema: z.ZodType<T>, code: string, what: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => ({ path: z.core.toDotPath(path), message }));
  const told = problems.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; ');
  throw new Refusal(400, code, `${what} is not as expected: ${told}.`, { problems, cause: parsed.error });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Reads what a route needs of Node's request, or of Express's, whose body was read already. */
export function readRequest(
  incoming: IncomingMessage & { readonly rawBody?: unknown },
  response: ServerResponse,
): Omit<ApiRequest, 'parameters'> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const url = URL.parse(incoming.url ?? '/', 'http://host.invalid');
  return {
    method: incoming.method ?? 'GET',
    // A target that is no path, such as `//`, is found nowhere.
    path: url?.pathname ?? '',
    query: url?.searchParams ?? new URLSearchParams(),
    headers: incoming.headers,
    text: () => readText(incoming),
    signal: gone.signal,
  };
}

async function readText(incoming: IncomingMessage & { readonly rawBody?: unknown }): Promise<string> {
  const { rawBody } = incoming;
  if (rawBody instanceof Uint8Array) {
    requireSize(rawBody.byteLength);
    return decode(rawBody);
  }
  requireSize(Number(incoming.headers['content-length'] ?? 0));
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of incoming as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    requireSize(size);
    chunks.push(chunk);
  }
  return decode(Buffer.concat(chunks));
}

function requireSize(bytes: number): void {
  if (bytes <= MAXIMUM_BODY_BYTES) return;
  const message = `The body is larger than ${MAXIMUM_BODY_BYTES} bytes.`;
  // What is left of the body is not read, so the connection cannot carry another request.
  throw new Refusal(413, 'body-too-large', message, { headers: { connection: 'close' } });
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new Refusal(400, 'malformed-text', 'The body is not UTF-8.', { cause });
  }
}

/** Writes the reply. A stream waits for a slow client and stops when the client is gone. */
export async function writeReply(
  reply: Reply,
  response: ServerResponse,
  request: { readonly method: string; readonly signal: AbortSignal },
): Promise<void> {
  response.writeHead(reply.status, { ...reply.headers });
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  if (typeof reply.body === 'string' || reply.body instanceof Uint8Array) {
    response.end(reply.body);
    return;
  }
  response.flushHeaders();
  for await (const part of reply.body) {
    if (request.signal.aborted) break;
    if (!response.write(part)) await drained(response, request.signal);
  }
  response.end();
}

function drained(response: ServerResponse, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    if (signal.aborted) return resolve();
    response.once('drain', done);
    signal.addEventListener('abort', done, { once: true });
  });
}
