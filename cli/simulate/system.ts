/** The whole system on virtual time: the production's use cases and handlers on the embedded adapters in memory, with scripted far ends. */
import { workSubscriber } from '../../functions/advance-execution.ts';
import { notificationSubscriber } from '../../functions/send-notifications.ts';
import { eventSubscriber } from '../../functions/start-executions.ts';
import { type Embedded, IN_MEMORY, openEmbedded } from '../../shared/adapters/embedded/index.ts';
import type { StageId } from '../../shared/core/plan.ts';
import type { Execution, Run } from '../../shared/core/run.ts';
import type { Target } from '../../shared/pipeline/scope.ts';
import type { Answer, Bus } from '../../shared/ports/bus.ts';
import type { ExecutionStore } from '../../shared/ports/execution-store.ts';
import type { Inbox, InboxEntry } from '../../shared/ports/inbox.ts';
import type { Log } from '../../shared/ports/log.ts';
import type { Random } from '../../shared/ports/random.ts';
import type { Renderer } from '../../shared/ports/renderer.ts';
import type { TagResolver } from '../../shared/registry/resolver.ts';
import type { StageKind } from '../../shared/stages/kind.ts';
import type { ApplyByHandPorts } from '../../shared/use-cases/apply-by-hand.ts';
import { callbacksOf } from '../../shared/use-cases/callbacks.ts';
import { documentParsers } from '../../shared/use-cases/documents.ts';
import { DEFAULT_TIMING, type Engine } from '../../shared/use-cases/engine.ts';
import { TOPICS, workTopic } from '../../shared/use-cases/messages.ts';
import { otherExecutions } from '../../shared/use-cases/other-executions.ts';
import { planReader } from '../../shared/use-cases/plans.ts';
import { readPlanOf } from '../../shared/use-cases/previous-release.ts';
import { sendNotifications } from '../../shared/use-cases/send-notifications.ts';
import type { StartPorts } from '../../shared/use-cases/start-executions.ts';
import { sweepExecutions } from '../../shared/use-cases/sweep-executions.ts';
import { libraryOf } from '../../shared/use-cases/templates/library.ts';
import { lockedTemplates } from '../../shared/use-cases/templates/locked.ts';
import { type TemplateService, templateService } from '../../shared/use-cases/templates/service.ts';
import { digestOf } from '../commands/push.ts';
import { subscriptionsOf } from '../system/subscriptions.ts';
import { scriptedHttp } from './far-ends.ts';
import type { VirtualTime } from './time.ts';

const TICK_MS = 60_000;
/** Where call-backs would come to; nothing is sent there. */
const PUBLIC_URL = 'https://gennaker.example';
const ID_LENGTH = 20;
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';
/** Any number would do, as long as it is always the same one. */
const SEED = 20_260_105;

export type SimulatedSystem = {
  /** What checking, planning and starting pipelines needs. */
  readonly planning: Planning;
  readonly templates: TemplateService;
  readonly ports: Embedded;
  readonly engine: Engine;
  /** The last trouble that was logged, for the case that nothing comes of the simulation. */
  trouble(): string | undefined;
  stop(): Promise<void>;
};

type Planning = StartPorts & ApplyByHandPorts;

/** Hears of every document as it is committed, in the order of the commits. */
export type Observer = {
  execution(execution: Execution): void;
  run(run: Run): void;
  entry(entry: InboxEntry): void;
};

