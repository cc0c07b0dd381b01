/** A seeded world: one virtual clock, one queue of events, and workers that crash and freeze between any two port calls. */
import type { Clock } from '../../shared/ports/clock.ts';
import type { Random } from '../../shared/ports/random.ts';

/** How hostile one seed's world is. Each is a probability for one port call, unless said otherwise. */
export type Temper = {
  readonly crash: number;
  readonly freeze: number;
  /** The same for a call to a cluster: what zombies are made of. */
  readonly zombie: number;
  /** A call takes effect and reports a failure all the same. */
  readonly liar: number;
  /** A call fails without effect. */
  readonly failure: number;
  /** For one message. */
  readonly duplicate: number;
  /** For one message: it is lost; only for messages that the protocol sends again. */
  readonly drop: number;
  /** For one minute of the world. */
  readonly clockJump: number;
  /** How far a worker's clock may be off, in ms either way. */
  readonly skewMs: number;
  /** The longest latency of a port call, in ms. */
  readonly latencyMs: number;
  /** The longest delay of a message, in ms. */
  readonly messageDelayMs: number;
};

/** Where a world may have its sore point, as a call's label begins; there a fault is likely. */
const SORE_POINTS = [
  'after commit execution',
  'after commit run',
  'before commit execution',
  'before commit run',
  'before publish transitions',
  'before publish work',
  'before wake',
  'after read run',
  'after read lock',
  'after write lock',
  'before get',
  'before apply',
  'before build',
] as const;
const SORE_FAULTS = ['crash', 'freeze', 'liar', 'failure'] as const;
const SORE = 0.25;
type Fault = (typeof SORE_FAULTS)[number];

/** What a scene may fix of a world that is otherwise as its seed makes it. */
export type Weather = {
  readonly temper?: Partial<Temper>;
  readonly wild?: boolean;
  readonly sweepless?: boolean;
  readonly sores?: readonly { readonly at: (typeof SORE_POINTS)[number]; readonly fault: Fault }[];
  /** How long workers freeze, in ms. */
  readonly freezing?: readonly [shortest: number, longest: number];
};

/** Mulberry32: a small generator with 32 bits of state, enough to make every seed another world. */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Clocks that agree this well, in ms either way, keep to the margin between a step's end and its lease's. */
const TAME_SKEW_MS = 4_000;
const WILD_SKEW_MS = 90_000;
const TAME_JUMP_BACK_MS = 1_000;
const WILD_JUMP_BACK_MS = 120_000;

/** A world that needs more events than this does not come to rest. The busiest sound one needs a tenth. */
const MAXIMUM_EVENTS = 300_000;

/** The step that a worker runs, and the lock under which it writes to a cluster. */
export type Work = {
  readonly execution: string;
  readonly stage: string;
  readonly attempt: number;
  readonly step: number;
  readonly lock: string;
};

/** One handling of one message: what crashes and freezes. */
export class Worker {
  alive = true;
  frozenUntil = 0;
  /** The last step that it began. */
  doing: Work | undefined;
  /** When it last claimed a step, in the world's own time. */
  claimedAt = 0;
  readonly name: string;
  readonly onCrash: () => void;
  /** How far its clock is off, in ms. */
  readonly skew: number;
  constructor(name: string, onCrash: () => void, skew: number) {
    this.name = name;
    this.onCrash = onCrash;
    this.skew = skew;
  }
}

export class SimulatedFailure extends Error {
  override readonly name = 'SimulatedFailure';
}

type Task = { readonly at: number; readonly order: number; readonly run: () => void; cancelled: boolean };

export class World {
  readonly next: () => number;
  readonly temper: Temper;
  /** False once the storm is over: no more faults, so that everything can come to rest. */
  storm = true;
  now = Date.UTC(2026, 0, 1);
  private skew = 0;
  private readonly tasks: Task[] = [];
  private ids = 0;
  private events = 0;
  readonly trace: string[] = [];
  private readonly sores: NonNullable<Weather['sores']>;
  private readonly weather: Weather;
  readonly recording: boolean;
  /** True where clocks are further off than the protocol's margin: what rests on time alone is not promised then. */
  readonly wild: boolean;
  /** True where nobody sweeps before everything has ended: as no message is lost, none may be needed for that. */
  readonly sweepless: boolean;

