/** The probe's delivery of a service: the real lock and the real fenced writes, in the order in which `deploy` uses them. */
import type { Outcome } from '../../shared/core/run.ts';
import { raiseFence, writeFenced } from '../../shared/kubernetes/conditional-write.ts';
import { acquireLock, heldTurn, lockKey, releaseLock } from '../../shared/kubernetes/service-lock.ts';
import { isClusterError, type Manifest, referenceOf } from '../../shared/ports/cluster.ts';
import type { StageContext } from '../../shared/stages/kind.ts';
import type { FarEnd } from './far-end.ts';
import type { ProbeCursor } from './probe.ts';

/** Every pipeline of the world delivers this one service, so that its lock on each target is fought for. */
const SERVICE = 'items';
const OBJECTS = ['settings', 'items'];
const FIRST_RETRY_MS = 2_000;
const LAST_RETRY_MS = 120_000;

/** The lock that the stage's deliveries take. */
export function lockOf({ target = '', namespace }: StageContext): string {
  return lockKey({ target, namespace, pipeline: SERVICE });
}

const holderOf = ({ execution, stage, attempt }: StageContext) => ({ execution, stage, attempt });

function manifestOf(name: string, context: StageContext): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: context.namespace },
    data: { from: context.key },
  };
}

type Result = Outcome<ProbeCursor, unknown>;

/** Takes the lock and writes every object once; what stands in the way is waited for. */
export async function deliver(here: ProbeCursor, context: StageContext, farEnd: FarEnd): Promise<Result> {
  const mayWrite = (): boolean => context.mayWrite();
  let progress = here;
  try {
    const acquired = await acquireLock({
      locks: context.locks,
      key: lockOf(context),
      holder: holderOf(context),
      isAtWork: (holder) => context.isAtWork(holder),
      mayWrite,
    });
    if (acquired.is === 'not-ours') return sameStep('the lock was not taken');
    if (acquired.is === 'locked-by-other') {
      const delay = Math.min(FIRST_RETRY_MS * 2 ** here.lockedOut, LAST_RETRY_MS);
      const next = { ...here, lockedOut: here.lockedOut + 1 };
      return waiting(next, delay, 'locked-by-other', `${acquired.holder.execution} delivers`, context, farEnd);
    }
    if (here.turn !== undefined && here.turn !== acquired.turn) {
      farEnd.refused(context, `the lock's turn ${acquired.turn}`);
      return fencedOff('another has delivered meanwhile');
    }
    progress = { ...here, turn: acquired.turn, lockedOut: 0 };
    const { attempt, step, execution } = context;
    const fence = { lock: lockOf(context), turn: acquired.turn, attempt, step };
    const cluster = await context.cluster();
    for (const name of OBJECTS) {
      const manifest = manifestOf(name, context);
      const written = await writeFenced({ cluster, manifest, fence, execution, mayWrite, signal: context.signal });
      switch (written.is) {
        case 'written':
          break;
        case 'not-ours':
          return sameStep('nothing more was written');
        case 'being-deleted':
          return waiting(progress, 1_000, 'rollout-in-progress', `${name} is being deleted`, context, farEnd);
        case 'fenced-off':
          farEnd.refused(context, `the fence ${written.by}`);
          return fencedOff(`${name} carries ${written.by}`);
      }
    }
    return { is: 'again', cursor: { ...progress, at: here.at + 1 } };
  } catch (error) {
    if (!isClusterError(error)) return sameStep(error instanceof Error ? error.message : String(error));
    return waiting(progress, FIRST_RETRY_MS, 'cluster-unreachable', 'the cluster gave no answer', context, farEnd);
  }
}

function sameStep(text: string): Result {
  return { is: 'failed', reason: { code: 'stage-failed', text }, then: 'sameStep' };
}

function fencedOff(text: string): Result {
  return { is: 'failed', reason: { code: 'fenced-off', text }, then: 'giveUp' };
}

function waiting(
  next: ProbeCursor,
  delayMs: number,
  code: 'locked-by-other' | 'rollout-in-progress' | 'cluster-unreachable',
  text: string,
  context: StageContext,
  farEnd: FarEnd,
): Result {
  farEnd.delayed(context);
  const reason = { code, text, unblock: `gennaker cancel ${context.execution}` };
  return { is: 'waiting', for: { until: context.clock.now() + delayMs }, cursor: next, reason };
}

/** Keeps workers of this stage that were lost from writing after its end. */
export async function fenceOff(context: StageContext): Promise<void> {
  const { attempt, step, signal } = context;
  const lock = lockOf(context);
  const turn = await heldTurn({ locks: context.locks, key: lock, holder: holderOf(context) });
  if (turn === undefined) return;
  const cluster = await context.cluster();
  const fence = { lock, turn, attempt, step };
  for (const name of OBJECTS) {
    const ref = referenceOf(manifestOf(name, context));
    const raised = await raiseFence({ cluster, ref, fence, mayWrite: () => context.mayWrite(), signal });
    if (raised.is === 'not-ours') throw new Error('the stop is not held any more');
  }
}

/** Gives the lock back, if this attempt holds it. */
export async function release(context: StageContext): Promise<void> {
  await releaseLock({
    locks: context.locks,
    key: lockOf(context),
    holder: holderOf(context),
    mayWrite: () => context.mayWrite(),
  });
}
