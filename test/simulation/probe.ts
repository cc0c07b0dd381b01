/** A stage kind whose script makes it do everything that a kind can do, against far ends that remember all that reached them. */
import { z } from 'zod';
import type { Outcome } from '../../shared/core/run.ts';
import { type StageContext, type StageKind, TerminalError } from '../../shared/stages/kind.ts';
import { deliver, fenceOff, lockOf, release } from './delivery.ts';
import type { FarEnd } from './far-end.ts';
import { SimulatedFailure, type Worker, type World } from './world.ts';

const STEPS = [
  'again',
  'wait',
  'signal',
  'build',
  'deliver',
  'newAttempt',
  'sameStep',
  'giveUp',
  'kill',
  'long',
  'roll',
] as const;
export type ProbeStep = (typeof STEPS)[number];

/** How far the clocks of two workers may be apart where a freeze is looked at. */
const CLOCKS_DIFFER_MS = 10_000;
const WAIT_MS = 120_000;
const ROLL_MS = 15_000;
const SIGNAL_MS = 2_400_000;

const parameters = z.object({
  script: z.array(z.enum(STEPS)),
  /** The execution, where the plan left it to be told. */
  told: z.string().optional(),
});
const cursor = z.object({
  /** The place in the script. */
  at: z.number(),
  /** The signals that came, in order. */
  seen: z.array(z.string()),
  /** The step that ended the wait for a signal. */
  woken: z.number().exactOptional(),
  /** The turn of the lock, once it was taken. */
  turn: z.number().exactOptional(),
  /** How often in a row another held the lock. */
  lockedOut: z.number(),
});
export type ProbeCursor = z.infer<typeof cursor>;
type Result = Outcome<ProbeCursor, unknown>;

const NO_ANSWER: Result = {
  is: 'failed',
  reason: { code: 'remote-unreachable', text: 'The far end gave no answer.' },
  then: 'sameStep',
};

/** The script of a stage of this kind. */
export function scriptOf(stage: { readonly with: unknown }): readonly ProbeStep[] {
  return parameters.parse(stage.with).script;
}

export function probeKind(world: World, worker: Worker, farEnd: FarEnd): StageKind {
  /** False where the far end gave no answer: it may have built all the same. */
  async function build(context: StageContext): Promise<boolean> {
    try {
      // A far end that keeps no keys: whoever comes after somebody looks before it acts.
      if (context.tries > 1) {
        const found = await world.call(worker, `look for ${context.key}`, () => farEnd.builds.has(context.key));
        if (found) return true;
      }
      await world.call(worker, `build ${context.key}`, () => {
        if (!context.mayWrite()) throw new Error('the step is not held any more');
        farEnd.builds.set(context.key, (farEnd.builds.get(context.key) ?? 0) + 1);
        farEnd.lastBuild.set(context.execution, world.now);
      });
      return true;
    } catch (error) {
      if (error instanceof SimulatedFailure) return false;
      throw error;
    }
  }

  function begin(context: StageContext): void {
    const { execution, stage, attempt, step } = context;
    worker.doing = { execution, stage, attempt, step, lock: lockOf(context) };
    const name = `${execution}/${stage}`;
    farEnd.begun.set(context.key, (farEnd.begun.get(context.key) ?? 0) + 1);
    const other = farEnd.atWork.get(name)?.worker;
    const isFree = other === undefined || other === worker || !other.alive || other.frozenUntil > world.now;
    if (!isFree && !world.wild && world.clockOf(other).now() < (farEnd.atWork.get(name)?.until ?? 0)) {
      farEnd.violations.push(`two workers at once at ${name}`);
    }
    farEnd.atWork.set(name, { worker, until: context.deadline });
  }

  function check(given: unknown, { execution, key }: StageContext): void {
    const { told = execution } = parameters.parse(given);
    if (told !== execution) farEnd.violations.push(`${key} was told that it is ${told}`);
  }

  function leave(context: StageContext): void {
    const stage = `${context.execution}/${context.stage}`;
    if (farEnd.atWork.get(stage)?.worker === worker) farEnd.atWork.delete(stage);
  }

  async function act(script: readonly ProbeStep[], here: ProbeCursor, context: StageContext): Promise<Result> {
    const step: ProbeStep | undefined = script[here.at];
    const next = { ...here, at: here.at + 1 };
    const now = context.clock.now();
    switch (step) {
      case undefined:
        if (script.includes('deliver')) await release(context);
        return { is: 'succeeded', outputs: next };
      case 'again':
        return { is: 'again', cursor: next };
      case 'build':
        return (await build(context)) ? { is: 'again', cursor: next } : NO_ANSWER;
      case 'deliver':
        return deliver(here, context, farEnd);
      case 'wait':
        return {
          is: 'waiting',
          for: { until: now + WAIT_MS },
          cursor: next,
          reason: {
            code: 'time-not-reached',
            text: 'It waits two minutes.',
            unblock: `gennaker cancel ${context.execution}`,
          },
        };
      case 'roll':
        return {
          is: 'waiting',
          for: { until: now + ROLL_MS },
          cursor: next,
          reason: {
            code: 'rollout-in-progress',
            text: 'One of two new pods is ready.',
            unblock: `gennaker cancel ${context.execution}`,
          },
        };
      case 'signal':
        return {
          is: 'waiting',
          for: { signal: 'go', until: now + SIGNAL_MS },
          cursor: { ...next, woken: context.step + 1 },
          reason: {
            code: 'signal-not-received',
            text: 'It waits for go.',
            unblock: `gennaker cancel ${context.execution}`,
          },
        };
      case 'newAttempt':
        if (context.attempt > 1) return { is: 'again', cursor: next };
        throw new Error('the first attempt fails');
      case 'sameStep':
        if (context.tries > 1) return { is: 'again', cursor: next };
        return NO_ANSWER;
      case 'giveUp':
        throw new TerminalError('this can never work');
      case 'kill':
        worker.alive = false;
        worker.onCrash();
        return new Promise(() => undefined);
      case 'long':
        await new Promise<void>((resolve) => context.clock.after(20_000, resolve));
        return { is: 'again', cursor: next };
    }
  }

  return {
    kind: 'probe',
    description: 'Does what its script says.',
    target: 'none',
    with: parameters,
    cursor,
    outputs: z.unknown(),
    async step(given, at, context) {
      begin(context);
      if (world.now < farEnd.frozenUntil - CLOCKS_DIFFER_MS)
        farEnd.violations.push(`${context.key} began while all was frozen`);
      check(given, context);
      const script = scriptOf({ with: given });
      const from = at.cursor === undefined ? { at: 0, seen: [], lockedOut: 0 } : cursor.parse(at.cursor);
      const seen = at.input.by === 'signal' ? [...from.seen, at.input.signal.id] : from.seen;
      try {
        return await act(script, { ...from, seen }, context);
      } finally {
        leave(context);
      }
    },
    async stop(given, _at, context) {
      begin(context);
      try {
        await world.call(worker, `undo ${context.key}`, () => undefined);
        if (scriptOf({ with: given }).includes('deliver')) {
          await fenceOff(context);
          await release(context);
        }
        return { is: 'succeeded', outputs: null };
      } finally {
        leave(context);
      }
    },
  };
}