  readonly seed: number;

  constructor(seed: number, recording = false, weather: Weather = {}) {
    this.seed = seed;
    this.next = generator(seed);
    this.recording = recording;
    this.weather = weather;
    const some = (most: number): number => (this.next() < 0.5 ? 0 : this.next() * most);
    this.wild = weather.wild ?? this.next() < 0.2;
    this.temper = {
      crash: some(0.04),
      freeze: some(0.03),
      zombie: this.wild ? 0.4 : some(0.25),
      liar: some(0.04),
      failure: some(0.05),
      duplicate: this.wild ? 0.5 : some(0.5),
      drop: some(0.15),
      clockJump: some(0.3),
      skewMs: this.wild ? WILD_SKEW_MS : Math.floor(some(TAME_SKEW_MS)),
      latencyMs: 1 + this.next() * 200,
      messageDelayMs: this.next() < 0.3 ? 60_000 * this.next() : 1 + this.next() * 2_000,
      ...weather.temper,
    };
    const sores = this.next() < 0.5 ? 0 : this.between(1, 3);
    const random = Array.from({ length: sores }, () => {
      const fault = SORE_FAULTS[this.between(0, SORE_FAULTS.length - 1)] ?? 'crash';
      return { at: SORE_POINTS[this.between(0, SORE_POINTS.length - 1)] ?? 'before get', fault };
    });
    this.sores = weather.sores ?? random;
    this.sweepless = weather.sweepless ?? (this.temper.drop === 0 && this.next() < 0.5);
    this.note(`a ${this.wild ? 'wild' : 'tame'} world: ${JSON.stringify({ ...this.temper, sores: this.sores })}`);
  }

  /** A new worker; `onCrash` is called when it crashes. */
  worker(name: string, onCrash: () => void = () => undefined): Worker {
    const { skewMs } = this.temper;
    // Clocks at both ends of the range are what hurts.
    const extreme = this.next() < 0.5 ? (this.next() < 0.5 ? -skewMs : skewMs) : undefined;
    return new Worker(name, onCrash, extreme ?? this.between(-skewMs, skewMs));
  }

  chance(probability: number): boolean {
    return this.storm && this.next() < probability;
  }

