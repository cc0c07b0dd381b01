/** Applies the manifests, then watches until everything is stable or something never will be. */
import { createHash } from 'node:crypto';
import type { ReasonCode } from '../../core/reason.ts';
import type { Input, Outcome } from '../../core/run.ts';
import { compareFences, type Fence, fenceOf } from '../../kubernetes/conditional-write.ts';
import { isStaticKind, type WatchedObject, watchRollout } from '../../kubernetes/rollout-watch.ts';
import { acquireLock, lockKey, releaseLock } from '../../kubernetes/service-lock.ts';
import { describeObject, isClusterError, type ObjectReference } from '../../ports/cluster.ts';
import { backOff, notOurs, refusalReason, waitForCluster, waiting } from '../cluster-trouble.ts';
import { type StageContext, TerminalError } from '../kind.ts';
import { applyManifests, refOf } from './apply.ts';
import { manifestsToApply, pinnedImages } from './manifests.ts';
import type { AppliedObject, DeployCursor, DeployOutputs, DeployParameters } from './schema.ts';

/** A step may take about 50 s; it answers before that. */
const SLICE_MS = 45_000;
/** What committing the answer may need before the step's deadline. */
const ANSWER_MS = 3_000;
/** When nothing has moved for this long, a watch is no longer held for it. */
const QUIET_MS = 120_000;
const FIRST_LOOK_MS = 30_000;
const LAST_LOOK_MS = 300_000;
const FIRST_LOCK_LOOK_MS = 2_000;
/** An object that goes away, or a definition, takes about this long. */
const HELD_UP_MS = 1_000;
const MAXIMUM_LINES = 12;

type Result = Outcome<DeployCursor, DeployOutputs>;

/** Failures of a rollout that a new attempt may mend: room in the cluster may come. */
const MAY_PASS: ReadonlySet<ReasonCode> = new Set([
  'quota-exceeded',
  'unschedulable',
  'progress-deadline-exceeded',
  'rollout-failed',
]);

export async function step(
  parameters: DeployParameters,
  at: { cursor: DeployCursor | undefined; input: Input },
  context: StageContext,
): Promise<Result> {
  const cursor = at.cursor ?? begun(context.clock.now());
  // What the step had achieved when the cluster was lost is kept.
  const progress = { cursor };
  try {
    return await roll(parameters, progress, context);
  } catch (error) {
    if (error instanceof TerminalError) return await failed('manifest-refused', error.message, 'giveUp', context);
    if (!isClusterError(error)) throw error;
    if (error.code === 'unreachable') return waitForCluster(progress.cursor, error.message, context);
    if (error.retryable) {
      return { is: 'failed', reason: { code: 'manifest-refused', text: error.message }, then: 'sameStep' };
    }
    const code = refusalReason(error);
    return failed(code, error.message, 'giveUp', context);
  }
}

async function roll(
  parameters: DeployParameters,
  progress: { cursor: DeployCursor },
  context: StageContext,
): Promise<Result> {
  const manifests = await manifestsToApply(parameters, context);
  const until = Math.min(context.deadline - ANSWER_MS, context.clock.now() + SLICE_MS);
  if (progress.cursor.applied.length < manifests.length) {
    const turn = await takeLock(progress.cursor, context);
    if (typeof turn !== 'number') return turn;
    progress.cursor = { ...progress.cursor, turn, lockedOut: 0 };
    const cluster = await context.cluster();
    const fence = { ...fenceBase(context), turn };
    const { applied } = progress.cursor;
    const { end, applied: now } = await applyManifests({ cluster, manifests, applied, fence, until, context });
    const movedAt = now.length > applied.length ? context.clock.now() : progress.cursor.movedAt;
    progress.cursor = { ...progress.cursor, applied: now, movedAt, unreachable: 0 };
    switch (end.is) {
      case 'time':
        return { is: 'again', cursor: progress.cursor };
      case 'held-up':
        return waiting(progress.cursor, HELD_UP_MS, 'rollout-in-progress', `Waiting: ${end.text}`, context);
      case 'fenced-off':
        return failed('fenced-off', end.text, 'giveUp', context);
      case 'not-ours':
        return notOurs();
      case 'all':
        break;
    }
  }
  return watch(progress, until, context);
}

/** Takes the service's lock and returns its turn, or what becomes of the step without it. */
async function takeLock(cursor: DeployCursor, context: StageContext): Promise<number | Result> {
  const acquired = await acquireLock({
    locks: context.locks,
    key: lockOf(context),
    holder: holderOf(context),
    isAtWork: (holder) => context.isAtWork(holder),
    mayWrite: () => context.mayWrite(),
  });
  if (acquired.is === 'not-ours') return notOurs();
  if (acquired.is === 'locked-by-other') {
    const { execution } = acquired.holder;
    const text = `${execution} is delivering ${context.pipeline} to ${context.target}`;
    const next = { ...cursor, lockedOut: cursor.lockedOut + 1 };
    const delay = backOff(FIRST_LOCK_LOOK_MS, LAST_LOOK_MS, cursor.lockedOut);
    return waiting(next, delay, 'locked-by-other', text, context, `gennaker cancel ${execution}`);
  }
  if (cursor.turn !== undefined && cursor.turn !== acquired.turn) {
    const text = `Another execution has delivered ${context.pipeline} to ${context.target} meanwhile`;
    return failed('fenced-off', text, 'giveUp', context);
  }
  return acquired.turn;
}

type Verdict = { readonly is: 'stable' } | { readonly is: 'failed'; readonly code: ReasonCode; readonly text: string };

