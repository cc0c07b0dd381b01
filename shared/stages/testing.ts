/**
 * The three proofs that every stage kind passes, for its author to import as `gennaker/testing`: run twice, fail at each
 * effect, stop twice. Work is delivered at least once and a worker may die between any two lines; a kind that passes
 * them loses and doubles nothing. They know no test runner: what fails throws an AssertionError.
 */
import assert from 'node:assert/strict';
import type { Input, Outcome, Signal } from '../core/run.ts';
import type { Blobs } from '../ports/blobs.ts';
import type { Cells, Lock } from '../ports/cells.ts';
import type { Cluster } from '../ports/cluster.ts';
import type { OtherExecutions } from '../ports/other-executions.ts';
import type { Renderer } from '../ports/renderer.ts';
import { type HttpClient, type StageContext, type StageKind, TerminalError } from './kind.ts';

/** No stage of a proof needs more steps. */
const MAXIMUM_STEPS = 200;
const MAXIMUM_TRIES = 5;
const MAXIMUM_FAULTS = 100;
const STEP_MS = 50_000;
const START_MS = Date.parse('2026-05-01T00:00:00Z');

/** The far end of one run, fresh each time. What is not given throws when it is used. */
export type ProofWorld = {
  readonly http?: HttpClient;
  readonly cluster?: Cluster;
  readonly locks?: Cells<Lock>;
  readonly blobs?: Blobs;
  readonly renderer?: Renderer;
  readonly others?: OtherExecutions;
  readonly secrets?: { readonly [name: string]: string };
  readonly context?: Partial<
    Pick<
      StageContext,
      'namespace' | 'target' | 'images' | 'manifests' | 'files' | 'isAtWork' | 'callbackUrl' | 'google'
    >
  >;
  /** What the far end has seen or become, as plain data: it must be the same with faults as without. */
  effects(): unknown;
  /** Called with the time to which the proof moves its clock, so that the far end can move too. */
  passTime?(now: number): void | Promise<void>;
  /** The signal that comes for a stage that waits for one of this name. */
  signal?(name: string): Signal;
  close?(): void | Promise<void>;
};

export type Proof<W, C, O> = {
  readonly name: string;
  readonly kind: StageKind<W, C, O>;
  /** As an author would write them. */
  readonly parameters: unknown;
  world(): ProofWorld | Promise<ProofWorld>;
  /** How a run without faults ends; by default it succeeds. */
  readonly ends?: 'succeeded' | 'failed';
};

/** How often one call to the outside goes wrong, and in which of the ways that a caller cannot tell apart. */
type Fault = { readonly call: number; readonly how: 'before' | 'after' };
type End<O> = { readonly is: 'succeeded' | 'skipped' | 'failed'; readonly outputs?: O; readonly text?: string };

/** The three proofs, to be declared with any test runner: `for (const { name, run } of proofsOf(…)) it(name, run);` */
export function proofsOf<W, C, O>(proof: Proof<W, C, O>): readonly { readonly name: string; run(): Promise<void> }[] {
  const of = `${proof.kind.kind}: ${proof.name}`;
  return [
    { name: `${of} does the same when every step is run twice`, run: () => runTwice(proof) },
    {
      name: `${of} does the same when a worker dies before or after each of its effects`,
      run: () => failAtEachEffect(proof),
    },
    { name: `${of} stops after each of its steps, and stopping twice is stopping once`, run: () => stopTwice(proof) },
  ];
}

/** Every step is run again, its first answer lost. */
export async function runTwice<W, C, O>(proof: Proof<W, C, O>): Promise<void> {
  const plain = await runOnce(proof, {});
  const doubled = await runOnce(proof, { twice: true });
  const expected = proof.ends ?? 'succeeded';
  assert.equal(plain.end.is, expected, `expected that it ${expected}, but it ${plain.end.is}: ${plain.end.text ?? ''}`);
  assertSame(doubled, plain, 'with every step run twice');
}

