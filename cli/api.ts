/** The HTTP API as the commands use it: one method for each question, and errors that say the way on. */
import type { Json } from '../shared/core/json.ts';
import type { Problem } from '../shared/pipeline/problem.ts';
import type { InboxEntry } from '../shared/ports/inbox.ts';
import type {
  ExecutionDetail,
  ExecutionSummary,
  Timestamp,
  TransitionDescription,
} from '../shared/use-cases/describe-execution.ts';
import type { Connection } from './connection.ts';
import { CommandFailure } from './failure.ts';
import { readServerSentEvents } from './server-sent-events.ts';

const REQUEST_TIMEOUT_MS = 30_000;

export type List<T> = { readonly items: readonly T[] };

/** A pipeline as the list of them shows it. */
export type PipelineSummary = {
  readonly name: string;
  readonly team: string;
  readonly generation: number;
  readonly appliedAt: Timestamp;
  readonly stages: readonly { readonly id: string; readonly kind: string; readonly targets: readonly string[] }[];
};

/** An entry of the inbox; its time is ISO 8601. */
export type EventDescription = Omit<InboxEntry, 'receivedAt'> & { readonly receivedAt: Timestamp };

/** The event that a person's request became, and the execution that it will start. */
export type Requested = { readonly event: string; readonly execution: string };

export type Applied = {
  readonly pipelines: readonly { readonly name: string; readonly change: string }[];
};

/** The API refused a request. */
export class ApiRefused extends CommandFailure {
  override readonly name = 'ApiRefused';
  readonly status: number;
  /** The API's own code for the refusal: `not-found`, … */
  readonly code: string;
  /** What is wrong with an uploaded file. */
  readonly problems: readonly Problem[];

  constructor(status: number, code: string, message: string, problems: readonly Problem[]) {
    super(message);
    this.status = status;
    this.code = code;
    this.problems = problems;
  }
}

export type Api = ReturnType<typeof createApi>;

/** A client of the system at the connection's address. Its methods throw CommandFailure, or what `signal` aborts with. */
export function createApi(connection: Connection, signal: AbortSignal) {
  const json = async <T>(method: string, path: string, body?: Json): Promise<T> => {
    const response = await send(connection, {
      method,
      path,
      signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return (await bodyOf(response, connection)) as T;
  };
  const one = encodeURIComponent;

  return {
    url: connection.url,

    executions: (query: { pipeline?: string | undefined; limit?: number | undefined }) =>
      json<List<ExecutionSummary>>('GET', `/api/executions${search(query)}`),
    execution: (id: string) => json<ExecutionDetail>('GET', `/api/executions/${one(id)}`),
    history: (id: string) => json<List<TransitionDescription>>('GET', `/api/executions/${one(id)}/history`),
    cancel: (id: string, request: { by: string; reason?: string | undefined }) =>
      json<Json>('POST', `/api/executions/${one(id)}/cancel`, request),
    restart: (id: string, request: { by: string }) =>
      json<Requested>('POST', `/api/executions/${one(id)}/restart`, request),

    pipelines: () => json<List<PipelineSummary>>('GET', '/api/pipelines'),
    apply: (upload: { file: string; text: string; files: Strings; by: string }) =>
      json<Applied>('PUT', '/api/pipelines', upload),
    start: (pipeline: string, request: { requestId: string; inputs: Strings; images: Strings; by: string }) =>
      json<Requested>('POST', `/api/pipelines/${one(pipeline)}/executions`, request),

    events: (query: { limit?: number | undefined }) =>
      json<List<EventDescription>>('GET', `/api/events${search(query)}`),
    /** Undefined until the event was processed. */
    event: async (id: string): Promise<EventDescription | undefined> => {
      try {
        return await json<EventDescription>('GET', `/api/events/${one(id)}`);
      } catch (error) {
        if (error instanceof ApiRefused && error.status === 404) {
          return undefined;
        }
        throw error;
      }
    },

    /** The execution now and after each change, until the server or `until` ends the stream. */
    async *follow(id: string, until: AbortSignal): AsyncGenerator<ExecutionDetail> {
      const response = await send(connection, {
        method: 'GET',
        path: `/api/executions/${one(id)}/events`,
        accept: 'text/event-stream',
        signal: until,
      });
      if (!response.ok || response.body === null) {
        await bodyOf(response, connection);
        return;
      }
      for await (const { event, data } of readServerSentEvents(response.body)) {
        if (event === 'execution') {
          yield JSON.parse(data) as ExecutionDetail;
        }
      }
    },

    /** Delivers a notification as a registry does. */
    notifyOfPush: async (body: Json): Promise<void> => {
      const { hookSecret } = connection;
      if (hookSecret === undefined) {
        throw new CommandFailure(
          `No hook secret is known for ${connection.url}. "gennaker push" finds the one of a system on this machine ` +
            'by itself; for another one set GENNAKER_HOOK_SECRET.',
        );
      }
      const response = await send(connection, {
        method: 'POST',
        path: '/hooks/docker-distribution',
        contentType: 'application/vnd.docker.distribution.events.v2+json',
        token: hookSecret,
        body: JSON.stringify(body),
        signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]),
      });
      if (!response.ok) {
        await bodyOf(response, connection);
      }
      await response.body?.cancel();
    },
  };
}

