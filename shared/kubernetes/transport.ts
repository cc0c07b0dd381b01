/** Sends requests to one API server: bounded in time, over one pool, with failures that the caller can tell apart. */
import { type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http';
import { type RequestOptions, request as requestHttps } from 'node:https';
import { ClusterError } from '../ports/cluster.ts';
import { type ClusterAccess, type Connection, Connector } from './access.ts';

const REQUEST_TIMEOUT_MS = 10_000;
/** etcd refuses objects above 1.5 MiB, so that no line of a watch comes near this. */
const MAXIMUM_LINE_CHARACTERS = 16 * 1024 * 1024;
/** How often a request is sent anew because a kept connection turned out to be closed, or credentials to be old. */
const FRESH_TRIES = 1;

export type ApiRequest = {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Absolute, without the query. */
  path: string;
  query?: { readonly [name: string]: string };
  body?: unknown;
  contentType?: string;
  /** The answer is text, and not to be taken for JSON when it looks like it. */
  expects?: 'text';
  /** What is being done and to what, for messages: `apply Deployment items/items-api`. */
  doing: string;
  signal?: AbortSignal | undefined;
};

export type ApiAnswer = { status: number; body: unknown };

export class Transport {
  readonly #connector: Connector;
  readonly #timeoutMs: number;

  constructor(access: ClusterAccess, timeoutMs = REQUEST_TIMEOUT_MS) {
    this.#connector = new Connector(access);
    this.#timeoutMs = timeoutMs;
  }

  /** The answer with its JSON body, whatever its status. Throws `unreachable` where none comes in time. */
  async send(request: ApiRequest): Promise<ApiAnswer> {
    const { response, timer, release } = await this.#open(request);
    try {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk as Buffer);
      const text = Buffer.concat(chunks).toString('utf8');
      const isText = request.expects === 'text' && response.statusCode === 200;
      return { status: response.statusCode ?? 0, body: isText ? text : parse(text) };
    } catch (error) {
      request.signal?.throwIfAborted();
      throw unreachable(request.doing, timer.expired ? `no full answer within ${this.#timeoutMs} ms` : error);
    } finally {
      release();
    }
  }

  /**
   * The lines of an answer that goes on, each parsed as JSON. An answer that is not 200 is given to `refuse`, which
   * throws. Ends when the server ends it; throws the signal's reason when that aborts.
   */
  async *stream(request: ApiRequest, refuse: (answer: ApiAnswer) => never): AsyncGenerator<unknown> {
    const { response, timer, release } = await this.#open(request);
    try {
      if (response.statusCode !== 200) {
        const chunks: Buffer[] = [];
        for await (const chunk of response) chunks.push(chunk as Buffer);
        refuse({ status: response.statusCode ?? 0, body: parse(Buffer.concat(chunks).toString('utf8')) });
      }
      // Only the head of an endless answer is awaited against the clock.
      timer.cancel();
      response.setEncoding('utf8');
      let rest = '';
      for await (const chunk of response) {
        const lines = (rest + String(chunk)).split('\n');
        rest = lines.pop() ?? '';
        if (rest.length > MAXIMUM_LINE_CHARACTERS) {
          throw new ClusterError('other', `${request.doing}: a line above ${MAXIMUM_LINE_CHARACTERS} characters`);
        }
        for (const line of lines) if (line !== '') yield parse(line);
      }
    } catch (error) {
      request.signal?.throwIfAborted();
      if (error instanceof ClusterError) throw error;
      throw unreachable(request.doing, error);
    } finally {
      release();
    }
  }

  close(): void {
    this.#connector.close();
  }

  async #open(request: ApiRequest): Promise<Opened> {
    for (let tried = 0; ; tried++) {
      request.signal?.throwIfAborted();
      const connection = await this.#connector.connection();
      const opened = await open(request, connection, this.#timeoutMs, tried < FRESH_TRIES);
      if (opened === 'stale') continue;
      if (opened.response.statusCode === 401 && tried < FRESH_TRIES) {
        this.#connector.forget();
        opened.response.resume();
        opened.release();
        continue;
      }
      return opened;
    }
  }
}

type Timer = { expired: boolean; cancel(): void };
type Opened = { response: IncomingMessage; timer: Timer; release(): void };

/** Sends the request and waits for the head of its answer. `stale`: a kept connection had been closed by the far end. */
function open(
  request: ApiRequest,
  connection: Connection,
  timeoutMs: number,
  mayBeStale: boolean,
): Promise<Opened | 'stale'> {
  const { doing, signal } = request;
  const body = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body));
  const url = new URL(connection.server);
  url.pathname = url.pathname.replace(/\/$/, '') + request.path;
  url.search = new URLSearchParams(request.query).toString();
  const headers: { [name: string]: string } = {
    accept: request.expects === 'text' ? 'text/plain, application/json' : 'application/json',
    ...connection.headers,
  };
  if (body !== undefined) {
    headers['content-type'] = request.contentType ?? 'application/json';
    headers['content-length'] = String(body.byteLength);
  }
  const options: RequestOptions = { method: request.method, headers, agent: connection.agent };
  return new Promise((resolve, reject) => {
    const sent: ClientRequest = url.protocol === 'http:' ? requestHttp(url, options) : requestHttps(url, options);
    const abort = () => sent.destroy();
    const timeout = setTimeout(() => {
      timer.expired = true;
      sent.destroy();
    }, timeoutMs);
    const timer: Timer = { expired: false, cancel: () => clearTimeout(timeout) };
    let answer: IncomingMessage | undefined;
    const release = () => {
      timer.cancel();
      signal?.removeEventListener('abort', abort);
      // A body that was not read to its end would hold its connection.
      if (answer?.complete === false) sent.destroy();
    };
    signal?.addEventListener('abort', abort, { once: true });
    sent.once('response', (response: IncomingMessage) => {
      answer = response;
      resolve({ response, timer, release });
    });
    sent.on('error', (error: NodeJS.ErrnoException) => {
      release();
      const closed = error.code === 'ECONNRESET' || error.code === 'EPIPE';
      if (signal?.aborted) reject(signal.reason);
      else if (timer.expired) reject(unreachable(doing, `no answer within ${timeoutMs} ms`));
      else if (mayBeStale && sent.reusedSocket && closed) resolve('stale');
      else reject(unreachable(doing, error));
    });
    sent.end(body);
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Proxies and load balancers answer in HTML and plain text; the status and the text say what happened.
    return text;
  }
}

function unreachable(doing: string, why: unknown): ClusterError {
  const text = why instanceof Error ? why.message || String((why as NodeJS.ErrnoException).code) : String(why);
  return new ClusterError('unreachable', `could not ${doing}: the cluster cannot be reached: ${text}`, {
    cause: why instanceof Error ? why : undefined,
  });
}
