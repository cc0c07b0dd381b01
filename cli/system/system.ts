/** The whole system in one process: every function's handler on the embedded adapters, behind one HTTP server. */
import { createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { workSubscriber } from '../../functions/advance-execution.ts';
import type { PipelineCommands } from '../../functions/api/pipelines.ts';
import { webhookHandler } from '../../functions/receive-webhook.ts';
import { notificationSubscriber, notifierOf } from '../../functions/send-notifications.ts';
import { serveApi } from '../../functions/serve-api.ts';
import { commonSettings, DAY_MS, readSettings } from '../../functions/settings.ts';
import { endSubscriber, eventSubscriber } from '../../functions/start-executions.ts';
import { repositorySubscriber } from '../../functions/sync-repositories.ts';
import { type Embedded, openEmbedded } from '../../shared/adapters/embedded/index.ts';
import {
  environmentSecrets,
  STAGE_SECRETS,
  SYSTEM_SECRETS,
  secretValues,
} from '../../shared/adapters/environment-secrets.ts';
import { stageIdentity } from '../../shared/adapters/google/stage-identity.ts';
import { programRenderer } from '../../shared/adapters/programs/renderer.ts';
import { systemClock } from '../../shared/adapters/system-clock.ts';
import { systemRandom } from '../../shared/adapters/system-random.ts';
import { gitReader } from '../../shared/git/reader.ts';
import { gitHubClients } from '../../shared/git-hosts/github/client.ts';
import type { Log } from '../../shared/ports/log.ts';
import { allowedRegistries, registryTagResolver, type TagResolver } from '../../shared/registry/resolver.ts';
import { loadStageKinds } from '../../shared/stages/custom-kinds.ts';
import { guardedHttpClient } from '../../shared/stages/http-client.ts';
import type { StageKind } from '../../shared/stages/kind.ts';
import { httpSources, messageSources } from '../../shared/triggers/registry.ts';
import { type Applied, applyByHand } from '../../shared/use-cases/apply-by-hand.ts';
import { applyPlan } from '../../shared/use-cases/apply-plan.ts';
import { callbacksOf } from '../../shared/use-cases/callbacks.ts';
import { readCatalog } from '../../shared/use-cases/catalog.ts';
import type { PipelineUpload } from '../../shared/use-cases/check-pipelines.ts';
import { doChores } from '../../shared/use-cases/chores.ts';
import { copyPipeline } from '../../shared/use-cases/copy-pipeline.ts';
import { decideOnRecord } from '../../shared/use-cases/decide-stage.ts';
import { describePlans } from '../../shared/use-cases/describe-plans.ts';
import { documentParsers } from '../../shared/use-cases/documents.ts';
import { dryRun } from '../../shared/use-cases/dry-run.ts';
import { checkTiming, DEFAULT_TIMING, type Engine, type Timing } from '../../shared/use-cases/engine.ts';
import { explainEvent } from '../../shared/use-cases/explain-event.ts';
import { fireSchedules } from '../../shared/use-cases/fire-schedules.ts';
import { holdService } from '../../shared/use-cases/holds/service.ts';
import { TOPICS, workTopic } from '../../shared/use-cases/messages.ts';
import { openRepository } from '../../shared/use-cases/open-repository.ts';
import { otherExecutions } from '../../shared/use-cases/other-executions.ts';
import { planPipelines } from '../../shared/use-cases/plan-pipelines.ts';
import { planReader } from '../../shared/use-cases/plans.ts';
import { readPlanOf } from '../../shared/use-cases/previous-release.ts';
import { replayEvent } from '../../shared/use-cases/replay-event.ts';
import { registerRepository, removeRepository, removeTeam, setTeam } from '../../shared/use-cases/repositories.ts';
import { requestRestart } from '../../shared/use-cases/request-restart.ts';
import { requestRun } from '../../shared/use-cases/request-run.ts';
import { requestSync } from '../../shared/use-cases/request-sync.ts';
import { signalStage } from '../../shared/use-cases/signal-stage.ts';
import { cancelExecution } from '../../shared/use-cases/stop-execution.ts';
import { sweepExecutions } from '../../shared/use-cases/sweep-executions.ts';
import { libraryOf } from '../../shared/use-cases/templates/library.ts';
import { lockedTemplates } from '../../shared/use-cases/templates/locked.ts';
import { type TemplateService, templateService } from '../../shared/use-cases/templates/service.ts';
import type { Clusters } from './clusters.ts';
import { repeat } from './repeat.ts';
import { subscriptionsOf } from './subscriptions.ts';

/** On the minute, as schedules are. */
const TICK_MS = 60_000;
/** Entries of the inbox that one tick removes, so that it holds nothing up. */
const MAXIMUM_FORGOTTEN = 5_000;
/** Longer than this process may be busy with one thing, or it would close connections on which requests are waiting. */
const KEEP_ALIVE_MS = 65_000;
/** How long open requests may take when the system stops, in ms. */
const CLOSING_MS = 2_000;

export type SystemOptions = {
  /** The path of the database, or `:memory:`. */
  readonly path: string;
  readonly clusters: Clusters;
  readonly port: number;
  readonly token: string;
  readonly hookSecret: string;
  readonly log: Log;
  readonly environment: { readonly [name: string]: string | undefined };
  /** For the sandbox, whose images are in no registry. */
  readonly resolver?: TagResolver | undefined;
  readonly timing?: Timing;
  /** The stage kinds that pipelines may use; the built-in and the configured ones where none are given. */
  readonly kinds?: ReadonlyMap<string, StageKind>;
  /** Stands between the adapters and everything that uses them, so that tests can count and disturb. */
  readonly wrap?: (ports: Embedded) => Embedded;
};

export type System = {
  readonly url: string;
  readonly ports: Embedded;
  readonly engine: Engine;
  readonly templates: TemplateService;
  /** Applies a file in the name of the system itself. */
  apply(command: PipelineUpload): Promise<Applied>;
  stop(): Promise<void>;
};

/** Starts everything. Resolves once requests are answered and what was left open is being worked on. */
export async function startSystem(options: SystemOptions): Promise<System> {
  const { log, environment, clusters, token, hookSecret } = options;
  const clock = systemClock;
  const random = systemRandom;
  const settings = readSettings(commonSettings, environment);
  const timing = checkTiming(options.timing ?? DEFAULT_TIMING);
  const kinds = options.kinds ?? (await loadStageKinds({ modules: settings.GENNAKER_STAGE_KINDS }));
  const opened = openEmbedded({ path: options.path, clock, random, parse: documentParsers, log });
  const ports = options.wrap === undefined ? opened : options.wrap(opened);
  await opened.recoverClaims();

  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS });
  // The port is known only once it is listened on, and what answers is built on it.
  server.on('request', tooEarly);
  const port = await listen(server, options.port);
  const url = `http://127.0.0.1:${port}`;

  const plans = planReader(ports.blobs);
  const secrets = environmentSecrets(SYSTEM_SECRETS, environment, { 'docker-distribution-webhook': hookSecret });
  // Whoever holds the API's token may signal anyway, so the key is made from it.
  const callbacks = callbacksOf({ baseUrl: url, key: createHmac('sha256', token).update('callbacks').digest('hex') });
  const engine: Engine = {
    ...ports,
    plans,
    clock,
    random,
    log,
    kinds,
    secrets: environmentSecrets(STAGE_SECRETS, environment),
    http: guardedHttpClient({ allow: settings.GENNAKER_ALLOWED_HOSTS }),
    google: stageIdentity({ projects: settings.GENNAKER_GOOGLE_PROJECTS }),
    others: otherExecutions({ ...ports, plans, clock, random, log }),
    renderer: programRenderer(environment),
    clusterOf: clusters.clusterOf,
    timing,
    callbacks,
  };
  const receive = {
    ...ports,
    secrets,
    knownSecrets: secretValues(environment, [token, hookSecret]),
    clock,
    log,
    httpSources: httpSources({ registryHosts: settings.GENNAKER_REGISTRY_HOSTS }),
    messageSources: messageSources(),
    lockedTemplates: lockedTemplates(ports),
  };
  const readPlan = readPlanOf(plans);
  const tell = notifierOf({
    ...engine,
    ...ports,
    secrets,
    slackApiUrl: settings.GENNAKER_SLACK_API_URL,
    publicUrl: url,
  });
  const registries = allowedRegistries(settings.GENNAKER_ALLOWED_HOSTS, settings.GENNAKER_REGISTRY_HOSTS);
  const resolver = options.resolver ?? registryTagResolver({ allow: registries });
  const planning = {
    ...engine,
    ...ports,
    resolver,
    targets: clusters.targets.map((name) => ({ name, labels: clusters.labels[name] ?? {} })),
    openLibrary: libraryOf(ports),
    lockedTemplates: lockedTemplates(ports),
  };
  const templates = templateService(planning);
  const apply: PipelineCommands['applyPipelines'] = (command) => applyByHand(planning, command);
  const http = guardedHttpClient({ allow: settings.GENNAKER_ALLOWED_HOSTS });
  const github = gitHubClients({ http, clock, apiUrl: settings.GENNAKER_GITHUB_API_URL });
  const hooks = webhookHandler(receive);
  const api = serveApi({
    store: ports.executions,
    history: ports.history,
    progress: ports.progress,
    inbox: ports.inbox,
    pipelines: ports.pipelines,
    readPlan,
    clock,
    log,
    token,
    pages: 'open',
    people: settings.GENNAKER_PEOPLE,
    baseUrl: url,
    isLoopback: true,
    callbacks,
    cancelExecution: (command) => cancelExecution(engine, command),
    restartExecution: ({ newest, ...command }) =>
      requestRestart({ ...engine, ...ports }, { ...command, newest: newest ? planning : undefined }),
    signalStage: (command) => signalStage(engine, command),
    decideStage: (command) => decideOnRecord({ ...engine, ...ports }, command),
    applyPipelines: apply,
    templates,
    readCatalog: (query) => readCatalog(ports, query),
    copyPipeline: (query) => copyPipeline(ports, query),
    planPipelines: (command) => planPipelines(planning, command),
    applyPlan: (command) => applyPlan({ ...planning, apply }, command),
    requestRun: (command) => requestRun({ ...ports, clock }, command),
    dryRun: (command) => dryRun(planning, command),
    explainEvent: (command) => explainEvent(planning, command),
    replayEvent: (command) => replayEvent({ ...ports, clock, random }, command),
    holds: holdService(planning),
    repositories: ports.repositories,
    teams: ports.teams,
    registerRepository: (command) => registerRepository({ ...engine, ...ports }, command),
    removeRepository: (command) => removeRepository({ ...engine, ...ports }, command),
    requestSync: (command) => requestSync({ ...ports, clock }, command),
    setTeam: (command) => setTeam({ ...engine, ...ports }, command),
    removeTeam: (command) => removeTeam({ ...engine, ...ports }, command),
  });

  const work = workSubscriber({ ...engine, inbox: ports.inbox });
  const subscribe = subscriptionsOf(opened, timing.acknowledgementMs);
  await subscribe(TOPICS.deadLetters, 'dead-letters', work);
  await subscribe(
    TOPICS.transitions,
    'notifications',
    notificationSubscriber({ tell, inbox: ports.inbox, clock, log }),
  );
  for (const target of [undefined, ...clusters.targets]) await subscribe(workTopic(target), workTopic(target), work);
  await subscribe(TOPICS.events, 'start-executions', eventSubscriber(planning));
  await subscribe(TOPICS.transitions, 'pipeline-ends', endSubscriber(planning));

  await subscribe(
    TOPICS.events,
    'sync-repositories',
    repositorySubscriber({
      ...planning,
      git: gitReader({ allow: settings.GENNAKER_ALLOWED_HOSTS }),
      open: openRepository({ secrets, github }),
      github,
      secrets,
      describePlans: describePlans(planning, clock),
      publicUrl: url,
    }),
  );

  const keptMs = settings.GENNAKER_INBOX_DAYS * DAY_MS;
  const stopSweeping = repeat({
    clock,
    everyMs: TICK_MS,
    async run() {
      try {
        await doChores([
          () => opened.forgetEvents({ before: clock.now() - keptMs, limit: MAXIMUM_FORGOTTEN }),
          () => fireSchedules({ ...ports, clock, log }),
          () => sweepExecutions(engine),
          () => templates.advance(),
        ]);
      } catch (error) {
        log.write('ERROR', 'The sweep failed', { error });
      }
    },
  });

  server.off('request', tooEarly);
  server.on('request', (request, response) => {
    const handle = (request.url ?? '').startsWith('/hooks/') ? hooks : api;
    handle(request, response).catch((error: unknown) => {
      log.write('ERROR', 'A request failed', { error });
      response.destroy();
    });
  });

  return {
    url,
    ports,
    engine,
    templates,
    apply: (command) => apply({ ...command, by: 'the system' }),
    async stop() {
      await stopSweeping();
      await closeServer(server);
      await opened.close();
      clusters.stop();
    },
  };
}

function tooEarly(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(503, { 'retry-after': '1', 'content-type': 'text/plain; charset=utf-8' });
  response.end('The system is starting.\n');
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

async function closeServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const timer = setTimeout(() => server.closeAllConnections(), CLOSING_MS);
  server.closeIdleConnections();
  await closed;
  clearTimeout(timer);
}
