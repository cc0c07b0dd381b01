/** The HTTP API as the commands use it: one method for each question, and errors that say the way on. */
import type { HoldsDescription } from '../functions/api/holds.ts';
import type { PipelineSummary } from '../functions/api/pipelines.ts';
import type { RepositoryDescription } from '../functions/api/repositories.ts';
import type { Window } from '../shared/calendar/windows.ts';
import type { Json } from '../shared/core/json.ts';
import type { Problem } from '../shared/pipeline/problem.ts';
import type { InboxEntry } from '../shared/ports/inbox.ts';
import type { Team } from '../shared/ports/repositories.ts';
import type { SourceEvent } from '../shared/triggers/source.ts';
import type { CatalogEntry } from '../shared/use-cases/catalog.ts';
import type { TeamUpload } from '../shared/use-cases/check-pipelines.ts';
import type { CopiedPipeline } from '../shared/use-cases/copy-pipeline.ts';
import type {
  ExecutionDetail,
  ExecutionSummary,
  Timestamp,
  TransitionDescription,
} from '../shared/use-cases/describe-execution.ts';
import type { Explanation } from '../shared/use-cases/explain-event.ts';
import type { PlanBasis } from '../shared/use-cases/plan-basis.ts';
import type { PlanReport, PlanRequest } from '../shared/use-cases/plan-pipelines.ts';
import type { TemplateDescription } from '../shared/use-cases/templates/describe.ts';
import type { Impact } from '../shared/use-cases/templates/impact.ts';
import type { Published } from '../shared/use-cases/templates/publish.ts';
import type { Connection } from './connection.ts';
import { CommandFailure } from './failure.ts';
import { readServerSentEvents } from './server-sent-events.ts';

const REQUEST_TIMEOUT_MS = 30_000;
/** A plan asks registries and every target's cluster. */
const PLAN_TIMEOUT_MS = 90_000;

export type List<T> = { readonly items: readonly T[] };

type RepositoryRequest = {
  readonly url: string;
  readonly team: string;
  readonly branch: string;
  readonly folders?: string[];
  readonly host?: 'github' | 'git';
  readonly pushSecret?: string;
  readonly credentials?: string;
};

/** What a team may use, as patterns. */
export type TeamDescription = Omit<Team, 'format'>;

/** An entry of the inbox; its time is ISO 8601. */
export type EventDescription = Omit<InboxEntry, 'receivedAt' | 'repeats'> & {
  readonly receivedAt: Timestamp;
  readonly repeats?: { readonly times: number; readonly lastAt: Timestamp };
};

/** Events, and how far back was looked for them; absent where all were. */
export type EventList = List<EventDescription> & { readonly seenBackTo?: Timestamp };

export type EventFilter = {
  readonly pipeline?: string | undefined;
  readonly source?: string | undefined;
  readonly verdict?: string | undefined;
};

/** What came of changing a window, a freeze or a pause. */
type Changed = { readonly is: 'changed' | 'unchanged' };

/** The event that a person's request became, and the execution that it will start. */
export type Requested = { readonly event: string; readonly execution: string };

