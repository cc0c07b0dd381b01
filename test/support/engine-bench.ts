/** The use cases of the state machine on the embedded store in memory, with time, messages and faults in the test's hand. */
import { openEmbedded } from '../../shared/adapters/embedded/index.ts';
import type { StagePlan } from '../../shared/core/plan.ts';
import type { Execution, Group, Run } from '../../shared/core/run.ts';
import type { Answer, Message } from '../../shared/ports/bus.ts';
import type { InboxEntry } from '../../shared/ports/inbox.ts';
import type { StageKind } from '../../shared/stages/kind.ts';
import { advanceExecution } from '../../shared/use-cases/advance-execution.ts';
import { type Created, createExecution } from '../../shared/use-cases/create-execution.ts';
import { taking } from '../../shared/use-cases/deliveries.ts';
import { documentParsers } from '../../shared/use-cases/documents.ts';
import { DEFAULT_TIMING, type Engine } from '../../shared/use-cases/engine.ts';
import { type HoldService, holdService } from '../../shared/use-cases/holds/service.ts';
import { parseAnnouncement, parseWorkMessage, TOPICS } from '../../shared/use-cases/messages.ts';
import { planReader } from '../../shared/use-cases/plans.ts';
import { sweepExecutions } from '../../shared/use-cases/sweep-executions.ts';
import { type HandClock, handClock } from './clocks.ts';
import { type LogLine, planOf, recordingLog, START, stagePlan } from './execution-fixtures.ts';
import { type FaultHooks, withFaults } from './faults.ts';
import { scriptedKind } from './scripted-kind.ts';

/** No test of this bench needs more deliveries until everything is at rest. */
const MAXIMUM_DELIVERIES = 500;
/** How far the clock moves at a time while something is waited for, in ms. */
const PATIENCE_STEP_MS = 100;
const MAXIMUM_PATIENCE_STEPS = 5_000;
/** The store answers within a turn or two of the event loop: only what takes longer waits for the clock. */
const TURNS_IN_A_STEP = 20;
const TRACE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

type Sent = { readonly topic: string; readonly message: Message };

export type PlanChange = Parameters<typeof planOf>[0] & { readonly stages: readonly StagePlan[] };

export type EngineBench = AsyncDisposable & {
  readonly engine: Engine;
  /** Windows, freezes, pauses, and what lets a stage go on. */
  readonly holds: HoldService;
  readonly clock: HandClock;
  readonly log: readonly LogLine[];
  /** Everything that was published, in order, and wakes when they were due. */
  readonly sent: readonly Sent[];
  /** Messages of work topics that are still to be delivered. */
  readonly waiting: readonly Message[];
  /** What steps were done, as the scripted kind tells it. */
  readonly done: readonly string[];
  /** Run around every port call; to be set and taken away at any time. */
  hooks: FaultHooks;
  /** Creates an execution of a plan with these stages, and sends its first work. */
  start(id: string, plan: PlanChange): Promise<Created>;
  /** Delivers the next message of a work topic; one that is answered `later` waits again. */
  deliver(): Promise<Answer>;
  /** Puts a message of a work topic last in the row, as a redelivery would. */
  redeliver(message: Message): void;
  /** Loses every message that waits, as a bus that was set up wrongly would. */
  lose(): void;
  /** Delivers until no work waits. */
  settle(): Promise<void>;
  /** Moves the clock on, and delivers all that is due then. */
  pass(ms: number): Promise<void>;
  /** Sweeps each minute and delivers what that sends, until nothing is to be swept. Fails where that takes longer than `minutes`. */
  sweepUntilRest(minutes: number): Promise<void>;
  /** Waits for the promise while the clock moves on. */
  patiently<T>(promise: Promise<T>): Promise<T>;
  execution(id: string): Promise<Execution>;
  run(id: string, stage: string): Promise<Run>;
  group(key?: string): Promise<Group>;
  poisoned(): Promise<readonly InboxEntry[]>;
  /** The revisions that were announced of an execution, each once. */
  announced(id: string): readonly number[];
};

/** A stage of the scripted kind. */
export const scripted = (id: string, script: readonly string[] = [], more: Partial<StagePlan> = {}): StagePlan =>
  stagePlan(id, { kind: 'scripted', with: { script }, timeoutMs: 60 * 60_000, ...more });

/** A kind for one test, whose schemas let everything pass. */
export const kindOf = (
  kind: Partial<StageKind> & Pick<StageKind, 'step' | 'with' | 'cursor' | 'outputs'>,
): StageKind => ({
  kind: 'custom',
  description: 'A kind for one test.',
  target: 'none',
  stop: async () => ({ is: 'succeeded', outputs: null }),
  ...kind,
});

/** Whatever a test holds is there: its pipelines are plans that nobody applied. */
const NAMES: Pick<Parameters<typeof holdService>[0], 'pipelines' | 'teams' | 'targets'> = {
  pipelines: {
    get: async ({ name }) => ({
      format: 1,
      name,
      team: 'items',
      file: 'gennaker.yaml',
      definition: { on: [{}] },
      appliedAt: 0,
      generation: 1,
    }),
    list: async () => [],
  },
  teams: {
    read: async ({ key }) => ({
      value: { format: 1, name: key, pipelines: ['*'], targets: ['*'], namespaces: ['*'] },
      version: '1',
    }),
  },
  targets: ['jp', 'us', 'uk'].map((name) => ({ name })),
};

