/** HTTP for isomorphic-git: through the guard that stages use, without redirects, within one budget of bytes and one signal. */
import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { type Guarded, HttpRefused, HttpUnreachable } from '../stages/http-client.ts';
import { GitError } from './git-error.ts';

/** What isomorphic-git asks for and is given. */
type GitRequest = {
  readonly url: string;
  readonly method?: string | undefined;
  readonly headers?: { readonly [name: string]: string } | undefined;
  readonly body?: AsyncIterable<Uint8Array> | Iterable<Uint8Array> | undefined;
};
type GitResponse = {
  readonly url: string;
  readonly method: string;
  readonly statusCode: number;
  readonly statusMessage: string;
  readonly headers: { [name: string]: string };
  readonly body: AsyncIterableIterator<Uint8Array>;
};

export type GitTransport = { request(request: GitRequest): Promise<GitResponse> };

/** Status codes that say that the server, not the request, is in trouble. */
const PASSING: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);
const MAXIMUM_REQUEST_BYTES = 1024 * 1024;

/** `maximumBytes` bounds what all requests of this transport receive together. */
export function gitTransport(options: {
  readonly guard: (url: string) => Promise<Guarded>;
  readonly signal: AbortSignal;
  readonly maximumBytes: number;
}): GitTransport {
  let received = 0;
  return {
    async request({ url, method = 'GET', headers = {}, body }) {
      const place = placeOf(url);
      const { target, lookup } = await guarded(options.guard, url, place);
      const sent = body === undefined ? undefined : await collected(body);
      const response = await opened({ target, lookup, method, headers, sent, signal: options.signal, place });
      refuseBadStatus(response, place);
      const counted = async function* (): AsyncIterableIterator<Uint8Array> {
        try {
          for await (const chunk of response as AsyncIterable<Uint8Array>) {
            received += chunk.byteLength;
            if (received > options.maximumBytes) {
              throw new GitError(
                `reading ${place}: it sends more than ${options.maximumBytes} bytes, which is as much as is read. ` +
                  'Keep pipelines in a repository of their own.',
              );
            }
            yield chunk;
          }
        } catch (cause) {
          if (cause instanceof GitError) throw cause;
          throw new GitError(`reading ${place}: the answer broke off`, { cause, retryable: true });
        } finally {
          response.destroy();
        }
      };
      return {
        url,
        method,
        statusCode: response.statusCode ?? 0,
        statusMessage: response.statusMessage ?? '',
        headers: plain(response.headers),
        body: counted(),
      };
    },
  };
}

/** The URL without what may be secret in it. */
function placeOf(url: string): string {
  const parsed = URL.parse(url);
  return parsed === null ? 'a repository' : `${parsed.protocol}//${parsed.host}${parsed.pathname}`;
}

async function guarded(guard: (url: string) => Promise<Guarded>, url: string, place: string): Promise<Guarded> {
  try {
    return await guard(url);
  } catch (cause) {
    if (cause instanceof HttpRefused) throw new GitError(cause.message, { cause });
    if (cause instanceof HttpUnreachable) throw new GitError(cause.message, { cause, retryable: true });
    throw new GitError(`reading ${place} failed`, { cause });
  }
}

function opened(command: {
  target: URL;
  lookup: Guarded['lookup'];
  method: string;
  headers: { readonly [name: string]: string };
  sent: Buffer | undefined;
  signal: AbortSignal;
  place: string;
}): Promise<IncomingMessage> {
  const { target, lookup, method, headers, sent, signal, place } = command;
  return new Promise((fulfil, reject) => {
    const client = target.protocol === 'https:' ? https : http;
    const length = sent === undefined ? {} : { 'content-length': String(sent.byteLength) };
    const request = client.request(target, {
      method,
      signal,
      lookup,
      agent: false,
      headers: { ...headers, 'accept-encoding': 'identity', ...length },
    });
    request.once('response', fulfil);
    request.on('error', (cause) => {
      const why = signal.aborted ? 'no answer in time' : 'no answer';
      reject(new GitError(`reading ${place}: ${why}`, { cause, retryable: true }));
    });
    request.end(sent);
  });
}

/** 401 is left to isomorphic-git, which asks for credentials then. */
function refuseBadStatus(response: IncomingMessage, place: string): void {
  const status = response.statusCode ?? 0;
  if (status === 200 || status === 401) return;
  response.destroy();
  if (status >= 300 && status < 400) {
    const to = URL.parse(response.headers.location ?? '', `${place}/`);
    const where =
      to === null ? 'elsewhere' : `to ${to.protocol}//${to.host}${to.pathname.replace(/\/info\/refs$/, '')}`;
    throw new GitError(`reading ${place}: it was moved ${where}; register that URL`);
  }
  const why =
    status === 404 || status === 403
      ? `answered ${status}: there is no such repository, or its credentials do not open it`
      : `answered ${status}`;
  throw new GitError(`reading ${place}: ${why}`, { retryable: PASSING.has(status) });
}

async function collected(body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.byteLength;
    if (bytes > MAXIMUM_REQUEST_BYTES) throw new GitError(`a request of more than ${MAXIMUM_REQUEST_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function plain(headers: IncomingMessage['headers']): { [name: string]: string } {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : (value ?? '')]),
  );
}
