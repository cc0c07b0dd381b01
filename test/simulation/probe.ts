/** A stage kind whose script makes it do everything that a kind can do, against far ends that remember all that reached them. */
import { z } from 'zod';
import type { Outcome } from '../../shared/core/run.ts';
import { type StageContext, type StageKind, TerminalError } from '../../shared/stages/kind.ts';
import type { Worker, World } from './world.ts';

const STEPS = ['again', 'wait', 'signal', 'build', 'newAttempt', 'sameStep', 'giveUp', 'kill', 'long'] as const;
export type ProbeStep = (typeof STEPS)[number];

const parameters = z.object({ script: z.array(z.enum(STEPS)) });
const cursor = z.object({
  at: z.number(),
  seen: z.array(z.string()),
  /** When the wait for a signal was over, by the clock. */
  waitedUntil: z.number().exactOptional(),
});
type Cursor = z.infer<typeof cursor>;

/** What the far ends saw. */
export class FarEnd {
  /** Builds by the key of the side effect that asked for them. */
  readonly builds = new Map<string, number>();
  /** When the last build of each execution was started, in the world's own time. */
  readonly lastBuild = new Map<string, number>();
  /** How often each step was begun. */
  readonly begun = new Map<string, number>();
  /** Who works on each stage now. */
  readonly atWork = new Map<string, { worker: Worker; until: number }>();
  readonly violations: string[] = [];
}

export function probeKind(world: World, worker: Worker, farEnd: FarEnd): StageKind {
  async function build(context: StageContext): Promise<void> {
    // A far end that keeps no keys: whoever comes after somebody looks before it acts.
    if (context.tries > 1) {
      const found = await world.call(worker, `look for ${context.key}`, () => farEnd.builds.has(context.key));
      if (found) return;
    }
    await world.call(worker, `build ${context.key}`, () => {
      if (!context.mayWrite()) throw new Error('the step is not held any more');
      farEnd.builds.set(context.key, (farEnd.builds.get(context.key) ?? 0) + 1);
      farEnd.lastBuild.set(context.execution, world.now);
    });
  }

  function begin(context: StageContext): void {
    const stage = `${context.execution}/${context.stage}`;
    farEnd.begun.set(context.key, (farEnd.begun.get(context.key) ?? 0) + 1);
    const other = farEnd.atWork.get(stage);
    if (other !== undefined && other.worker !== worker && other.worker.alive && other.worker.frozenUntil <= world.now) {
      if (context.clock.now() < other.until) farEnd.violations.push(`two workers at once at ${stage}`);
    }
    farEnd.atWork.set(stage, { worker, until: context.deadline });
  }

  function leave(context: StageContext): void {
    const stage = `${context.execution}/${context.stage}`;
    if (farEnd.atWork.get(stage)?.worker === worker) farEnd.atWork.delete(stage);
  }

  async function act(
    step: ProbeStep | undefined,
    context: StageContext,
    next: Cursor,
  ): Promise<Outcome<Cursor, unknown>> {
    switch (step) {
      case undefined:
        return { is: 'succeeded', outputs: next };
      case 'again':
        return { is: 'again', cursor: next };
      case 'build':
        await build(context);
        return { is: 'again', cursor: next };
      case 'wait':
        return {
          is: 'waiting',
          for: { until: context.clock.now() + 120_000 },
          cursor: next,
          reason: { code: 'time-not-reached', text: 'It waits two minutes.', unblock: 'gennaker cancel' },
        };
      case 'signal':
        return {
          is: 'waiting',
          for: { signal: 'go', until: context.clock.now() + 900_000 },
          cursor: { ...next, waitedUntil: context.clock.now() + 900_000 },
          reason: { code: 'signal-not-received', text: 'It waits for go.', unblock: 'gennaker signal' },
        };
      case 'newAttempt':
        if (context.attempt > 1) return { is: 'again', cursor: next };
        throw new Error('the first attempt fails');
      case 'sameStep':
        if (context.tries > 1) return { is: 'again', cursor: next };
        return { is: 'failed', reason: { code: 'remote-unreachable', text: 'no answer' }, then: 'sameStep' };
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
      const { script } = parameters.parse(given);
      const from = at.cursor === undefined ? { at: 0, seen: [] } : cursor.parse(at.cursor);
      const seen = at.input.by === 'signal' ? [...from.seen, at.input.signal.id] : from.seen;
      try {
        return await act(script[from.at], context, { ...from, at: from.at + 1, seen });
      } finally {
        leave(context);
      }
    },
    async stop(_given, _at, context) {
      begin(context);
      try {
        await world.call(worker, `undo ${context.key}`, () => undefined);
        return { is: 'succeeded', outputs: null };
      } finally {
        leave(context);
      }
    },
  };
}
