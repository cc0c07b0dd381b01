/** Creates the Job, starts it, and watches it to its end; what has gone wrong for good is taken away again first. */
import type { ReasonCode } from '../../core/reason.ts';
import type { Input, Outcome } from '../../core/run.ts';
import { changeFenced, FIELD_MANAGER, writeFenced } from '../../kubernetes/conditional-write.ts';
import { isTrue } from '../../kubernetes/objects.ts';
import { watchRollout } from '../../kubernetes/rollout-watch.ts';
import { formatDuration } from '../../pipeline/duration.ts';
import { describeObject, isClusterError, type LiveObject } from '../../ports/cluster.ts';
import { backOff, notOurs, refusalReason, waitForCluster, waiting } from '../cluster-trouble.ts';
import type { StageContext } from '../kind.ts';
import { completed, failedJob } from './ended.ts';
import { jobFence, jobManifest, jobReference, START_MANAGER, startOf } from './job.ts';
import { endOfLooking, removeJob } from './remove.ts';
import type { ContainerCursor, ContainerOutputs, ContainerParameters } from './schema.ts';

/** A Job that runs longer than this is looked at now and then; no watch is held for it. */
const WATCHED_MS = 120_000;
const FIRST_LOOK_MS = 10_000;
const LAST_LOOK_MS = 60_000;
/** An object that goes away takes about this long. */
const HELD_UP_MS = 1_000;

type Result = Outcome<ContainerCursor, ContainerOutputs>;
type At = { cursor: ContainerCursor | undefined; input: Input };

/** Failures that a new attempt may mend: room in the cluster may come. */
const MAY_PASS: ReadonlySet<ReasonCode> = new Set(['quota-exceeded', 'unschedulable', 'rollout-failed']);

export async function step(parameters: ContainerParameters, at: At, context: StageContext): Promise<Result> {
  const cursor = at.cursor ?? begun(context);
  try {
    if (cursor.uid === undefined) return await create(parameters, cursor, context);
    if (cursor.ending !== undefined) return await endBadly(cursor, cursor.ending, context);
    return await follow(parameters, { ...cursor, uid: cursor.uid }, context);
  } catch (error) {
    if (!isClusterError(error)) throw error;
    if (error.code === 'unreachable') return waitForCluster(cursor, error.message, context);
    if (error.retryable) return failed('manifest-refused', error.message, 'sameStep');
    const code = refusalReason(error);
    return failed(code, error.message, code === 'quota-exceeded' ? 'newAttempt' : 'giveUp');
  }
}

export function begun({ clock }: Pick<StageContext, 'clock'>): ContainerCursor {
  return { version: 1, begunAt: clock.now(), looks: 0, unreachable: 0 };
}

/** Creates the Job, or finds that a try before this one has. It runs nothing until its uid is committed. */
async function create(
  parameters: ContainerParameters,
  cursor: ContainerCursor,
  context: StageContext,
): Promise<Result> {
  const { execution, signal } = context;
  const written = await writeFenced({
    cluster: await context.cluster(),
    manifest: jobManifest(parameters, context),
    fence: jobFence(context),
    execution,
    fieldManager: FIELD_MANAGER,
    mayWrite: () => context.mayWrite(),
    oncePerAttempt: true,
    signal,
  });
  switch (written.is) {
    case 'written':
      return { is: 'again', cursor: { ...cursor, uid: written.object.metadata.uid, unreachable: 0 } };
    case 'being-deleted': {
      const text = `Waiting: ${describeObject(jobReference(context))} is being deleted`;
      return waiting(cursor, HELD_UP_MS, 'rollout-in-progress', text, context);
    }
    case 'fenced-off':
      return failed('fenced-off', `${describeObject(jobReference(context))} was written by a later step`, 'giveUp');
    case 'not-ours':
      return notOurs();
  }
}

type Begun = ContainerCursor & { readonly uid: string };
type Seen =
  | { readonly is: 'gone' | 'complete' | 'failed'; readonly job?: LiveObject }
  | { readonly is: 'stuck'; readonly code: ReasonCode; readonly text: string };

