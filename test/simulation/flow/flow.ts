/** What a world with people, windows, far ends and pipelines that run one another knows of itself, and how its workers are watched. */

import type { Plan } from '../../../shared/core/plan.ts';
import { isHold } from '../../../shared/core/reason.ts';
import type { Run } from '../../../shared/core/run.ts';
import { hasMail } from '../../../shared/core/stage.ts';
import type { StageContext, StageKind } from '../../../shared/stages/kind.ts';
import { stageKinds } from '../../../shared/stages/registry.ts';
import type { SimulatedStore } from '../store.ts';
import type { Worker, World } from '../world.ts';
import type { Beginning, HeldDocument } from './held-document.ts';

const MINUTE = 60_000;
/** After the storm, how long something may wait for what is over: it looks by itself each five minutes, or is swept. */
const UNNOTICED_MS = 25 * MINUTE;

/** How far clocks jump back in a tame world. */
const JUMP_BACK_MS = 1_000;

/** A decision as the person knows it. */
type Decided = {
  readonly execution: string;
  readonly stage: string;
  readonly person: string;
  readonly is: 'approve' | 'reject';
  readonly isTaken: boolean;
};

const REAL_KINDS = ['approve', 'wait', 'pipeline', 'webhook'] as const;

export class Flow {
  readonly violations: string[] = [];
  readonly decisions: Decided[] = [];
  /** Stages that a person let begin, or may have, by `execution/stage`. */
  readonly overridden = new Set<string>();
  /** The last attempt of each stage in which its kind did anything, by `execution/stage`. */
  readonly begun = new Map<string, number>();
  /** The stages that were brought to rest since they last did anything. */
  readonly rested = new Set<string>();
  /** The stages of which a stop step was begun: they never go forward again. */
  private readonly stopped = new Set<string>();
  private readonly plans: ReadonlyMap<string, Plan>;
  private readonly world: World;
  private readonly store: SimulatedStore;
  private readonly held: HeldDocument;
  /** Since when what each stage waits for has been over, in the world's own time. */
  private readonly overSince = new Map<string, number>();

  constructor(world: World, store: SimulatedStore, held: HeldDocument, plans: readonly Plan[]) {
    this.world = world;
    this.store = store;
    this.held = held;
    this.plans = new Map(plans.map((plan) => [plan.pipeline, plan]));
  }

  get isWild(): boolean {
    return this.world.wild;
  }

  planOf(pipeline: string): Plan | undefined {
    return this.plans.get(pipeline);
  }

  /** The kinds as they are, seen by this world. */
  kindsOf(worker: Worker, probe: StageKind): ReadonlyMap<string, StageKind> {
    const kinds = stageKinds();
    const real = REAL_KINDS.flatMap((name) => kinds.get(name) ?? []);
    return new Map([probe, ...real].map((kind) => [kind.kind, this.watched(kind, worker)]));
  }

  private watched(kind: StageKind, worker: Worker): StageKind {
    return {
      ...kind,
      step: (given, at, context) => {
        this.begins(worker, context);
        return kind.step(given, at, context);
      },
      stop: async (given, at, context) => {
        this.stopped.add(nameOf(context));
        const outcome = await kind.stop(given, at, context);
        if (outcome.is === 'succeeded' || outcome.is === 'skipped') this.rested.add(nameOf(context));
        return outcome;
      },
    };
  }

  private begins(worker: Worker, context: StageContext): void {
    const name = nameOf(context);
    const what = this.beginningOf(context);
    const isFirst = !this.begun.has(name);
    this.begun.set(name, context.attempt);
    this.world.note(`${worker.name} begins ${context.key}, try ${context.tries}`);
    this.rested.delete(name);
    if (this.stopped.has(name) && !this.world.wild) this.violations.push(`${context.key} was begun after its stop`);
    const run = this.store.runs.get(name)?.value;
    if (run?.state.is === 'ended' && !this.world.wild) this.violations.push(`${context.key} was begun after its end`);
    if (isFirst && what !== undefined && this.isHeld(worker, context, what)) {
      this.violations.push(`${context.key} began although it was held`);
    }
  }

  /**
   * True where the worker must have found it held. Where a worker was lost at the step it may have begun the stage: only
   * what held from the stage's start, by whatever clock, holds it for certain.
   */
  private isHeld(worker: Worker, context: StageContext, what: Beginning): boolean {
    if (context.tries === 1) return this.held.hasBeenHeldSince(worker.claimedAt, what);
    const startedAt = this.store.startedAt.get(nameOf(context)) ?? this.world.now;
    const since = startedAt - 2 * this.world.temper.skewMs - JUMP_BACK_MS;
    return !this.world.wild && this.held.hasOneHeldSince(since, what);
  }

  private beginningOf(place: { readonly execution: string; readonly stage: string }): Beginning | undefined {
    const execution = this.store.executions.get(place.execution)?.value;
    const plan = this.plans.get(execution?.pipeline ?? '');
    const stage = plan?.stages.find((one) => one.id === place.stage);
    if (plan === undefined || stage === undefined) return undefined;
    return {
      execution: place.execution,
      pipeline: plan.pipeline,
      team: plan.team,
      target: stage.target,
      isFirst: stage.needs.length === 0 && (stage.after ?? []).length === 0,
      windows: plan.windows ?? [],
      isOverridden: this.overridden.has(nameOf(place)),
    };
  }

  /** Once a minute: what a stage waits for may be over for a while, and not for long. */
  look(): void {
    for (const [name, { value: run }] of this.store.runs) {
      if (this.world.storm || run.state.is !== 'waiting' || !this.isOver(run)) {
        this.overSince.delete(name);
        continue;
      }
      const since = this.overSince.get(name) ?? this.world.now;
      this.overSince.set(name, since);
      if (this.world.now - since < UNNOTICED_MS) continue;
      this.violations.push(`${name} still waits (${run.state.reason.code}) for what was over long ago`);
      this.overSince.delete(name);
    }
  }

  private isOver(run: Run): boolean {
    if (run.state.is !== 'waiting') return false;
    // What wakes it may have been dropped: then the sweep finds it only when the time of its wait is over.
    if (hasMail(run)) return this.world.temper.drop === 0;
    const what = isHold(run.state.reason) ? this.beginningOf(run) : undefined;
    // A restart begins with a stage that others stand before.
    const isRestart = this.store.executions.get(run.execution)?.value.restartOf !== undefined;
    // Whoever overrode it may have been cut off before it was kept.
    return what !== undefined && this.held.isFree({ ...what, isOverridden: false, isFirst: what.isFirst || isRestart });
  }
}

export const nameOf = ({ execution, stage }: { readonly execution: string; readonly stage: string }): string =>
  `${execution}/${stage}`;