export function openBench(options: { readonly kinds?: readonly StageKind[] } = {}): EngineBench {
  const clock = handClock(START);
  const log = recordingLog();
  const embedded = openEmbedded({ path: ':memory:', clock, parse: documentParsers, log });
  const script = scriptedKind();
  const sent: Sent[] = [];
  const waiting: Message[] = [];
  const wakes = new Map<string, Sent & { readonly at: number; delivered: boolean }>();
  let ids = 0;
  let messages = 0;

  const keep = (one: Sent): void => {
    sent.push(one);
    if (one.topic.startsWith('work')) waiting.push(one.message);
  };
  const ports = {
    executions: embedded.executions,
    blobs: embedded.blobs,
    progress: embedded.progress,
    bus: {
      publish: async ({ topic, messages: published }: { topic: string; messages: readonly Message[] }) => {
        for (const message of published) keep({ topic, message });
      },
    },
    wakeUps: {
      schedule: async ({ name, ...wake }: { name: string; at: number; topic: string; message: Message }) => {
        if (!wakes.has(name)) wakes.set(name, { ...wake, delivered: false });
      },
    },
  };
  const faulty = withFaults(ports, {
    before: (call) => bench.hooks.before?.(call),
    after: (call) => bench.hooks.after?.(call),
  });
  const unused = (what: string) => async (): Promise<never> => {
    throw new Error(`a test used ${what}`);
  };
  const engine: Engine = {
    ...faulty.ports,
    plans: planReader(faulty.ports.blobs),
    clock,
    random: {
      id: () => {
        ids += 1;
        return `id${ids}`;
      },
      fraction: () => 0.5,
    },
    log,
    kinds: new Map([script.kind, ...(options.kinds ?? [])].map((kind) => [kind.kind, kind])),
    locks: embedded.locks,
    holds: embedded.holds,
    secrets: { get: unused('secrets') },
    http: { request: unused('HTTP') },
    renderer: { render: unused('a renderer') },
    clusterOf: unused('a cluster'),
    timing: DEFAULT_TIMING,
  };
  const take = taking({ inbox: embedded.inbox, clock, log }, (delivery) =>
    advanceExecution(engine, parseWorkMessage(delivery)),
  );

  const handOn = (): void => {
    for (const wake of wakes.values()) {
      if (wake.delivered || wake.at > clock.now()) continue;
      wake.delivered = true;
      keep(wake);
    }
  };

  const found = async <T>(what: string, read: Promise<{ readonly value: T } | undefined>): Promise<T> => {
    const kept = await read;
    if (kept === undefined) throw new Error(`there is no ${what}`);
    return kept.value;
  };

  const bench: EngineBench = {
    engine,
    holds: holdService({ ...engine, ...NAMES, holds: embedded.holds, inbox: embedded.inbox }),
    clock,
    log: log.lines,
    sent,
    waiting,
    done: script.done,
    hooks: {},
    async start(id, plan) {
      return createExecution(engine, {
        id,
        indexed: await engine.plans.put(planOf(plan)),
        trigger: { event: `event of ${id}`, source: 'manual', text: 'a person asked', at: clock.now() },
        trace: TRACE,
      });
    },
    async deliver() {
      const message = waiting.shift();
      if (message === undefined) throw new Error('no message waits to be delivered');
      messages += 1;
      const delivery = { ...message, messageId: `m${messages}`, subscription: 'advance-execution' };
      const answer = await bench.patiently(take(delivery));
      if (answer === 'later') waiting.push(message);
      return answer;
    },
    redeliver: (message) => void waiting.push(message),
    lose: () => void waiting.splice(0),
    async settle() {
      for (let count = 0; ; count += 1) {
        handOn();
        if (waiting.length === 0) return;
        if (count >= MAXIMUM_DELIVERIES) throw new Error(`more than ${MAXIMUM_DELIVERIES} deliveries: they breed`);
        await bench.deliver();
      }
    },
    async pass(ms) {
      clock.advance(ms);
      await bench.settle();
    },
    async sweepUntilRest(minutes) {
      for (let minute = 0; minute <= minutes; minute += 1) {
        await bench.settle();
        const due = await embedded.executions.due({ before: Number.MAX_SAFE_INTEGER, limit: 1 });
        if (due.length === 0) return;
        clock.advance(60_000);
        await bench.patiently(sweepExecutions(engine));
      }
      throw new Error(`something still moves after ${minutes} minutes`);
    },
    async patiently(promise) {
      let open = true;
      const watched = promise.finally(() => {
        open = false;
      });
      for (let step = 0; open && step < MAXIMUM_PATIENCE_STEPS; step += 1) {
        for (let turn = 0; open && turn < TURNS_IN_A_STEP; turn += 1) {
          await Promise.race([watched, new Promise((resolve) => setImmediate(resolve))]);
        }
        if (open) clock.advance(PATIENCE_STEP_MS);
      }
      if (open) throw new Error(`nothing came of it in ${(MAXIMUM_PATIENCE_STEPS * PATIENCE_STEP_MS) / 1000} s`);
      return watched;
    },
    execution: (id) => found(`execution ${id}`, embedded.executions.readExecution({ id })),
    run: (id, stage) => found(`run of ${stage}`, embedded.executions.readRun({ execution: id, stage })),
    group: (key = planOf().concurrency.group) => found(`group ${key}`, embedded.executions.readGroup({ key })),
    poisoned: () => embedded.inbox.list({ limit: 100 }),
    announced(id) {
      const announcements = sent.flatMap(({ topic, message }) =>
        topic === TOPICS.transitions ? [parseAnnouncement(message)] : [],
      );
      const own = announcements.filter((one) => one.execution === id).flatMap((one) => one.transitions);
      return [...new Set(own.map((one) => one.revision))].sort((a, b) => a - b);
    },
    [Symbol.asyncDispose]: () => embedded.close(),
  };
  return bench;
}
