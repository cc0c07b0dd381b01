/** The oracles that look at a world once everything in it is at rest. */

import { MAXIMUM_REPEATS, MAXIMUM_TRIES, STOP_LIMIT_MS } from '../../shared/core/limits.ts';
import type { Plan, StagePlan } from '../../shared/core/plan.ts';
import type { Execution, Run } from '../../shared/core/run.ts';
import { parseAnnouncement } from '../../shared/use-cases/messages.ts';
import { judgeFlow } from './flow/judge.ts';
import { NEVER } from './plans.ts';
import type { Parts } from './ports.ts';
import { type ProbeCursor, scriptOf } from './probe.ts';

/** How long after the answer to a cancel the execution may take to end, in ms: little more than its stop steps may. */
const CANCEL_MS = STOP_LIMIT_MS + 300_000;

/** How often a held stage may look whether it may begin: every five minutes, or sooner where clocks jump. */
const MOST_LOOKS = 200;

/** A signal as its sender knows it. */
export type Sent = {
  readonly execution: string;
  readonly stage: string;
  answer: string;
  /** When its sender had the answer, in the world's own time. */
  answeredAt: number;
};

export type Judged = {
  readonly violations: readonly string[];
  readonly executions: number;
  readonly ends: { readonly [end: string]: number };
};

/** What people and strangers did, as they know it. */
export type Deeds = {
  readonly signals: ReadonlyMap<string, Sent>;
  /** When the cancel of an execution was answered, in the world's own time. */
  readonly cancelled: ReadonlyMap<string, number>;
  /** The ids of the messages that can never be processed. */
  readonly poison: readonly string[];
};

export function judge(parts: Parts, { signals, cancelled, poison }: Deeds): Judged {
  const { store, farEnd, bus, recorded, locks, clusters, world, flow } = parts;
  const violations = [
    ...store.violations,
    ...farEnd.violations,
    ...locks.violations,
    ...[...clusters.values()].flatMap((cluster) => cluster.violations),
    ...locks.judge(),
    ...(flow === undefined ? [] : [...flow.http.violations, ...judgeFlow(store, flow.watch)]),
  ];
  const announced = announcedBy(parts);
  const ends: { [end: string]: number } = {};
  for (const { value } of store.executions.values()) {
    violations.push(...judgeExecution(parts, value, announced.get(value.id) ?? new Set()));
    if (value.phase.is === 'ended') ends[value.phase.end] = (ends[value.phase.end] ?? 0) + 1;
  }
  // A far end that keeps no keys is promised one build only where clocks agree.
  for (const [key, count] of farEnd.builds) if (count > 1 && !world.wild) violations.push(`${count} builds for ${key}`);
  for (const [key, count] of farEnd.begun) violations.push(...judgeStep(parts, key, count));
  const plans = new Map<string, Plan>();
  for (const { value } of store.runs.values()) {
    const stage = stageOf(parts, plans, value);
    if (stage !== undefined) violations.push(...judgeRun(parts, stage, value), ...judgeHeld(parts, value));
  }
  for (const [name, signal] of signals) {
    const run = store.runs.get(store.runKey(signal))?.value;
    const stage = run === undefined ? undefined : stageOf(parts, plans, run);
    if (run !== undefined && stage !== undefined) violations.push(...judgeSignal(parts, name, signal, stage, run));
  }
  for (const [id, answeredAt] of cancelled) {
    const late = (store.endedAt.get(id) ?? 0) - answeredAt;
    if (late > CANCEL_MS && !world.wild) violations.push(`${id} ended ${late} ms after its cancel was answered`);
  }
  for (const id of poison) {
    if (!bus.acknowledged.has(id)) violations.push(`the poisoned message ${id} was never acknowledged`);
    if (!recorded.has(`poison-${id}`)) violations.push(`the poisoned message ${id} was never recorded`);
  }
  return { violations, executions: store.executions.size, ends };
}

function announcedBy({ bus }: Parts): Map<string, Set<number>> {
  const announced = new Map<string, Set<number>>();
  for (const message of bus.announced) {
    const { execution, transitions } = parseAnnouncement(message);
    const revisions = announced.get(execution) ?? new Set<number>();
    for (const transition of transitions) revisions.add(transition.revision);
    announced.set(execution, revisions);
  }
  return announced;
}

function judgeExecution({ store, farEnd, world }: Parts, execution: Execution, announced: Set<number>): string[] {
  const { id, phase, revision, sweepAt } = execution;
  const faults: string[] = [];
  for (let one = 1; one <= revision; one += 1) {
    if (!announced.has(one)) faults.push(`revision ${one} of ${id} was never announced`);
  }
  if (phase.is !== 'ended') return [...faults, `${id} never ended: ${phase.is}`];
  if (sweepAt !== undefined) faults.push(`${id} never settled`);
  const late = farEnd.lastBuild.get(id);
  const ended = store.endedAt.get(id);
  if (late !== undefined && ended !== undefined && late > ended && !world.wild) {
    faults.push(`${id} acted on a far end after its end`);
  }
  if (store.runsOf(id).some((run) => run.value.state.is !== 'ended')) faults.push(`${id} ended before its stages`);
  // A restart keeps what had succeeded, and runs what had failed before it again.
  if (execution.restartOf !== undefined) return faults;
  return [...faults, ...judgeOrder(execution, JSON.parse(store.blobs.get(execution.plan) ?? '{}') as Plan)];
}