async function follow(parameters: ContainerParameters, cursor: Begun, context: StageContext): Promise<Result> {
  const { clock, signal } = context;
  const ref = jobReference(context);
  const name = describeObject(ref);
  const cluster = await context.cluster();
  const live = await cluster.get({ ref, signal });
  if (live?.metadata.uid === cursor.uid && (live.spec as { suspend?: boolean }).suspend === true) {
    const started = await start(cursor, context);
    if (started !== undefined) return started;
  }
  const watchedUntil = Math.max(cursor.begunAt + WATCHED_MS, clock.now() + 1);
  const seen = await watchRollout<Seen>({
    cluster,
    refs: [ref],
    clock,
    until: Math.min(endOfLooking(context), watchedUntil),
    signal,
    judge: ([watched]) => {
      const job = watched?.live;
      if (job === undefined || job.metadata.uid !== cursor.uid) return { is: 'gone' };
      if (isTrue(job, 'Complete')) return { is: 'complete', job };
      if (isTrue(job, 'Failed')) return { is: 'failed', job };
      context.report([`${name}: ${watched?.health?.progress ?? 'gone'}`]);
      const { reason, state } = watched?.health ?? {};
      return state === 'failed' && reason !== undefined ? { is: 'stuck', ...reason } : undefined;
    },
  });
  if (seen === undefined) return look({ ...cursor, unreachable: 0 }, name, context);
  if (seen.is === 'stuck') {
    const ending = {
      code: seen.code,
      text: seen.text,
      then: MAY_PASS.has(seen.code) ? 'newAttempt' : 'giveUp',
    } as const;
    return { is: 'again', cursor: { ...cursor, unreachable: 0, ending } };
  }
  if (seen.job === undefined) {
    const text = `${name} was deleted before its end was seen; whether it has done its work is not known`;
    return failed('rollout-failed', text, 'newAttempt');
  }
  const question = { cluster, job: seen.job, parameters, context };
  const ended = seen.is === 'complete' ? await completed(question) : await failedJob(question);
  return ended.is === 'succeeded' ? ended : failed(ended.code, ended.text, ended.then);
}

/** Starts the Job that this attempt created, and no other; what becomes of the step where it may not. */
async function start(cursor: Begun, context: StageContext): Promise<Result | undefined> {
  const { execution, signal } = context;
  const written = await changeFenced({
    cluster: await context.cluster(),
    manifest: startOf(context),
    uid: cursor.uid,
    fence: jobFence(context),
    execution,
    fieldManager: START_MANAGER,
    mayWrite: () => context.mayWrite(),
    signal,
  });
  if (written.is === 'not-ours') return notOurs();
  if (written.is !== 'fenced-off') return undefined;
  return failed('fenced-off', `${describeObject(jobReference(context))} was written by a later step`, 'giveUp');
}

/** A Job that hangs would begin its work when nobody counts on it any more, so it goes before the stage has failed. */
async function endBadly(
  cursor: ContainerCursor,
  ending: NonNullable<ContainerCursor['ending']>,
  context: StageContext,
): Promise<Result> {
  const removed = await removeJob(context);
  if (removed === 'not-ours') return notOurs();
  if (removed === 'going') return { is: 'again', cursor: { ...cursor, unreachable: 0 } };
  return failed(ending.code, ending.text, ending.then);
}

function look(cursor: ContainerCursor, name: string, context: StageContext): Result {
  const runs = context.clock.now() - cursor.begunAt;
  if (runs < WATCHED_MS) return { is: 'again', cursor };
  const delay = backOff(FIRST_LOOK_MS, LAST_LOOK_MS, cursor.looks);
  const text = `${name} has been running for ${formatDuration(runs)}`;
  return waiting({ ...cursor, looks: cursor.looks + 1 }, delay, 'remote-in-progress', text, context);
}

function failed(
  code: ReasonCode,
  text: string,
  then: 'giveUp' | 'newAttempt' | 'sameStep',
): Outcome<ContainerCursor, never> {
  return { is: 'failed', reason: { code, text }, then };
}
