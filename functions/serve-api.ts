/** The HTTP face: the JSON API, the read-only pages and their live updates, in one handler that Node and functions-framework both serve. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { loadAssets } from '../console/assets.ts';
import type { Inbox } from '../shared/ports/inbox.ts';
import type { Log } from '../shared/ports/log.ts';
import type { Pipelines } from '../shared/ports/pipelines.ts';
import { applyByHand } from '../shared/use-cases/apply-by-hand.ts';
import { applyPlan } from '../shared/use-cases/apply-plan.ts';
import { CALLBACK_SECRET, callbacksOf } from '../shared/use-cases/callbacks.ts';
import { readCatalog } from '../shared/use-cases/catalog.ts';
import { copyPipeline } from '../shared/use-cases/copy-pipeline.ts';
import { decideOnRecord } from '../shared/use-cases/decide-stage.ts';
import { dryRun } from '../shared/use-cases/dry-run.ts';
import { explainEvent } from '../shared/use-cases/explain-event.ts';
import { holdService } from '../shared/use-cases/holds/service.ts';
import { planPipelines } from '../shared/use-cases/plan-pipelines.ts';
import { readPlanOf } from '../shared/use-cases/previous-release.ts';
import { replayEvent } from '../shared/use-cases/replay-event.ts';
import { registerRepository, removeRepository, removeTeam, setTeam } from '../shared/use-cases/repositories.ts';
import { requestRestart } from '../shared/use-cases/request-restart.ts';
import { requestRun } from '../shared/use-cases/request-run.ts';
import { requestSync } from '../shared/use-cases/request-sync.ts';
import { signalStage } from '../shared/use-cases/signal-stage.ts';
import { cancelExecution } from '../shared/use-cases/stop-execution.ts';
import { templateService } from '../shared/use-cases/templates/service.ts';
import { type AuthorityOptions, createAuthority } from './api/authority.ts';
import { type CallbackOptions, callbackRoutes } from './api/callbacks.ts';
import { type DecisionCommands, decisionRoutes } from './api/decisions.ts';
import { type EventCommands, inboxRoutes } from './api/events.ts';
import { createExecutionFeed, type FeedPorts } from './api/execution-feed.ts';
import { type ExecutionCommands, executionRoutes } from './api/executions.ts';
import { type HoldCommands, holdRoutes } from './api/holds.ts';
import { json, Refusal, type Reply, readRequest, refused, writeReply } from './api/http.ts';
import { pageRoutes, refusalPage } from './api/pages.ts';
import { type PipelineCommands, pipelineRoutes } from './api/pipelines.ts';
import { type PlanCommands, planRoutes } from './api/plans.ts';
import { type RepositoryCommands, repositoryRoutes } from './api/repositories.ts';
import { createRouter, type Route } from './api/router.ts';
import { type TemplateCommands, templateRoutes } from './api/templates.ts';
import type { Container } from './container.ts';
import { planningOf } from './planning.ts';
import type { Handler } from './push.ts';
import { Misconfigured } from './settings.ts';

export type ServeApiOptions = FeedPorts &
  AuthorityOptions &
  ExecutionCommands &
  DecisionCommands &
  CallbackOptions &
  PipelineCommands &
  EventCommands &
  PlanCommands &
  TemplateCommands &
  RepositoryCommands &
  HoldCommands & {
    readonly inbox: Pick<Inbox, 'get' | 'list'>;
    readonly pipelines: Pick<Pipelines, 'get' | 'list'>;
    readonly log: Log;
    /** Where hooks are sent to; by default `baseUrl`. */
    readonly hooksUrl?: string;
    /** Whether the system can do its work; false answers /healthz with 503. By default it always can. */
    readonly isReady?: () => boolean;
    /** How often an open list of executions is read again; by default every 3 s. */
    readonly listEveryMs?: number;
  };

export type HttpHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** Nothing is loaded from elsewhere, nothing inline runs, and no other site may frame a page or act from it. */
const SECURITY_HEADERS: { readonly [name: string]: string } = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};

