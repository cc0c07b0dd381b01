/** Runs one seed: random plans, triggers, signals and cancels under a storm, then calm, then every oracle. */
import { createHash } from 'node:crypto';
import type { Plan, StagePlan } from '../../shared/core/plan.ts';
import type { Transition } from '../../shared/core/run.ts';
import type { Message } from '../../shared/ports/bus.ts';
import type { ExecutionStore } from '../../shared/ports/execution-store.ts';
import { advanceExecution } from '../../shared/use-cases/advance-execution.ts';
import { createExecution } from '../../shared/use-cases/create-execution.ts';
import { taking } from '../../shared/use-cases/deliveries.ts';
import { DEFAULT_TIMING, type Engine, executionIdOf } from '../../shared/use-cases/engine.ts';
import { parseAnnouncement, parseWorkMessage } from '../../shared/use-cases/messages.ts';
import { planReader } from '../../shared/use-cases/plans.ts';
import { signalStage } from '../../shared/use-cases/signal-stage.ts';
import { cancelExecution } from '../../shared/use-cases/stop-execution.ts';
import { sweepExecutions } from '../../shared/use-cases/sweep-executions.ts';
import { SimulatedBus } from './bus.ts';
import { FarEnd, type ProbeStep, probeKind } from './probe.ts';
import { SimulatedStore } from './store.ts';
import { Worker, World } from './world.ts';

const MINUTE = 60_000;
/** How long the calm after the storm may last until everything is at rest, in the world's time. */
const CALM_MS = 10 * 60 * MINUTE;

export type Result = {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly executions: number;
  readonly ends: { readonly [end: string]: number };
  readonly trace: readonly string[];
};

/** A signal as its sender knows it. */
type Sent = { readonly execution: string; readonly stage: string; answer: string; answeredAt: number };

/** What a named scene fixes of a world that is otherwise random. */
export type Script = {
  readonly plan: (random: Plan) => Plan;
  /** The source events, by when they arrive in ms from the start; each is delivered as often as it stands here. */
  readonly events: readonly { readonly event: string; readonly at: number }[];
};

export async function simulate(seed: number, options: { recording?: boolean; script?: Script } = {}): Promise<Result> {
  const scene = new Scene(new World(seed, options.recording), options.script);
  let unrest: string | undefined;
  try {
    await scene.play();
  } catch (error) {
    unrest = error instanceof Error ? error.message : String(error);
  }
  const judged = scene.judge();
  const violations = unrest === undefined ? judged.violations : [unrest, ...judged.violations];
  return { seed, ...judged, violations, trace: scene.world.trace };
}

class Scene {
  readonly world: World;
  private readonly store: SimulatedStore;
  private readonly bus: SimulatedBus;
  private readonly farEnd = new FarEnd();
  private readonly plans: Plan[];
  private readonly started = new Map<string, number>();
  private readonly signals = new Map<string, Sent>();
  private readonly poisoned: string[] = [];

  private readonly script: Script | undefined;

  constructor(world: World, script: Script | undefined) {
    this.world = world;
    this.script = script;
    this.store = new SimulatedStore(() => world.now);
    this.bus = new SimulatedBus(world, (topic) =>
      topic === 'events'
        ? (worker, message) => this.start(worker, message)
        : (worker, message) => this.work(worker, message),
    );
    const sameGroup = world.chance(0.3);
    const random = Array.from({ length: world.between(1, 2) }, (_, index) =>
      this.plan(index, sameGroup ? 'shared' : `g${index}`),
    );
    this.plans = script === undefined ? random : random.slice(0, 1).map(script.plan);
  }

  private plan(index: number, group: string): Plan {
    const { world } = this;
    const pick = <T>(list: readonly T[]): T => {
      const one = list[world.between(0, list.length - 1)];
      if (one === undefined) throw new TypeError('nothing to pick from');
      return one;
    };
    const common: ProbeStep[] = ['again', 'build', 'build', 'wait', 'signal', 'newAttempt', 'sameStep', 'long'];
    const stages: StagePlan[] = [];
    for (let position = 0; position < world.between(1, 5); position += 1) {
      const script = Array.from({ length: world.between(0, 4) }, () => pick(common));
      if (world.next() < 0.08) script.push('giveUp');
      if (world.next() < 0.04) script.push('kill');
      const before = stages.map((stage) => stage.id);
      stages.push({
        id: `s${position}`,
        declaredAs: `s${position}`,
        kind: 'probe',
        ...(world.next() < 0.5 ? { target: pick(['jp', 'us']) } : {}),
        needs: before.filter(() => world.next() < 0.4),
        with: { script },
        ...(world.next() < 0.08 ? { skip: 'its condition is false' } : {}),
        timeoutMs: pick([20, 60, 120]) * MINUTE,
        retry: { attempts: pick([1, 2, 3]), backOffMs: 10_000, maximumBackOffMs: MINUTE },
        onFailure: { then: pick(['fail', 'fail', 'continue'] as const), others: pick(['cancel', 'finish'] as const) },
      });
    }
    return {
      format: 1,
      pipeline: `p${index}`,
      team: 'simulated',
      namespace: 'simulated',
      images: {},
      inputs: {},
      stages,
      concurrency: {
        group,
        limit: pick([1, 1, 2]),
        whenBusy: pick(['newest', 'queue', 'cancel-running', 'skip'] as const),
      },
      timeoutMs: pick([60, 180]) * MINUTE,
      notify: [],
    };
  }

