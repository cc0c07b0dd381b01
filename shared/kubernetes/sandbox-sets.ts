/** The controllers that the sandbox plays for StatefulSets, DaemonSets and Jobs. */
import type { LiveObject } from '../ports/cluster.ts';
import { type DaemonSet, isTrue, type Job, type Pod, type StatefulSet } from './objects.ts';
import { condition, createPod, isAvailable, podsOf } from './sandbox-workloads.ts';
import { instant, type Labels, shortHash, stamp, type World } from './sandbox-world.ts';

const REVISION_LABEL = 'controller-revision-hash';
const DEFAULT_BACK_OFF_LIMIT = 6;

export function passStatefulSet(world: World, object: LiveObject): void {
  const set = object as StatefulSet;
  const { name } = object.metadata;
  const wanted = set.spec?.replicas ?? 1;
  const updateRevision = `${name}-${shortHash(set.spec?.template ?? {}, 10)}`;
  const currentRevision = set.status?.currentRevision ?? updateRevision;
  const pods = new Map(podsOf(world, set).map((pod) => [ordinalOf(pod), pod]));
  const inOrder = set.spec?.podManagementPolicy !== 'Parallel';
  const partition = set.spec?.updateStrategy?.rollingUpdate?.partition ?? 0;
  for (let ordinal = 0; ordinal < wanted; ordinal++) {
    const pod = pods.get(ordinal);
    if (pod === undefined) {
      const hash = ordinal < partition ? currentRevision : updateRevision;
      const labels = { [REVISION_LABEL]: hash, 'apps.kubernetes.io/pod-index': String(ordinal) };
      createPod(world, set, set.spec?.template, { name: `${name}-${ordinal}`, labels });
    }
    if (inOrder && (pod === undefined || !isTrue(pod, 'Ready'))) break;
  }
  const standing = [...pods.values()].filter((pod) => pod.metadata.deletionTimestamp === undefined);
  const surplus = standing.filter((pod) => ordinalOf(pod) >= wanted).sort((a, b) => ordinalOf(b) - ordinalOf(a));
  const settled = [...pods.values()].every((pod) => pod.metadata.deletionTimestamp === undefined);
  if (surplus[0] !== undefined && settled) world.remove(surplus[0]);
  else if (surplus.length === 0 && set.spec?.updateStrategy?.type !== 'OnDelete' && pods.size >= wanted && settled) {
    // From the last one down; a pod that never became ready may be replaced at once.
    const outdated = standing
      .filter((pod) => ordinalOf(pod) >= partition && revisionOf(pod) !== updateRevision)
      .sort((a, b) => ordinalOf(b) - ordinalOf(a));
    const newer = standing.filter((pod) => revisionOf(pod) === updateRevision);
    const [next] = outdated;
    if (next !== undefined && (newer.every((pod) => isTrue(pod, 'Ready')) || !isTrue(next, 'Ready')))
      world.remove(next);
  }
  const left = (podsOf(world, set) as Pod[]).filter((pod) => pod.metadata.deletionTimestamp === undefined);
  const updated = left.filter((pod) => revisionOf(pod) === updateRevision);
  const done = left.length === wanted && updated.length === wanted && left.every((pod) => isTrue(pod, 'Ready'));
  world.update(object, {
    status: {
      observedGeneration: object.metadata.generation,
      replicas: podsOf(world, set).length,
      readyReplicas: left.filter((pod) => isTrue(pod, 'Ready')).length,
      availableReplicas: left.filter((pod) => isAvailable(world, pod, set.spec?.minReadySeconds)).length,
      updatedReplicas: updated.length,
      currentReplicas: done ? wanted : left.filter((pod) => revisionOf(pod) === currentRevision).length,
      currentRevision: done ? updateRevision : currentRevision,
      updateRevision,
    },
  });
}

export function passDaemonSet(world: World, object: LiveObject): void {
  const set = object as DaemonSet;
  const revision = shortHash(set.spec?.template ?? {}, 10);
  const labels: Labels = { [REVISION_LABEL]: revision };
  const pods = podsOf(world, set);
  const [pod] = pods.filter((each) => each.metadata.deletionTimestamp === undefined);
  if (pods.length === 0) createPod(world, set, set.spec?.template, { labels });
  else if (pod !== undefined && revisionOf(pod) !== revision && set.spec?.updateStrategy?.type !== 'OnDelete') {
    world.remove(pod);
  }
  const left = podsOf(world, set).filter((each) => each.metadata.deletionTimestamp === undefined);
  world.update(object, {
    status: {
      observedGeneration: object.metadata.generation,
      desiredNumberScheduled: 1,
      currentNumberScheduled: left.length,
      updatedNumberScheduled: left.filter((each) => revisionOf(each) === revision).length,
      numberReady: left.filter((each) => isTrue(each, 'Ready')).length,
      numberAvailable: left.filter((each) => isAvailable(world, each, set.spec?.minReadySeconds)).length,
      numberMisscheduled: 0,
    },
  });
}

export function passJob(world: World, object: LiveObject): void {
  const job = object as Job;
  if (isTrue(object, 'Complete') || isTrue(object, 'Failed')) {
    expire(world, job);
    return;
  }
  const pods = podsOf(world, job);
  const succeeded = pods.filter((pod) => pod.status?.phase === 'Succeeded').length;
  const failed = pods.filter((pod) => pod.status?.phase === 'Failed').length;
  const wanted = job.spec?.completions ?? 1;
  const startTime = job.status?.startTime ?? stamp(world.now);
  const counts = { startTime, succeeded, failed };
  if (succeeded >= wanted) {
    const conditions = [condition(object, 'Complete', true, 'CompletionsReached', '', world.now)];
    world.update(object, { status: { ...counts, active: 0, completionTime: stamp(world.now), conditions } });
    return;
  }
  if (failed > (job.spec?.backoffLimit ?? DEFAULT_BACK_OFF_LIMIT)) {
    const message = 'Job has reached the specified backoff limit';
    const conditions = [condition(object, 'Failed', true, 'BackoffLimitExceeded', message, world.now)];
    world.update(object, { status: { ...counts, active: 0, conditions } });
    return;
  }
  let active = pods.length - succeeded - failed;
  const room = Math.min(job.spec?.parallelism ?? 1, wanted - succeeded);
  for (; job.spec?.suspend !== true && active < room; active++) createPod(world, job, job.spec?.template);
  world.update(object, { status: { ...counts, active } });
}

/** Removes a Job that has ended so long ago that its author wants it gone. */
function expire(world: World, job: Job): void {
  const seconds = job.spec?.ttlSecondsAfterFinished;
  const ended = job.status?.conditions?.find(({ status }) => status === 'True')?.lastTransitionTime;
  if (seconds === undefined) return;
  const at = instant(ended) + seconds * 1000;
  if (world.now >= at) world.remove(job);
  else world.wakeAt(at);
}

function revisionOf(pod: LiveObject): string | undefined {
  return pod.metadata.labels?.[REVISION_LABEL];
}

function ordinalOf(pod: LiveObject): number {
  return Number(pod.metadata.name.slice(pod.metadata.name.lastIndexOf('-') + 1));
}