  between(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  note(text: string): void {
    if (this.recording) this.trace.push(`${((this.now - Date.UTC(2026, 0, 1)) / 1000).toFixed(3)} ${text}`);
  }

  /** Runs `run` after `ms` of the world's own time, which no clock jump touches. */
  schedule(ms: number, run: () => void): Task {
    const task: Task = { at: this.now + Math.max(0, ms), order: this.next(), run, cancelled: false };
    this.tasks.push(task);
    let index = this.tasks.length - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.before(index, parent)) break;
      this.swap(index, parent);
      index = parent;
    }
    return task;
  }

  private before(a: number, b: number): boolean {
    const one = this.tasks[a];
    const other = this.tasks[b];
    if (one === undefined || other === undefined) return false;
    return one.at < other.at || (one.at === other.at && one.order < other.order);
  }

  private swap(a: number, b: number): void {
    const one = this.tasks[a];
    const other = this.tasks[b];
    if (one === undefined || other === undefined) return;
    this.tasks[a] = other;
    this.tasks[b] = one;
  }

  private pop(): Task | undefined {
    const first = this.tasks[0];
    const last = this.tasks.pop();
    if (first === undefined || last === undefined || this.tasks.length === 0) return first;
    this.tasks[0] = last;
    let index = 0;
    for (;;) {
      let least = index;
      if (this.before(2 * index + 1, least)) least = 2 * index + 1;
      if (this.before(2 * index + 2, least)) least = 2 * index + 2;
      if (least === index) return first;
      this.swap(index, least);
      index = least;
    }
  }

  /** Runs what is scheduled until `until`, or until nothing is. */
  async run(until: number): Promise<void> {
    for (;;) {
      const head = this.tasks[0];
      if (head === undefined || head.at > until) {
        this.now = Math.max(this.now, until);
        return;
      }
      this.pop();
      if (head.cancelled) continue;
      this.now = head.at;
      this.events += 1;
      if (this.events > MAXIMUM_EVENTS) throw new Error(`more than ${MAXIMUM_EVENTS} events: the messages breed`);
      head.run();
      // Everything that this event set free runs before the next: only scheduled events give way to others.
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  /** Moves every clock by up to ten minutes forwards, or back: in a tame world by what a time service may do. */
  jump(): void {
    const back = this.wild ? WILD_JUMP_BACK_MS : TAME_JUMP_BACK_MS;
    this.skew += this.next() < 0.3 ? -this.between(0, back) : this.between(0, 600_000);
    this.note(`clock jumps to skew ${this.skew}`);
  }

  /** The time by the clocks that are right. */
  wallTime(): number {
    return Math.floor(this.now) + this.skew;
  }

  /** The clock as a worker reads it. */
  clockOf(worker: Worker): Clock {
    return {
      now: () => this.wallTime() + worker.skew,
      after: (ms, run) => {
        const task = this.schedule(ms, () => {
          if (worker.alive) this.thawed(worker, run);
        });
        return () => {
          task.cancelled = true;
        };
      },
    };
  }

  private thawed(worker: Worker, run: () => void): void {
    if (worker.frozenUntil <= this.now) run();
    else this.schedule(worker.frozenUntil - this.now, () => this.thawed(worker, run));
  }

  random(): Random {
    return {
      id: () => {
        this.ids += 1;
        return `id${this.ids}`;
      },
      fraction: () => this.next(),
    };
  }

  /** Whether the fault happens at the place that the label names. */
  private strikes(fault: Fault, label: string, usual = this.temper[fault]): boolean {
    const isSore = this.sores.some((sore) => sore.fault === fault && label.startsWith(sore.at));
    return this.chance(isSore ? Math.max(SORE, usual) : usual);
  }

  /** How long a worker freezes: many come to themselves just when their time is over, or while others go on. */
  private freezing(): number {
    const { freezing } = this.weather;
    if (freezing !== undefined) return this.between(...freezing);
    const kind = this.next();
    if (kind < 0.3) return this.between(45_000, 66_000);
    if (kind < (this.wild ? 0.8 : 0.4)) return this.between(1_000, 40_000);
    return this.between(1_000, 200_000);
  }

  /** A pause of a worker between two port calls, from which it may not come back, or only after its lease. */
  private step(worker: Worker, label: string, freeze?: number): Promise<void> {
    return new Promise((resolve) => {
      if (!worker.alive) return;
      if (this.strikes('crash', label)) {
        this.note(`${worker.name} crashes at ${label}`);
        worker.alive = false;
        worker.onCrash();
        return;
      }
      if (this.strikes('freeze', label, freeze)) {
        const ms = this.freezing();
        this.note(`${worker.name} freezes at ${label} for ${ms} ms`);
        worker.frozenUntil = this.now + ms;
      }
      this.schedule(this.next() * this.temper.latencyMs, () => this.thawed(worker, resolve));
    });
  }

  /**
   * A port call of a worker: latency and faults around an effect that happens at one moment. `freeze` is how likely
   * the worker freezes just before, where that is not the usual.
   */
  async call<T>(worker: Worker, label: string, effect: () => T, freeze?: number): Promise<T> {
    await this.step(worker, `before ${label}`, freeze);
    if (this.strikes('failure', `before ${label}`)) {
      this.note(`${worker.name} ${label} fails`);
      throw new SimulatedFailure(`${label} failed`);
    }
    const result = effect();
    this.note(`${worker.name} ${label}`);
    await this.step(worker, `after ${label}`);
    if (this.strikes('liar', `after ${label}`)) {
      this.note(`${worker.name} ${label} took effect and reports a failure`);
      throw new SimulatedFailure(`${label} took effect, and its answer was lost`);
    }
    return result;
  }
}