async function watch(progress: { cursor: DeployCursor }, until: number, context: StageContext): Promise<Result> {
  const { applied } = progress.cursor;
  const watched = applied.filter(({ kind }) => !isStaticKind(kind));
  const uids = new Map(watched.map((object) => [nameOf(object), object.uid]));
  const fence: Fence = { ...fenceBase(context), turn: progress.cursor.turn ?? 0 };
  let objects: readonly WatchedObject[] = [];
  const judge = (now: readonly WatchedObject[]): Verdict | undefined => {
    objects = now;
    context.report(lines(now));
    const seen = signature(now);
    if (seen !== progress.cursor.seen) {
      progress.cursor = { ...progress.cursor, seen, movedAt: context.clock.now(), looks: 0 };
    }
    return verdict(now, uids, fence);
  };
  const quietAt = Math.max(progress.cursor.movedAt + QUIET_MS, context.clock.now() + 1);
  const end = await watchRollout({
    cluster: await context.cluster(),
    refs: watched.map(refOf),
    judge,
    clock: context.clock,
    until: Math.min(until, quietAt),
    signal: context.signal,
  });
  const cursor = { ...progress.cursor, unreachable: 0 };
  if (end?.is === 'failed')
    return failed(end.code, end.text, MAY_PASS.has(end.code) ? 'newAttempt' : 'giveUp', context);
  if (end?.is === 'stable') {
    await giveLockBack(context);
    return { is: 'succeeded', outputs: { images: pinnedImages(context), objects: outputObjects(applied, objects) } };
  }
  const quietMs = context.clock.now() - cursor.movedAt;
  if (quietMs < QUIET_MS) return { is: 'again', cursor };
  const minutes = Math.floor(quietMs / 60_000);
  const text = `${lines(objects).join('; ')}: nothing has moved for ${minutes} minutes`;
  const delay = backOff(FIRST_LOOK_MS, LAST_LOOK_MS, cursor.looks);
  return waiting({ ...cursor, looks: cursor.looks + 1 }, delay, 'rollout-in-progress', text, context);
}

function verdict(
  objects: readonly WatchedObject[],
  uids: ReadonlyMap<string, string>,
  fence: Fence,
): Verdict | undefined {
  for (const { ref, live } of objects) {
    const name = describeObject(ref);
    if (live === undefined || live.metadata.uid !== uids.get(nameOf(ref))) {
      return { is: 'failed', code: 'rollout-failed', text: `${name} was deleted while it was rolled out` };
    }
    const present = fenceOf(live);
    // Steps of this very attempt go on under the fence of the step that applied.
    if (present?.lock === fence.lock && compareFences({ ...present, step: 0 }, { ...fence, step: 0 }) > 0) {
      return { is: 'failed', code: 'fenced-off', text: `${name} was written by a newer delivery meanwhile` };
    }
  }
  for (const { health } of objects) {
    if (health?.state === 'failed' && health.reason !== undefined) return { is: 'failed', ...health.reason };
  }
  return objects.every(({ health }) => health?.state === 'stable') ? { is: 'stable' } : undefined;
}

/** One line for each object that moves or failed, or one for all when none does. */
function lines(objects: readonly WatchedObject[]): string[] {
  const moving = objects.filter(({ health }) => health?.state !== 'stable');
  const shown = moving.slice(0, MAXIMUM_LINES).map(({ ref, health }) => {
    return `${describeObject(ref)}: ${health?.progress ?? 'gone'}`;
  });
  if (moving.length > shown.length) shown.push(`and ${moving.length - shown.length} more`);
  return shown.length > 0 ? shown : [`${objects.length} objects are stable`];
}

function signature(objects: readonly WatchedObject[]): string {
  const states = objects.map(({ ref, health }) => [nameOf(ref), health?.state, health?.progress, health?.pods]);
  return createHash('sha256').update(JSON.stringify(states)).digest('hex').slice(0, 16);
}

function outputObjects(applied: readonly AppliedObject[], objects: readonly WatchedObject[]): DeployOutputs['objects'] {
  const revisions = new Map(objects.map(({ ref, live }) => [nameOf(ref), live && revisionOf(live)]));
  return applied.map((object) => {
    const revision = revisions.get(nameOf(object));
    return revision === undefined ? object : { ...object, revision };
  });
}

function revisionOf(live: NonNullable<WatchedObject['live']>): string | undefined {
  const { updateRevision } = (live.status ?? {}) as { updateRevision?: string };
  return live.metadata.annotations?.['deployment.kubernetes.io/revision'] ?? updateRevision;
}

/** An end without success gives the lock back too: whoever comes next is not to wait for it. */
async function failed(
  code: ReasonCode,
  text: string,
  then: 'giveUp' | 'newAttempt',
  context: StageContext,
): Promise<Result> {
  await giveLockBack(context);
  return { is: 'failed', reason: { code, text }, then };
}

/** Gives the service's lock back, if this attempt holds it. */
export async function giveLockBack(context: StageContext): Promise<void> {
  const mayWrite = () => context.mayWrite();
  await releaseLock({ locks: context.locks, key: lockOf(context), holder: holderOf(context), mayWrite });
}

export function holderOf({ execution, stage, attempt }: StageContext): {
  execution: string;
  stage: string;
  attempt: number;
} {
  return { execution, stage, attempt };
}

export function lockOf({ target = '', namespace, pipeline }: StageContext): string {
  return lockKey({ target, namespace, pipeline });
}

export function fenceBase(context: StageContext): Omit<Fence, 'turn'> {
  return { lock: lockOf(context), attempt: context.attempt, step: context.step };
}

function begun(now: number): DeployCursor {
  return { version: 1, applied: [], movedAt: now, seen: '', looks: 0, unreachable: 0, lockedOut: 0 };
}

function nameOf({
  apiVersion,
  kind,
  name,
  namespace,
}: { [part in keyof ObjectReference]?: string | undefined }): string {
  return [apiVersion, kind, namespace ?? '', name].join(' ');
}