export function serveApi(options: ServeApiOptions): HttpHandler {
  const { clock, log, pipelines, inbox } = options;
  const authority = createAuthority(options);
  const feed = createExecutionFeed(options);
  const assets = loadAssets();
  const health: Route = {
    method: 'GET',
    pattern: '/healthz',
    access: 'anyone',
    handle: () => (options.isReady?.() === false ? json(503, { status: 'starting' }) : json(200, { status: 'ok' })),
  };
  const { listEveryMs } = options;
  const routeOf = createRouter([
    health,
    ...executionRoutes(feed, options, clock),
    ...pipelineRoutes(pipelines, options, clock),
    ...planRoutes(options, clock),
    ...templateRoutes(options),
    ...inboxRoutes(inbox, options),
    ...repositoryRoutes(options, options.hooksUrl ?? options.baseUrl),
    ...holdRoutes(feed, options),
    ...callbackRoutes(options),
    ...decisionRoutes(feed, options),
    ...pageRoutes({ feed, pipelines, authority, assets, clock, ...(listEveryMs !== undefined && { listEveryMs }) }),
  ]);

  return async (incoming, response) => {
    const request = readRequest(incoming, response);
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
    let reply: Reply;
    try {
      authority.requireHost(request.headers);
      // Before the route is looked for: what exists under /api is not told to strangers.
      if (request.path.startsWith('/api/')) authority.requireAccess('person', request.headers);
      const { route, parameters } = routeOf(request.method, request.path);
      authority.requireAccess(route.access, request.headers);
      const person = authority.personOf(request.headers);
      reply = await route.handle({ ...request, parameters, ...(person !== undefined && { person }) });
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal.status >= 500)
        log.write('ERROR', 'a request failed', { method: request.method, path: loggedPath(request.path), error });
      reply = wantsPage(request) ? refusalPage(refusal, request.path, assets) : refused(refusal);
    }
    try {
      await writeReply(reply, response, request);
    } catch (error) {
      // The head is sent, so all that is left is to break off: an event stream's client connects again.
      if (!request.signal.aborted)
        log.write('ERROR', 'a reply broke off', { method: request.method, path: loggedPath(request.path), error });
      response.destroy();
    }
  };
}

/** Whoever knows the last part of a call-back's address may call back, so it is kept out of the log. */
function loggedPath(path: string): string {
  return path.startsWith('/callbacks/') ? path.slice(0, path.lastIndexOf('/')) : path;
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  const message = 'The request failed inside the system; its log says why. Trying again may help.';
  return new Refusal(500, 'internal', message, { cause: error });
}

/** Browsers ask for HTML; the API never answers with it. */
function wantsPage(request: { path: string; headers: IncomingMessage['headers'] }): boolean {
  return !request.path.startsWith('/api/') && (request.headers.accept ?? '').includes('text/html');
}

/** The secret that the API takes as bearer token. */
const API_TOKEN_SECRET = 'api-token';

export async function deployed(container: Container): Promise<Handler> {
  const { settings, google, state, secrets, log } = container;
  const token = await secrets.get({ name: API_TOKEN_SECRET });
  if (token === undefined) throw new Misconfigured(`the secret ${API_TOKEN_SECRET} is not set`);
  const key = await secrets.get({ name: CALLBACK_SECRET });
  const { pipelines, inbox, history, progress, bus } = google;
  const { clock } = state;
  const planning = await planningOf(container);
  const apply: PipelineCommands['applyPipelines'] = (command) => applyByHand(planning, command);
  return serveApi({
    store: google.executions,
    history,
    progress,
    inbox,
    pipelines,
    readPlan: readPlanOf(state.plans),
    clock,
    log,
    token,
    pages: settings.pages,
    people: settings.people,
    baseUrl: settings.publicUrl,
    hooksUrl: settings.hooksUrl,
    isLoopback: false,
    callbacks: key === undefined ? undefined : callbacksOf({ baseUrl: settings.publicUrl, key }),
    cancelExecution: (command) => cancelExecution(state, command),
    restartExecution: ({ newest, ...command }) =>
      requestRestart({ ...google, ...state }, { ...command, newest: newest ? planning : undefined }),
    signalStage: (command) => signalStage(state, command),
    decideStage: (command) => decideOnRecord({ ...google, ...state }, command),
    applyPipelines: apply,
    templates: templateService(planning),
    readCatalog: (query) => readCatalog(google, query),
    copyPipeline: (query) => copyPipeline(google, query),
    planPipelines: (command) => planPipelines(planning, command),
    applyPlan: (command) => applyPlan({ ...planning, apply }, command),
    requestRun: (command) => requestRun({ pipelines, bus, clock }, command),
    dryRun: (command) => dryRun(planning, command),
    explainEvent: (command) => explainEvent(planning, command),
    replayEvent: (command) => replayEvent({ ...google, ...state }, command),
    holds: holdService({ ...google, ...planning }),
    repositories: google.repositories,
    teams: google.teams,
    registerRepository: (command) => registerRepository({ ...google, ...state }, command),
    removeRepository: (command) => removeRepository({ ...google, ...state }, command),
    requestSync: (command) => requestSync({ ...google, clock }, command),
    setTeam: (command) => setTeam({ ...google, ...state }, command),
    removeTeam: (command) => removeTeam({ ...google, ...state }, command),
  });
}
