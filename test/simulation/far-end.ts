/** What the far ends of a simulated world remember, as the truth that its oracles compare with. */
import type { StageContext } from '../../shared/stages/kind.ts';
import type { SimulatedStore } from './store.ts';
import type { Worker } from './world.ts';

export class FarEnd {
  /** Builds by the key of the side effect that asked for them. */
  readonly builds = new Map<string, number>();
  /** When the last build of each execution was started, in the world's own time. */
  readonly lastBuild = new Map<string, number>();
  /** How often each step was begun, by `execution/stage/attempt/step`. */
  readonly begun = new Map<string, number>();
  /** The steps of each attempt that only waited for a lock or a cluster, by `execution/stage/attempt`. */
  readonly delays = new Map<string, Set<number>>();
  /** Who works on each stage now. */
  readonly atWork = new Map<string, { worker: Worker; until: number }>();
  /** Before this, in the world's own time, no stage may begin. */
  frozenUntil = 0;
  readonly violations: string[] = [];
  private readonly store: SimulatedStore;

  constructor(store: SimulatedStore) {
    this.store = store;
  }

  /** A delivery was refused, because of a lock's turn or an object's fence: that must not happen to who holds the step. */
  refused(context: StageContext, by: string): void {
    const run = this.store.runs.get(this.store.runKey(context))?.value;
    if (run?.state.is === 'claimed' && run.attempt === context.attempt && run.step === context.step) {
      this.violations.push(`${context.key} was refused by ${by} while it held its step`);
    }
  }

  delayed({ execution, stage, attempt, step }: StageContext): void {
    const name = `${execution}/${stage}/${attempt}`;
    const delays = this.delays.get(name) ?? new Set();
    this.delays.set(name, delays.add(step));
  }
}