/** A worker dies at each call that acts on the outside, once before it and once after it. */
export async function failAtEachEffect<W, C, O>(proof: Proof<W, C, O>): Promise<void> {
  const plain = await runOnce(proof, {});
  assert.ok(plain.calls <= MAXIMUM_FAULTS, `it acts ${plain.calls} times; a proof tries at most ${MAXIMUM_FAULTS}`);
  for (let call = 1; call <= plain.calls; call += 1) {
    for (const how of ['before', 'after'] as const) {
      const faulty = await runOnce(proof, { fault: { call, how } });
      assertSame(faulty, plain, `died ${how} call ${call}`);
    }
  }
}

/** A stop after each step brings everything to rest, and a second one changes nothing. */
export async function stopTwice<W, C, O>(proof: Proof<W, C, O>): Promise<void> {
  const plain = await runOnce(proof, {});
  for (let steps = 0; steps < plain.steps; steps += 1) {
    const once = await runOnce(proof, { stopAfter: steps, stops: 1 });
    const twice = await runOnce(proof, { stopAfter: steps, stops: 2 });
    const when = `stopped after step ${steps}`;
    assert.equal(once.end.is, 'succeeded', `${when}, it did not come to rest: ${once.end.text ?? ''}`);
    assert.equal(twice.end.is, 'succeeded', `${when}, it did not come to rest again: ${twice.end.text ?? ''}`);
    assertAlike(twice.effects, once.effects, `${when} twice, the far end is not as after one stop`);
  }
}

function assertSame<O>(changed: Report<O>, plain: Report<O>, when: string): void {
  assertAlike(changed.end, plain.end, `${when}: it ended otherwise`);
  assertAlike(changed.effects, plain.effects, `${when}: the far end is not as it is otherwise`);
}

/** With both sides in the message, which node:assert leaves out where it is given one. */
function assertAlike(actual: unknown, expected: unknown, message: string): void {
  try {
    assert.deepEqual(actual, expected);
  } catch (error) {
    const difference = error instanceof assert.AssertionError ? error.message : String(error);
    throw new assert.AssertionError({ message: `${message}\n${difference}`, actual, expected, operator: 'deepEqual' });
  }
}

type Mode = {
  readonly twice?: boolean;
  readonly fault?: Fault;
  /** Stop after so many steps forward, so many times over. */
  readonly stopAfter?: number;
  readonly stops?: number;
};
type Report<O> = {
  readonly end: End<O | null>;
  readonly effects: unknown;
  readonly steps: number;
  readonly calls: number;
};

type Next<C, R> = { readonly end: End<R> } | { readonly cursor: C; readonly input: Input };

/** A worker that died: nothing that it would have said is heard. */
class WorkerDied extends Error {
  override readonly name = 'WorkerDied';
}

async function runOnce<W, C, O>(proof: Proof<W, C, O>, mode: Mode): Promise<Report<O>> {
  const world = await proof.world();
  try {
    const run = new ProofRun(proof, world, mode);
    const end = await run.toTheEnd();
    return { end, effects: structuredClone(world.effects()), steps: run.steps, calls: run.calls };
  } finally {
    await world.close?.();
  }
}

/** Plays the part of the core for one stage: steps, waits, repetitions, signals, stop. */
class ProofRun<W, C, O> {
  steps = 0;
  calls = 0;
  readonly #kind: StageKind<W, C, O>;
  readonly #parameters: W;
  readonly #world: ProofWorld;
  readonly #mode: Mode;
  #now = START_MS;
  #died = false;

  constructor(proof: Proof<W, C, O>, world: ProofWorld, mode: Mode) {
    this.#kind = proof.kind;
    // Twice, as it happens on the way from a file over the plan to the worker.
    this.#parameters = proof.kind.with.parse(JSON.parse(JSON.stringify(proof.kind.with.parse(proof.parameters))));
    this.#world = world;
    this.#mode = mode;
  }