  private engineOf(worker: Worker): Engine {
    const { world, store, bus } = this;
    const call = <T>(label: string, effect: () => T): Promise<T> => world.call(worker, label, effect);
    const executions: ExecutionStore = {
      readExecution: ({ id }) => call(`read ${id}`, () => store.executions.get(id)),
      readRun: (query) => call(`read run ${store.runKey(query)}`, () => store.runs.get(store.runKey(query))),
      readRuns: ({ execution }) =>
        call(`read runs ${execution}`, () =>
          [...store.runs.values()].filter((run) => run.value.execution === execution),
        ),
      readGroup: ({ key }) => call(`read group ${key}`, () => store.groups.get(key)),
      commit: ({ writes }) =>
        call(`commit ${writes.map((write) => write.document).join('+')}`, () => store.commit(writes)),
      due: ({ before, limit }) =>
        call('due', () =>
          [...store.executions.values()]
            .filter((one) => one.value.sweepAt !== undefined && one.value.sweepAt <= before)
            .slice(0, limit)
            .map((one) => one.value.id),
        ),
      list: async () => [],
      observe: () => {
        throw new Error('nobody observes in a simulation');
      },
    };
    const blobs = {
      put: ({ text }: { text: string }) =>
        call('put blob', () => {
          const hash = `sha256:${createHash('sha256').update(text).digest('hex')}`;
          store.blobs.set(hash, text);
          return hash;
        }),
      get: ({ hash }: { hash: string }) => call('get blob', () => store.blobs.get(hash)),
    };
    const unreachable = async (): Promise<never> => {
      throw new Error('not part of this simulation');
    };
    return {
      executions,
      blobs,
      plans: planReader(blobs),
      bus: {
        publish: ({ topic, messages }) =>
          call(`publish ${topic}`, () => {
            for (const message of messages) bus.publish(topic, message);
          }),
      },
      wakeUps: {
        schedule: ({ name, at, topic, message }) =>
          call(`wake ${topic}`, () => bus.wake(name, at - world.clockOf(worker).now(), topic, message)),
      },
      clock: world.clockOf(worker),
      random: world.random(),
      log: { write: () => undefined },
      kinds: new Map([['probe', probeKind(world, worker, this.farEnd)]]),
      locks: { read: unreachable, write: unreachable },
      progress: { show: unreachable, read: unreachable },
      secrets: { get: unreachable },
      http: { request: unreachable },
      clusterOf: unreachable,
      timing: DEFAULT_TIMING,
    };
  }

  private async start(worker: Worker, message: Message): Promise<'done'> {
    const { plan, event } = JSON.parse(message.data) as { plan: number; event: string };
    const chosen = this.plans[plan];
    if (chosen === undefined) return 'done';
    const engine = this.engineOf(worker);
    const indexed = await engine.plans.put(chosen);
    const id = executionIdOf(chosen.pipeline, event);
    await createExecution(engine, {
      id,
      indexed,
      trigger: { event, source: 'simulated', text: event, at: this.world.now },
      trace: '',
    });
    if (!this.started.has(id)) {
      this.started.set(id, this.world.now);
      this.visit(id, chosen);
    }
    return 'done';
  }

  private work(worker: Worker, message: Message): Promise<'done' | 'later'> {
    const engine = this.engineOf(worker);
    const inbox = {
      record: async ({ entry }: { entry: { id: string } }) => {
        this.poisoned.push(entry.id);
      },
      get: async () => undefined,
      list: async () => [],
    };
    const take = taking({ inbox, clock: engine.clock, log: engine.log }, (delivery) =>
      advanceExecution(engine, parseWorkMessage(delivery)),
    );
    return take({ ...message, messageId: worker.name, subscription: 'work' });
  }

  /** A person sends each stage its signals, repeats one that got no answer, and sometimes cancels. */
  private visit(id: string, plan: Plan): void {
    const { world } = this;
    for (const stage of plan.stages) {
      const { script } = stage.with as { script: ProbeStep[] };
      for (const [index, step] of script.entries()) {
        if (step !== 'signal') continue;
        // Some come long before the stage waits for them, some too late, some never.
        if (world.next() < 0.1) continue;
        const name = `${id}/${stage.id}/${index}`;
        this.signals.set(name, { execution: id, stage: stage.id, answer: 'none', answeredAt: 0 });
        const delay = world.next() < 0.5 ? world.next() * 5 * MINUTE : world.next() * 40 * MINUTE;
        world.schedule(delay, () => this.send(name, 1));
      }
    }
    if (world.next() < 0.2) {
      world.schedule(world.next() * 20 * MINUTE, () => {
        const worker = new Worker('a person who cancels', () => undefined);
        cancelExecution(this.engineOf(worker), { id, by: 'someone' }).catch(() => undefined);
      });
    }
  }