export type Applied = {
  /** What whoever applied should know. */
  readonly notes: readonly string[];
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
  const json = async <T>(
    method: string,
    path: string,
    body?: unknown,
    timeoutMs: number = REQUEST_TIMEOUT_MS,
  ): Promise<T> => {
    const response = await send(connection, {
      method,
      path,
      timeoutMs,
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
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
    restart: (id: string, request: { by: string; newest?: boolean }) =>
      json<Requested & { readonly text: string }>('POST', `/api/executions/${one(id)}/restart`, request),

    decide: (
      id: string,
      stage: string,
      decision: 'approve' | 'reject',
      request: { choice?: string | undefined; reason?: string | undefined; plan?: string | undefined },
    ) => json<{ person: string }>('POST', `/api/executions/${one(id)}/stages/${one(stage)}/${decision}`, request),

    holds: {
      read: () => json<HoldsDescription>('GET', '/api/holds'),
      setWindows: (scope: string, request: { windows: readonly Window[]; by: string }) =>
        json<Changed>('PUT', `/api/windows/${one(scope)}`, request),
      addFreeze: (
        id: string,
        request: { scope: string; reason: string; by: string; from: string | undefined; until: string | undefined },
      ) => json<Changed>('PUT', `/api/freezes/${one(id)}`, request),
      setFreezes: (request: { freezes: Json; by: string }) => json<Changed>('PUT', '/api/freezes', request),
      liftFreeze: (id: string, request: { by: string }) =>
        json<Changed>('POST', `/api/freezes/${one(id)}/lift`, request),
      pause: (scope: string, request: { reason: string; by: string }) =>
        json<Changed>('PUT', `/api/pauses/${one(scope)}`, request),
      resume: (scope: string, request: { reason: string | undefined; by: string }) =>
        json<Changed>('POST', `/api/pauses/${one(scope)}/resume`, request),
      letGo: (id: string, stage: string, what: 'skip' | 'override', request: { reason: string; by: string }) =>
        json<Json>('POST', `/api/executions/${one(id)}/stages/${one(stage)}/${what}`, request),
    },

    catalog: (query: { search?: string | undefined; limit?: number | undefined }) =>
      json<List<CatalogEntry>>('GET', `/api/catalog${search(query)}`),
    copy: (pipeline: string) =>
      json<Extract<CopiedPipeline, { is: 'copied' }>>('GET', `/api/pipelines/${one(pipeline)}/copy`),
    templates: {
      list: () => json<List<TemplateDescription>>('GET', '/api/templates'),
      show: (name: string) => json<TemplateDescription>('GET', `/api/templates/${one(name)}`),
      publish: (upload: {
        file: string;
        text: string;
        by: string;
        rings?: string;
        after?: number;
        takeOver?: boolean;
      }) => json<Exclude<Published, { is: 'refused' }>>('PUT', '/api/templates', upload),
      impact: (upload: { file: string; text: string }) =>
        json<Exclude<Impact, { is: 'refused' }>>('POST', '/api/templates/impact', upload),
      rollBack: (name: string, request: { by: string }) =>
        json<TemplateDescription>('POST', `/api/templates/${one(name)}/rollback`, request),
      goOn: (name: string, request: { by: string }) =>
        json<TemplateDescription>('POST', `/api/templates/${one(name)}/continue`, request),
      deprecate: (name: string, request: { version: string; message?: string }) =>
        json<TemplateDescription>('POST', `/api/templates/${one(name)}/deprecation`, request),
    },

    pipelines: () => json<List<PipelineSummary>>('GET', '/api/pipelines'),
    apply: (upload: { file: string; text: string; files: Strings; by: string; override?: { reason: string } }) =>
      json<Applied>('PUT', '/api/pipelines', upload),
    plan: (request: TeamUpload & { images: Strings; inputs: Strings; event?: string; by: string }) =>
      json<PlanReport>('POST', '/api/plans', request, PLAN_TIMEOUT_MS),
    applyPlan: (request: TeamUpload & { request: PlanRequest; bases: readonly PlanBasis[]; by: string }) =>
      json<Applied>('POST', '/api/plans/apply', request, PLAN_TIMEOUT_MS),
    start: (pipeline: string, request: { requestId: string; inputs: Strings; images: Strings; by: string }) =>
      json<Requested>('POST', `/api/pipelines/${one(pipeline)}/executions`, request),
    dryRun: (pipeline: string, request: { inputs: Strings; images: Strings; by: string }) =>
      json<PlanReport>('POST', `/api/pipelines/${one(pipeline)}/dry-run`, request, PLAN_TIMEOUT_MS),

    repositories: () => json<List<RepositoryDescription>>('GET', '/api/repositories'),
    registerRepository: (id: string, request: RepositoryRequest) =>
      json<{ change: string; repository: RepositoryDescription }>('PUT', `/api/repositories/${one(id)}`, request),
    removeRepository: (id: string) => json<Json>('DELETE', `/api/repositories/${one(id)}`),
    syncRepository: (id: string, request: { requestId: string; by: string }) =>
      json<{ event: string; record: string }>('POST', `/api/repositories/${one(id)}/sync`, request),
    teams: () => json<List<TeamDescription>>('GET', '/api/teams'),
    setTeam: (name: string, request: Omit<TeamDescription, 'name'>) =>
      json<{ change: string; team: TeamDescription }>('PUT', `/api/teams/${one(name)}`, request),
    removeTeam: (name: string) => json<Json>('DELETE', `/api/teams/${one(name)}`),

    events: (query: EventFilter & { limit?: number | undefined }) =>
      json<EventList>('GET', `/api/events${search(query)}`),
    explain: (request: ({ id: string } | { event: SourceEvent }) & { pipeline?: string }) =>
      json<Explanation>('POST', '/api/events/explain', request),
    replay: (id: string, request: { by: string }) =>
      json<{ event: string; isMasked: boolean }>('POST', `/api/events/${one(id)}/replay`, request),
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
  /** Of the signal, for the message. */
  timeoutMs?: number;
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
        `${connection.url} did not answer ${request.method} ${request.path} within ${(request.timeoutMs ?? REQUEST_TIMEOUT_MS) / 1_000} s.`,
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
    status === 401
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