/** The id of the newest execution. Throws CommandFailure where there is none. */
export async function latestId(api: Api): Promise<string> {
  const [newest] = (await api.executions({ limit: 1 })).items;
  if (newest === undefined) {
    throw new CommandFailure('Nothing has run yet. "gennaker get pipelines" shows what can run.');
  }
  return newest.id;
}

type Strings = { readonly [name: string]: string };

type Request = {
  method: string;
  path: string;
  accept?: string;
  contentType?: string;
  /** Instead of the connection's. */
  token?: string;
  body?: string;
  signal: AbortSignal;
};

async function send(connection: Connection, request: Request): Promise<Response> {
  const token = request.token ?? connection.token;
  try {
    return await fetch(`${connection.url}${request.path}`, {
      method: request.method,
      headers: {
        accept: request.accept ?? 'application/json',
        ...(request.body === undefined ? {} : { 'content-type': request.contentType ?? 'application/json' }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      ...(request.body === undefined ? {} : { body: request.body }),
      signal: request.signal,
    });
  } catch (error) {
    if (request.signal.aborted && !isTimeout(error)) {
      throw error;
    }
    if (isTimeout(error)) {
      throw new CommandFailure(
        `${connection.url} did not answer ${request.method} ${request.path} within ${REQUEST_TIMEOUT_MS / 1_000} s.`,
        { cause: error },
      );
    }
    throw new Unreachable(connection.url, error);
  }
}

/** Nothing answers at the address. */
export class Unreachable extends CommandFailure {
  override readonly name = 'Unreachable';

  constructor(url: string, cause: unknown) {
    super(
      `No Gennaker answers at ${url} (${connectError(cause)}).\n` +
        'Start one here with "npm start" or "gennaker up", or set GENNAKER_URL to where one runs.',
      { cause },
    );
  }
}

/** What the network said, from inside the general "fetch failed". */
function connectError(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (cause instanceof Error && 'code' in cause && typeof cause.code === 'string') {
    return cause.code === 'ECONNREFUSED' ? 'connection refused' : cause.code;
  }
  return cause instanceof Error ? cause.message : String(cause);
}

function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'TimeoutError';
}

async function bodyOf(response: Response, connection: Connection): Promise<unknown> {
  const text = await response.text();
  let body: unknown;
  try {
    body = text === '' ? undefined : JSON.parse(text);
  } catch (error) {
    throw new CommandFailure(
      `${connection.url} answered ${response.status} with something that is not JSON; is it a Gennaker?`,
      { cause: error },
    );
  }
  if (response.ok) {
    return body;
  }
  throw refusal(response.status, body, connection);
}

type RefusalBody = {
  readonly code?: string;
  readonly message?: string;
  /** Places in a file or, for a body that does not fit, in the body. */
  readonly problems?: readonly (Problem | { readonly path: string; readonly message: string })[];
};

function problemsOf(error: RefusalBody | undefined): Problem[] {
  return (error?.problems ?? []).filter((problem) => 'file' in problem);
}

function refusal(status: number, body: unknown, connection: Connection): ApiRefused {
  const { error } = Object(body) as { error?: RefusalBody };
  const message = error?.message ?? `${connection.url} answered ${status} without saying why.`;
  const wayOn =
    status === 401 || status === 403
      ? connection.token === undefined
        ? '\nSet GENNAKER_TOKEN to a token of that system.'
        : `\n${connection.url} does not take the token that was sent; set GENNAKER_TOKEN to one of that system.`
      : '';
  return new ApiRefused(status, error?.code ?? String(status), `${message}${wayOn}`, problemsOf(error));
}

function search(query: { readonly [name: string]: string | number | undefined }): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) {
      parameters.set(name, String(value));
    }
  }
  return parameters.size === 0 ? '' : `?${parameters}`;
}
