/** Runs one seed: random plans, triggers, people and poison under a storm, then calm, then every oracle. */
import type { Plan } from '../../shared/core/plan.ts';
import type { Execution } from '../../shared/core/run.ts';
import type { Answer, Delivery } from '../../shared/ports/bus.ts';
import { NO_HOLDS } from '../../shared/ports/holds.ts';
import { advanceExecution } from '../../shared/use-cases/advance-execution.ts';
import { createExecution } from '../../shared/use-cases/create-execution.ts';
import { taking } from '../../shared/use-cases/deliveries.ts';
import { executionIdOf } from '../../shared/use-cases/engine.ts';
import { parseWorkMessage } from '../../shared/use-cases/messages.ts';
import { planReader } from '../../shared/use-cases/plans.ts';
import { restartExecution } from '../../shared/use-cases/restart-execution.ts';
import { signalStage } from '../../shared/use-cases/signal-stage.ts';
import { cancelExecution } from '../../shared/use-cases/stop-execution.ts';
import { sweepExecutions } from '../../shared/use-cases/sweep-executions.ts';
import { whoCaused } from '../../shared/use-cases/who-caused.ts';
import { SimulatedBus } from './bus.ts';
import { FarEnd } from './far-end.ts';
import { FarHttp } from './flow/far-http.ts';
import { Flow } from './flow/flow.ts';
import { HeldDocument } from './flow/held-document.ts';
import { requestIn } from './flow/others.ts';
import { People, STARTER } from './flow/people.ts';
import { flowPlans } from './flow/plans.ts';
import { type Judged, judge, type Sent } from './judge.ts';
import { SimulatedLocks } from './locks.ts';
import { randomPlan } from './plans.ts';
import { engineOf, type Parts } from './ports.ts';
import { scriptOf } from './probe.ts';
import { SimulatedStore } from './store.ts';
import { type Weather, type Worker, World } from './world.ts';

const MINUTE = 60_000;
/** How long the calm after the storm may last until everything is at rest, in the world's time. */
const CALM_MS = 10 * 60 * MINUTE;
/** By when all that a random world begins by itself has begun. */
const BEGUN_MS = 45 * MINUTE;
/** After the end of everything: what is still on its way must change nothing. */
const AFTERMATH_MS = 30 * MINUTE;
const BURST = 40;
/** How often a person repeats what got no answer. */
const PATIENCE = 40;

export type Result = Judged & {
  readonly seed: number;
  readonly trace: readonly string[];
  /** An execution in each wait that the world came into, by the wait's code, with the plan that it ran. */
  readonly waits: ReadonlyMap<string, { readonly execution: Execution; readonly plan: Plan }>;
};

/** The random worlds, by the rest of their seeds, in which people, windows, far ends and other pipelines are waited for. */
const FLOW_SEEDS = { each: 16, rests: [1, 14] } as const;

/** What a named scene fixes of a world that is otherwise random. */
export type Script = {
  readonly plan?: (random: Plan) => Plan;
  /** People, windows, far ends and other pipelines are waited for: all the kinds of such stages run, as they are. */
  readonly isFlow?: true;
  /** The source events, by when they arrive in ms from the start; each is delivered as often as it stands here. */
  readonly events?: readonly { readonly event: string; readonly at: number }[];
  readonly weather?: Weather;
  /** How long everything is frozen from the start, in ms. */
  readonly frozenMs?: number;
};

export async function simulate(seed: number, options: { recording?: boolean; script?: Script } = {}): Promise<Result> {
  const scene = new Scene(new World(seed, options.recording, options.script?.weather), options.script);
  let unrest: string | undefined;
  try {
    await scene.play();
  } catch (error) {
    unrest = error instanceof Error ? error.message : String(error);
  }
  const judged = scene.judge();
  const violations = unrest === undefined ? judged.violations : [unrest, ...judged.violations];
  return { seed, ...judged, violations, waits: scene.waits(), trace: scene.world.trace };
}

function frozenFor(world: World, frozenMs: number): HeldDocument {
  const freeze = { id: 'week', scope: 'all', reason: 'a holiday', by: 'someone', at: 0 };
  return new HeldDocument(world, { ...NO_HOLDS, freezes: [{ ...freeze, until: world.wallTime() + frozenMs }] });
}

class Scene {
  readonly world: World;
  private readonly parts: Parts;
  private readonly plans: readonly Plan[];
  /** The executions whose creation was answered to the one who brought the event. */
  private readonly started = new Set<string>();
  readonly signals = new Map<string, Sent>();
  /** When the cancel of an execution was answered, in the world's own time. */
  readonly cancelled = new Map<string, number>();
  readonly poison: string[] = [];
  /** Restarts that somebody still means to make. */
  private readonly intended = new Set<string>();
  private readonly script: Script | undefined;
  private readonly people: People | undefined;