export async function startSimulatedSystem(options: {
  readonly time: VirtualTime;
  readonly kinds: ReadonlyMap<string, StageKind>;
  readonly renderer: Renderer;
  readonly targets: readonly Target[];
  readonly clusterOf: Engine['clusterOf'];
  readonly observer: Observer;
}): Promise<SimulatedSystem> {
  const { time, observer } = options;
  const { clock, later } = time;
  const random = seededRandom();
  let trouble: string | undefined;
  const log: Log = {
    write(severity, message, { error } = {}) {
      if (severity === 'DEBUG' || severity === 'INFO') return;
      if (error instanceof Error) trouble = `${message}: ${error.message}`;
      else trouble ??= message;
    },
  };
  const opened = openEmbedded({ path: IN_MEMORY, clock, random, later, parse: documentParsers, log });
  const subscribe = subscriptionsOf(opened, DEFAULT_TIMING.acknowledgementMs);
  /** Any target has a lane, from its first work on. */
  const lanes = new Set<string>();
  const publish: Bus['publish'] = async (command) => {
    const { topic } = command;
    if (topic.startsWith(workTopic('')) && !lanes.has(topic)) {
      lanes.add(topic);
      await subscribe(topic, topic, (delivery) => work(delivery));
    }
    return opened.bus.publish(command);
  };
  const ports: Embedded = {
    ...opened,
    executions: observedExecutions(opened.executions, observer),
    inbox: observedInbox(opened.inbox, observer),
    bus: { publish },
  };
  const plans = planReader(ports.blobs);
  const engine: Engine = {
    ...ports,
    plans,
    clock,
    random,
    log,
    kinds: options.kinds,
    // Which secrets there are is not known here, so each has a value that is none.
    secrets: { get: async ({ name }) => `secret-${name}` },
    http: scriptedHttp(() => undefined, clock),
    others: otherExecutions({ ...ports, plans, clock, random, log }),
    renderer: { render: (command) => time.during(() => options.renderer.render(command)) },
    clusterOf: options.clusterOf,
    timing: DEFAULT_TIMING,
    callbacks: callbacksOf({ baseUrl: PUBLIC_URL, key: 'simulation' }),
  };
  const resolver: TagResolver = {
    resolve: async ({ repository, tag }) => ({ digest: digestOf({ repository, tag }) }),
  };
  const planning: Planning = {
    ...engine,
    ...ports,
    resolver,
    targets: options.targets,
    openLibrary: libraryOf(ports),
    lockedTemplates: lockedTemplates(ports),
  };
  const nobody = async (): Promise<Answer> => 'done';
  const channels = { slack: nobody, pubsub: nobody };
  const { executions: store, history, inbox } = ports;
  const tell = sendNotifications({ store, history, readPlan: readPlanOf(plans), channels, log });
  const work = workSubscriber({ ...engine, inbox });
  await subscribe(TOPICS.deadLetters, 'dead-letters', work);
  await subscribe(TOPICS.transitions, 'notifications', notificationSubscriber({ tell, inbox, clock, log }));
  await subscribe(workTopic(undefined), workTopic(undefined), work);
  await subscribe(TOPICS.events, 'start-executions', eventSubscriber(planning));

  let cancelTick = (): void => undefined;
  const tick = (): void => {
    sweepExecutions(engine).catch((error: unknown) => log.write('ERROR', 'The sweep failed', { error }));
    cancelTick = clock.after(TICK_MS, tick);
  };
  tick();
  return {
    ports,
    engine,
    planning,
    templates: templateService({ ...ports, ...planning }),
    trouble: () => trouble,
    async stop() {
      cancelTick();
      // Handlers that wait for a time that will not come any more would keep `close` waiting for its patience.
      const closed = opened.close();
      await Promise.race([
        closed,
        time.run({ isOver: () => false, signal: new AbortController().signal, until: Number.POSITIVE_INFINITY }),
      ]);
    },
  };
}

function observedExecutions(store: ExecutionStore, observer: Observer): ExecutionStore {
  return {
    readExecution: (query) => store.readExecution(query),
    readRun: (query) => store.readRun(query),
    readRuns: (query) => store.readRuns(query),
    readGroup: (query) => store.readGroup(query),
    due: (query) => store.due(query),
    list: (query) => store.list(query),
    observe: (query) => store.observe(query),
    async commit(command) {
      const result = await store.commit(command);
      if (result.is === 'conflict') return result;
      for (const write of command.writes) {
        if (write.document === 'execution') observer.execution(write.value);
        if (write.document === 'run') observer.run(write.value);
      }
      return result;
    },
  };
}

function observedInbox(inbox: Inbox, observer: Observer): Inbox {
  return {
    get: (query) => inbox.get(query),
    list: (query) => inbox.list(query),
    async record(command) {
      await inbox.record(command);
      observer.entry(command.entry);
    },
    read: (query) => inbox.read(query),
    async replace(command) {
      const result = await inbox.replace(command);
      if (result === 'recorded') observer.entry(command.entry);
      return result;
    },
  };
}

/** The same ids and numbers each time. */
function seededRandom(): Random {
  let state = SEED;
  // mulberry32
  const fraction = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const letter = (): string => ALPHABET.charAt(Math.floor(fraction() * ALPHABET.length));
  return { fraction, id: () => Array.from({ length: ID_LENGTH }, letter).join('') };
}

/** The signal names that a run waits for now. */
export function awaitedSignal(run: Run): { readonly stage: StageId; readonly name: string } | undefined {
  const { state } = run;
  return state.is === 'waiting' && 'signal' in state.for ? { stage: run.stage, name: state.for.signal } : undefined;
}