/** No stage starts while one that it needs or comes after is not at rest. */
function judgeOrder({ id, stages }: Execution, plan: Plan): string[] {
  const views = new Map(stages.map((view) => [view.id, view]));
  return plan.stages.flatMap((stage) => {
    const { startedAt } = views.get(stage.id) ?? {};
    if (startedAt === undefined) return [];
    return [...stage.needs, ...(stage.after ?? [])].flatMap((before) => {
      const { endedAt = Number.POSITIVE_INFINITY } = views.get(before) ?? {};
      return endedAt > startedAt ? [`${id}/${stage.id} started before ${before} was at rest`] : [];
    });
  });
}

/** A step is begun at most once for each claim; each series of claims ends after the tries that it has. */
function judgeStep({ store }: Parts, key: string, begun: number): string[] {
  const claims = store.claims.get(key)?.count ?? 0;
  const series = store.repeated.has(key) ? MAXIMUM_REPEATS : 0;
  // The first claim after an answer counts as the second try.
  const most = MAXIMUM_TRIES + series * (MAXIMUM_TRIES - 1);
  if (begun > claims) return [`${key} was begun ${begun} times on ${claims} claims`];
  return claims > most ? [`${key} was claimed ${claims} times, and ${most} are allowed`] : [];
}

function stageOf({ store }: Parts, plans: Map<string, Plan>, run: Run): StagePlan | undefined {
  const known = plans.get(run.plan) ?? (JSON.parse(store.blobs.get(run.plan) ?? '{}') as Plan);
  plans.set(run.plan, known);
  return known.stages.find((one) => one.id === run.stage);
}

function judgeRun({ store, farEnd, held }: Parts, stage: StagePlan, run: Run): string[] {
  const faults: string[] = [];
  const name = store.runKey(run);
  if (!store.worked.has(name)) return judgeCarried({ store }, run);
  if (stage.kind !== 'probe') return [];
  const script = scriptOf(stage);
  const attempt = `${name}/${run.attempt}`;
  // Planned are the script's steps, the one that ends it and that of a stop; a delay puts one more in between.
  const looks = held === undefined ? 0 : MOST_LOOKS;
  const planned = script.length + 2 + (farEnd.delays.get(attempt)?.size ?? 0) + looks;
  if (run.step > planned) faults.push(`${attempt} came to step ${run.step}, and ${planned} were planned`);
  if (run.state.is !== 'ended') return faults;
  if (stage.if === NEVER && run.state.end === 'succeeded') faults.push(`${name} ran although its condition is false`);
  if (run.state.end === 'succeeded' && script.includes('kill')) {
    faults.push(`${name} succeeded over a step that no worker survives`);
  }
  // Its stop is one step after the one at which the workers were lost.
  const lostAt = `${attempt}/${run.step - 1}`;
  if (run.state.reason?.code === 'worker-lost' && !store.repeated.has(lostAt)) {
    const claims = store.claims.get(lostAt)?.count;
    if (claims !== MAXIMUM_TRIES) faults.push(`${lostAt} was given up after ${claims} claims`);
  }
  return faults;
}

/** A stage's time does not run while it is held: one that never began did not take too long. */
function judgeHeld({ store, farEnd, held, flow }: Parts, run: Run): string[] {
  const name = store.runKey(run);
  if (
    held === undefined ||
    flow !== undefined ||
    run.state.is !== 'ended' ||
    run.state.reason?.code !== 'stage-timed-out'
  )
    return [];
  const began = [...farEnd.begun.keys()].some((key) => key.startsWith(`${name}/`));
  return began ? [] : [`${name} took too long before it was let begin`];
}

/** Only a stage that goes over into a restart succeeds without any work. */
function judgeCarried({ store }: Pick<Parts, 'store'>, run: Run): string[] {
  const isRestart = store.executions.get(run.execution)?.value.restartOf !== undefined;
  const isDone = run.state.is === 'ended' && run.state.end === 'succeeded';
  return isDone && !isRestart ? [`${store.runKey(run)} succeeded without any work`] : [];
}

/** A signal that was taken before its wait was over counts. */
function judgeSignal({ store }: Parts, name: string, signal: Sent, stage: StagePlan, run: Run): string[] {
  if (signal.answer !== 'taken' || run.attempt > 1) return [];
  if (run.state.is !== 'ended' || run.state.end !== 'succeeded') return [];
  const { seen, woken } = run.state.outputs as ProbeCursor;
  if (new Set(seen).size < seen.length) return [`${store.runKey(run)} took a signal twice: ${seen}`];
  // With one wait and one signal there is nothing else that could have ended the wait.
  if (scriptOf(stage).filter((one) => one === 'signal').length !== 1) return [];
  const over = store.claims.get(`${store.runKey(run)}/1/${woken}`)?.first ?? 0;
  if (seen.includes(name) || signal.answeredAt >= over) return [];
  return [`the signal ${name} was taken and never counted`];
}