  constructor(world: World, script: Script | undefined) {
    this.world = world;
    this.script = script;
    const store = new SimulatedStore(() => world.now);
    const bus = new SimulatedBus(world, (topic) => (worker, delivery) => {
      return topic === 'events' ? this.start(worker, delivery) : this.work(worker, delivery);
    });
    const sameGroup = world.next() < 0.3;
    const count = script === undefined ? world.between(1, 3) : 1;
    const random = Array.from({ length: count }, (_, index) => {
      return randomPlan(world, index, sameGroup ? 'shared' : `g${index}`);
    });
    // Who gets a slot because a newer plan raised the limit is started by that creation or else by the sweep.
    const limit = world.sweepless ? random[0]?.concurrency.limit : undefined;
    const limited = random.map((plan): Plan => {
      return limit === undefined ? plan : { ...plan, concurrency: { ...plan.concurrency, limit } };
    });
    const { plan = (one: Plan): Plan => one } = script ?? {};
    const rests: readonly number[] = FLOW_SEEDS.rests;
    const isFlow = script === undefined ? rests.includes(world.seed % FLOW_SEEDS.each) : script.isFlow === true;
    this.plans = (isFlow ? flowPlans(world) : limited).map(plan);
    const frozen = script?.frozenMs === undefined ? undefined : frozenFor(world, script.frozenMs);
    const held = isFlow ? new HeldDocument(world) : frozen;
    const watch = isFlow && held !== undefined ? new Flow(world, store, held, this.plans) : undefined;
    const http = new FarHttp(world, (place) => this.people?.callBack(place));
    this.parts = {
      world,
      store,
      bus,
      farEnd: new FarEnd(store),
      locks: new SimulatedLocks(world, store),
      clusters: new Map(),
      warmPlans: planReader({
        put: async ({ text }) => store.putBlob(text),
        get: async ({ hash }) => store.blobs.get(hash),
      }),
      recorded: new Map(),
      held,
      ...(watch === undefined ? {} : { flow: { watch, http } }),
    };
    this.people = watch === undefined || held === undefined ? undefined : new People(this.parts, watch, held);
    this.parts.farEnd.frozenUntil = script?.frozenMs === undefined ? 0 : world.now + script.frozenMs;
  }

  private async start(worker: Worker, message: Delivery): Promise<Answer> {
    const request = requestIn(message);
    const { plan, event } =
      request === undefined
        ? (JSON.parse(message.data) as { plan: number; event: string })
        : { plan: this.plans.findIndex((one) => one.pipeline === request.manual.pipeline), event: request.id };
    const chosen = this.plans[plan];
    if (chosen === undefined) return 'done';
    const engine = engineOf(this.parts, worker);
    const indexed = await engine.plans.put(chosen);
    const id = executionIdOf(chosen.pipeline, event);
    const caused =
      request === undefined ? { source: 'simulated', by: STARTER } : { source: 'manual', ...whoCaused(request) };
    const trigger = { event, text: event, at: this.world.now, ...caused };
    await createExecution(engine, { id, indexed, trigger, trace: '' });
    if (!this.started.has(id)) {
      this.started.add(id);
      this.visit(id, chosen);
      this.interfere(id, chosen);
      this.people?.decide(id, chosen);
    }
    return 'done';
  }

  private work(worker: Worker, delivery: Delivery): Promise<Answer> {
    const engine = engineOf(this.parts, worker);
    return taking(engine, (message) => advanceExecution(engine, parseWorkMessage(message)))(delivery);
  }

  /** A person sends each stage its signals, and repeats one that got no answer. */
  private visit(id: string, plan: Plan): void {
    const { world } = this;
    for (const stage of plan.stages.filter(({ kind }) => kind === 'probe')) {
      for (const [index, step] of scriptOf(stage).entries()) {
        if (step !== 'signal') continue;
        // Some come long before the stage waits for them, some too late, some never.
        if (world.next() < 0.1) continue;
        const name = `${id}/${stage.id}/${index}`;
        this.signals.set(name, { execution: id, stage: stage.id, answer: 'none', answeredAt: 0 });
        const delay = world.next() < 0.5 ? world.next() * 5 * MINUTE : world.next() * 40 * MINUTE;
        world.schedule(delay, () => this.signal(name, 1));
      }
    }
  }

  /** Some executions are cancelled, some started again once they have ended. */
  private interfere(id: string, plan: Plan): void {
    const { world } = this;
    if (world.next() < 0.2) world.schedule(world.next() * 20 * MINUTE, () => this.cancel(id, 1));
    if (world.next() < 0.15 && !world.sweepless && this.script === undefined) {
      this.intended.add(id);
      world.schedule(world.next() * 30 * MINUTE, () => this.restart(id, plan, 1));
    }
  }

  private cancel(id: string, tries: number): void {
    if (tries > PATIENCE) return;
    const again = (): void => {
      this.world.schedule(20_000, () => this.cancel(id, tries + 1));
    };
    const worker = this.world.worker(`a person who cancels ${id}`, again);
    cancelExecution(engineOf(this.parts, worker), { id, by: 'someone' }).then(() => {
      this.cancelled.set(id, this.world.now);
    }, again);
  }