  private send(name: string, tries: number): void {
    const signal = this.signals.get(name);
    if (signal === undefined || tries > 40) return;
    const again = (): void => {
      this.world.schedule(30_000, () => this.send(name, tries + 1));
    };
    const worker = new Worker(`signal ${name}`, again);
    signalStage(this.engineOf(worker), {
      execution: signal.execution,
      stage: signal.stage,
      signal: { id: name, name: 'go', value: null },
    }).then((answer) => {
      if (answer.is === 'unknown') again();
      else if (signal.answer === 'none' || answer.is === 'taken') {
        signal.answer = answer.is;
        signal.answeredAt = this.world.clockOf(worker).now();
      }
    }, again);
  }

  async play(): Promise<void> {
    const { world } = this;
    const atOnce = world.chance(0.5);
    const random = Array.from({ length: world.between(1, 5) }, (_, index) => ({
      event: `event-${index}`,
      at: atOnce ? 0 : world.next() * 30 * MINUTE,
    }));
    for (const { event, at } of this.script?.events ?? random) {
      const data = JSON.stringify({ plan: world.between(0, this.plans.length - 1), event });
      world.schedule(at, () => this.bus.publish('events', { data, attributes: {} }));
    }
    if (world.chance(0.2)) {
      const data = '{"specversion":"1.0","id":"x","source":"y","type":"dev.gennaker.stage.due.v1","data":{"stage":7}}';
      world.schedule(MINUTE, () => this.bus.publish('work', { data, attributes: {} }));
    }
    const allBegun = world.now + 45 * MINUTE;
    const storm = world.now + world.between(5, 60) * MINUTE;
    const end = storm + CALM_MS;
    for (let at = world.now + MINUTE; at < end; at += MINUTE) {
      await world.run(at);
      if (at >= storm) world.storm = false;
      if (world.chance(world.temper.clockJump)) world.jump();
      const worker = new Worker('sweep', () => undefined);
      sweepExecutions(this.engineOf(worker)).catch(() => undefined);
      if (!world.storm && at > allBegun && this.atRest()) break;
    }
    await world.run(world.now + 30 * MINUTE);
  }

  private atRest(): boolean {
    return (
      this.started.size === this.store.executions.size &&
      [...this.store.executions.values()].every((one) => one.value.sweepAt === undefined)
    );
  }

  judge(): Pick<Result, 'violations' | 'executions' | 'ends'> {
    const { store, farEnd } = this;
    const violations = [...store.violations, ...farEnd.violations];
    const announced = this.announced();
    const ends: { [end: string]: number } = {};
    for (const { value } of store.executions.values()) {
      if (value.phase.is !== 'ended') violations.push(`${value.id} never ended: ${value.phase.is}`);
      else {
        ends[value.phase.end] = (ends[value.phase.end] ?? 0) + 1;
        if (value.sweepAt !== undefined) violations.push(`${value.id} never settled`);
        const late = farEnd.lastBuild.get(value.id);
        const ended = store.endedAt.get(value.id);
        if (late !== undefined && ended !== undefined && late > ended) {
          violations.push(`${value.id} acted on a far end after its end`);
        }
      }
      const seen = announced.get(value.id) ?? new Set();
      for (let revision = 1; revision <= value.revision; revision += 1) {
        if (!seen.has(revision)) violations.push(`revision ${revision} of ${value.id} was never announced`);
      }
    }
    for (const [key, count] of farEnd.builds) if (count > 1) violations.push(`${count} builds for ${key}`);
    for (const [key, count] of farEnd.begun) if (count > 15) violations.push(`${key} was begun ${count} times`);
    for (const [name, signal] of this.signals) {
      if (signal.answer === 'taken') this.judgeSignal(name, signal, violations);
    }
    return { violations, executions: store.executions.size, ends };
  }

  /** A signal that was taken before its wait was over counts. */
  private judgeSignal(name: string, signal: Sent, violations: string[]): void {
    const run = this.store.runs.get(this.store.runKey(signal))?.value;
    if (run?.state.is !== 'ended' || run.state.end !== 'succeeded' || run.attempt > 1) return;
    const { seen, waitedUntil = 0 } = run.state.outputs as { seen: string[]; waitedUntil?: number };
    const plan = this.plans.flatMap((one) => one.stages).find((stage) => stage.id === signal.stage);
    if (plan === undefined) return;
    const waits = (plan.with as { script: ProbeStep[] }).script.filter((one) => one === 'signal').length;
    // With one wait and one signal there is nothing else that could have ended the wait.
    if (waits === 1 && this.plans.length === 1 && !seen.includes(name) && signal.answeredAt < waitedUntil) {
      violations.push(`the signal ${name} was taken and never counted`);
    }
  }

  private announced(): Map<string, Set<number>> {
    const announced = new Map<string, Set<number>>();
    for (const message of this.bus.announced) {
      const { execution, transitions } = parseAnnouncement(message);
      const revisions = announced.get(execution) ?? new Set<number>();
      for (const transition of transitions as readonly Transition[]) revisions.add(transition.revision);
      announced.set(execution, revisions);
    }
    return announced;
  }
}