  async toTheEnd(): Promise<End<O | null>> {
    let cursor: C | undefined;
    let input: Input = { by: 'begin' };
    while (this.steps < (this.#mode.stopAfter ?? MAXIMUM_STEPS)) {
      const outcome: Outcome<C, O> = await this.#step('step', cursor, input);
      this.steps += 1;
      const next: Next<C, O> = await this.#after(outcome);
      if ('end' in next) return next.end;
      cursor = next.cursor;
      input = next.input;
    }
    if (this.#mode.stopAfter === undefined) throw new Error(`proving: no end after ${MAXIMUM_STEPS} steps`);
    let end: End<O | null> = { is: 'failed', text: 'was never stopped' };
    for (let time = 1; time <= (this.#mode.stops ?? 1); time += 1) end = await this.#stop(cursor);
    return end;
  }

  async #stop(from: C | undefined): Promise<End<null>> {
    let cursor = from;
    let input: Input = { by: 'stop' };
    for (let count = 0; count < MAXIMUM_STEPS; count += 1) {
      const outcome: Outcome<C, null> = await this.#step('stop', cursor, input);
      this.steps += 1;
      const next: Next<C, null> = await this.#after(outcome);
      if ('end' in next) return next.end;
      cursor = next.cursor;
      input = next.input;
    }
    throw new Error(`proving: not at rest after ${MAXIMUM_STEPS} stop steps`);
  }

  /** What the core makes of an outcome: the end, or the cursor and input of the next step. */
  async #after<R>(outcome: Outcome<C, R>): Promise<Next<C, R>> {
    switch (outcome.is) {
      case 'succeeded':
        return { end: { is: 'succeeded', outputs: this.#kept(outcome.outputs) } };
      case 'skipped':
        return { end: { is: 'skipped', text: outcome.reason.text } };
      case 'failed':
        return { end: { is: 'failed', text: outcome.reason.text } };
      case 'again':
        await this.#pass(this.#now + 1000);
        return { cursor: this.#keptCursor(outcome.cursor), input: { by: 'again' } };
      case 'waiting': {
        const cursor = this.#keptCursor(outcome.cursor);
        const wait = outcome.for;
        if ('signal' in wait && this.#world.signal !== undefined) {
          await this.#pass(this.#now + 1000);
          return { cursor, input: { by: 'signal', signal: this.#world.signal(wait.signal) } };
        }
        if (wait.until === undefined)
          throw new Error('proving: the stage waits for a signal that the world does not send');
        await this.#pass(wait.until);
        return { cursor, input: { by: 'time' } };
      }
    }
  }

  /** One step as the core runs it: again where the worker died, and where the step asks for it. */
  async #step<R>(which: 'step' | 'stop', cursor: C | undefined, input: Input): Promise<Outcome<C, R>>;
  async #step(which: 'step' | 'stop', cursor: C | undefined, input: Input): Promise<Outcome<C, O | null>> {
    let answered = 0;
    let last: Outcome<C, O | null> | undefined;
    for (let tries = 1; tries <= MAXIMUM_TRIES; tries += 1) {
      this.#died = false;
      const outcome = await this.#attempt(which, cursor, input, tries);
      if (outcome === undefined || this.#died) continue;
      last = outcome;
      if (outcome.is === 'failed' && outcome.then === 'sameStep') continue;
      answered += 1;
      if (answered === 1 && this.#mode.twice === true) continue;
      return outcome;
    }
    if (last === undefined) throw new Error(`proving: the worker died ${MAXIMUM_TRIES} times`);
    return last;
  }

  async #attempt(
    which: 'step' | 'stop',
    cursor: C | undefined,
    input: Input,
    tries: number,
  ): Promise<Outcome<C, O | null> | undefined> {
    const context = this.#context(which, tries);
    try {
      return which === 'step'
        ? await this.#kind.step(this.#parameters, { cursor, input }, context)
        : await this.#kind.stop(this.#parameters, { cursor, input }, context);
    } catch (error) {
      if (error instanceof WorkerDied) return undefined;
      const text = error instanceof Error ? error.message : String(error);
      const code = error instanceof TerminalError ? 'remote-refused' : 'stage-failed';
      return { is: 'failed', reason: { code, text }, then: error instanceof TerminalError ? 'giveUp' : 'newAttempt' };
    }
  }

  #context(which: 'step' | 'stop', tries: number): StageContext {
    const step = this.steps + 1;
    const deadline = this.#now + STEP_MS;
    const { http, cluster, locks, blobs, renderer, secrets, others, context } = this.#world;
    const missing = (what: string): never => {
      throw new Error(`proving: the stage uses ${what}, and its world has none`);
    };
    return {
      execution: 'e1',
      pipeline: 'items-api',
      stage: 'proof',
      attempt: 1,
      step,
      tries,
      key: `e1/proof/1/${which}/${step}`,
      namespace: 'items',
      images: {},
      deadline,
      signal: new AbortController().signal,
      mayWrite: () => !this.#died,
      clock: { now: () => this.#now, after: (_ms, run) => this.#timer(run) },
      blobs: blobs ?? { put: async () => missing('blobs'), get: async () => missing('blobs') },
      locks: this.#faulty(locks ?? { read: async () => missing('locks'), write: async () => missing('locks') }, [
        'write',
      ]),
      isAtWork: async () => false,
      cluster: async () =>
        cluster === undefined ? missing('a cluster') : this.#faulty(cluster, ['create', 'apply', 'delete']),
      secrets: { get: async ({ name }) => secrets?.[name] },
      renderer: renderer ?? { render: async () => missing('a renderer') },
      ...(others === undefined ? {} : { others: this.#faulty(others, ['start', 'stop']) }),
      http: this.#faulty(http ?? { request: async () => missing('HTTP') }, ['request']),
      log: { write: () => undefined },
      report: () => undefined,
      ...context,
    };
  }

  /** Timers fire at once: what a timer bounds may always end early. */
  #timer(run: () => void): () => void {
    const timer = setTimeout(run, 1);
    return () => clearTimeout(timer);
  }

  /** The same object, with the fault of this run in the calls that act on the outside. */
  #faulty<T extends object>(target: T, acts: readonly (keyof T & string)[]): T {
    return new Proxy(target, {
      get: (object, property) => {
        const member: unknown = Reflect.get(object, property, object);
        if (typeof member !== 'function') return member;
        const call = (...given: unknown[]): unknown => Reflect.apply(member, object, given);
        return acts.some((name) => name === property) ? (...given: unknown[]) => this.#act(() => call(...given)) : call;
      },
    });
  }

  async #act(call: () => unknown): Promise<unknown> {
    if (this.#died) throw new WorkerDied('proving: a dead worker went on');
    this.calls += 1;
    const fault = this.#mode.fault?.call === this.calls ? this.#mode.fault : undefined;
    if (fault?.how === 'before') this.#die();
    const result = await call();
    if (fault?.how === 'after') this.#die();
    return result;
  }

  #die(): never {
    this.#died = true;
    throw new WorkerDied('proving: the worker died here');
  }

  async #pass(to: number): Promise<void> {
    this.#now = Math.max(this.#now, to);
    await this.#world.passTime?.(this.#now);
  }

  #keptCursor(cursor: C): C {
    return this.#kind.cursor.parse(JSON.parse(JSON.stringify(cursor)));
  }

  #kept<R>(outputs: R): R {
    const schema = this.#kind.outputsOf?.(this.#parameters) ?? this.#kind.outputs;
    if (outputs !== null) schema.parse(JSON.parse(JSON.stringify(outputs)));
    return outputs;
  }
}