  private restart(id: string, plan: Plan, tries: number): void {
    const leave = (): void => {
      this.intended.delete(id);
    };
    const again = (): void => {
      if (tries >= PATIENCE) leave();
      else this.world.schedule(5 * MINUTE, () => this.restart(id, plan, tries + 1));
    };
    const worker = this.world.worker(`a person who restarts ${id}`, leave);
    restartExecution(engineOf(this.parts, worker), { id, by: 'someone' }, executionIdOf).then((answer) => {
      if (answer.is === 'still-running') return again();
      leave();
      if (answer.is === 'accepted') this.visit(answer.execution, plan);
    }, again);
  }

  private signal(name: string, tries: number): void {
    const signal = this.signals.get(name);
    if (signal === undefined || tries > PATIENCE) return;
    const again = (): void => {
      this.world.schedule(30_000, () => this.signal(name, tries + 1));
    };
    signalStage(engineOf(this.parts, this.world.worker(`signal ${name}`, again)), {
      execution: signal.execution,
      stage: signal.stage,
      signal: { id: name, name: 'go', value: null },
    }).then((answer) => {
      if (answer.is === 'unknown') again();
      else if (signal.answer === 'none' || answer.is === 'taken') {
        signal.answer = answer.is;
        signal.answeredAt = this.world.now;
      }
    }, again);
  }

  /** Puts the source events on their way and returns when the last of them comes, in ms from now. */
  private trigger(): number {
    const { world } = this;
    const atOnce = world.next() < 0.5;
    const random = Array.from({ length: world.between(1, 5) }, (_, index) => {
      return { event: `event-${index}`, at: atOnce ? 0 : world.next() * 30 * MINUTE };
    });
    // A source that delivers again long after: mostly after the execution's end.
    const again = random.filter(() => world.next() < 0.1).map(({ event, at }) => ({ event, at: at + 40 * MINUTE }));
    // And one that delivers again and again, as if it never heard an answer.
    const burst = random.slice(0, world.next() < 0.1 ? 1 : 0).flatMap(({ event, at }) => {
      return Array.from({ length: BURST }, () => ({ event, at: at + world.next() * 5 * MINUTE }));
    });
    const events = this.script?.events ?? [...random, ...again, ...burst];
    const chosen = new Map<string, number>();
    for (const { event, at } of events) {
      const plan = chosen.get(event) ?? world.between(0, this.plans.length - 1);
      chosen.set(event, plan);
      const data = JSON.stringify({ plan, event });
      world.schedule(at, () => this.parts.bus.accept('events', { data, attributes: {} }));
    }
    return Math.max(...events.map((one) => one.at));
  }

  private poisonSome(): void {
    const { world } = this;
    const bodies = [
      '{"specversion":"1.0","id":"x","source":"y","type":"dev.gennaker.stage.due.v1","data":{"stage":7}}',
      '{"specversion":"1.0","id":"x","source":"y","type":"dev.gennaker.nothing.v1","data":{}}',
      '{"specversion":"1.0"',
    ];
    for (const data of bodies) {
      if (world.next() > 0.1) continue;
      world.schedule(world.next() * 10 * MINUTE, () => {
        this.poison.push(this.parts.bus.accept('work', { data, attributes: {} }));
      });
    }
  }

  async play(): Promise<void> {
    const { world } = this;
    this.people?.begin();
    const begun = world.now + Math.max(BEGUN_MS, this.trigger() + 5 * MINUTE);
    this.poisonSome();
    const storm = world.now + world.between(5, 60) * MINUTE;
    const end = Math.max(storm, begun) + CALM_MS;
    for (let at = world.now + MINUTE; at < end; at += MINUTE) {
      await world.run(at);
      this.parts.flow?.watch.look();
      if (at >= storm) world.storm = false;
      if (world.chance(world.temper.clockJump)) world.jump();
      if (!world.sweepless || (at > begun && this.haveEnded())) {
        sweepExecutions(engineOf(this.parts, world.worker('sweep'))).catch((error: unknown) => {
          world.note(`the sweep failed: ${error}`);
        });
      }
      if (!world.storm && at > begun && this.atRest()) break;
    }
    await world.run(world.now + AFTERMATH_MS);
  }

  private haveEnded(): boolean {
    return [...this.parts.store.executions.values()].every((one) => one.value.phase.is === 'ended');
  }

  private atRest(): boolean {
    const executions = [...this.parts.store.executions.values()];
    const triggered = executions.filter((one) => one.value.restartOf === undefined);
    if (this.intended.size > 0 || this.parts.bus.events.size > 0 || this.started.size !== triggered.length)
      return false;
    return executions.every((one) => one.value.sweepAt === undefined);
  }

  waits(): Result['waits'] {
    const { store } = this.parts;
    return new Map(
      [...store.waits].map(([code, execution]) => [
        code,
        { execution, plan: JSON.parse(store.blobs.get(execution.plan) ?? '{}') as Plan },
      ]),
    );
  }

  judge(): Judged {
    return judge(this.parts, this);
  }
}
