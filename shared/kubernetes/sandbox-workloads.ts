/** The controllers that the sandbox plays for Deployments, ReplicaSets and what is neither pod nor set. */
import type { LiveObject, Manifest } from '../ports/cluster.ts';
import {
  type Condition,
  conditionOf,
  type Deployment,
  isTrue,
  type Pod,
  type PodTemplate,
  type ReplicaSet,
  type Service,
} from './objects.ts';
import { instant, type Labels, ownedBy, shortHash, stamp, type World } from './sandbox-world.ts';

const REVISION = 'deployment.kubernetes.io/revision';
const LOAD_BALANCER_AFTER_MS = 1_500;
const BOUND_AFTER_MS = 400;
const DEFAULT_PROGRESS_DEADLINE_SECONDS = 600;
/** Kept for a rollback, as Kubernetes keeps them by default. */
const OLD_REPLICA_SETS = 10;

export function passDeployment(world: World, object: LiveObject): void {
  const deployment = object as Deployment;
  const desired = deployment.spec?.replicas ?? 1;
  const sets = world.controlledBy(object.metadata.uid, 'ReplicaSet') as ReplicaSet[];
  const hash = shortHash(deployment.spec?.template ?? {}, 10);
  const name = `${object.metadata.name}-${hash}`;
  const current = sets.find((set) => set.metadata.name === name);
  if (deployment.spec?.paused !== true) {
    if (current === undefined) {
      createReplicaSet(world, deployment, { name, hash, revision: nextRevision(sets) });
      return;
    }
    if (sets.some((set) => revisionOf(set) > revisionOf(current))) {
      world.update(current, { annotations: { [REVISION]: String(nextRevision(sets)) } });
    }
    scale(world, deployment, current, sets);
    const idle = sets.filter((set) => set !== current && (set.spec?.replicas ?? 0) === 0 && replicasOf(set) === 0);
    const surplus = idle.sort((one, other) => revisionOf(one) - revisionOf(other)).slice(0, -OLD_REPLICA_SETS);
    for (const set of surplus) world.remove(set);
  }
  const total = sum(sets, replicasOf);
  const available = sum(sets, (set) => set.status?.availableReplicas ?? 0);
  const ready = sum(sets, (set) => set.status?.readyReplicas ?? 0);
  const updated = current === undefined ? 0 : replicasOf(current);
  const revision = current === undefined ? {} : { annotations: { [REVISION]: String(revisionOf(current)) } };
  world.update(object, {
    ...revision,
    status: {
      observedGeneration: object.metadata.generation,
      replicas: total,
      updatedReplicas: updated,
      readyReplicas: ready,
      availableReplicas: available,
      unavailableReplicas: Math.max(0, desired - available),
      conditions: deploymentConditions(world, deployment, current, { desired, total, available, updated }),
    },
  });
}

function createReplicaSet(
  world: World,
  deployment: Deployment,
  set: { name: string; hash: string; revision: number },
): void {
  const template = withLabels(deployment.spec?.template, { 'pod-template-hash': set.hash });
  world.create({
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: set.name,
      namespace: deployment.metadata.namespace ?? 'default',
      labels: template.metadata?.labels ?? {},
      annotations: { [REVISION]: String(set.revision) },
      ownerReferences: ownedBy(deployment),
    },
    spec: {
      replicas: 0,
      minReadySeconds: deployment.spec?.minReadySeconds ?? 0,
      selector: { ...deployment.spec?.selector, matchLabels: { ...template.metadata?.labels } },
      template,
    },
  });
  world.record(deployment, { type: 'Normal', reason: 'ScalingReplicaSet', message: `Created replica set ${set.name}` });
}

/** One move of a rolling update: the new set grows as far as the surge allows, old ones shrink as far as availability allows. */
function scale(world: World, deployment: Deployment, current: ReplicaSet, sets: readonly ReplicaSet[]): void {
  const desired = deployment.spec?.replicas ?? 1;
  const old = sets.filter((set) => set !== current);
  const wanted = (set: ReplicaSet) => set.spec?.replicas ?? 0;
  const isRecreate = deployment.spec?.strategy?.type === 'Recreate';
  if (isRecreate) {
    for (const set of old) if (wanted(set) > 0) setReplicas(world, set, 0);
    if (old.every((set) => podsOf(world, set).length === 0)) setReplicas(world, current, desired);
    return;
  }
  const { maxSurge = '25%', maxUnavailable = '25%' } = deployment.spec?.strategy?.rollingUpdate ?? {};
  const surge = share(maxSurge, desired, Math.ceil);
  const unavailable = share(maxUnavailable, desired, Math.floor);
  const room = desired + Math.max(surge, unavailable === 0 ? 1 : 0) - sum(sets, wanted);
  const grown = Math.min(desired, wanted(current) + Math.max(0, room));
  setReplicas(world, current, wanted(current) > desired ? desired : grown);
  let removable =
    sum(sets, wanted) - (desired - unavailable) - (wanted(current) - (current.status?.availableReplicas ?? 0));
  for (const set of old) {
    const unhealthy = wanted(set) - (set.status?.availableReplicas ?? 0);
    const fewer = Math.min(Math.max(0, removable), Math.max(unhealthy, 0));
    const available = sum(sets, (each) => each.status?.availableReplicas ?? 0);
    const healthyFewer = Math.min(
      wanted(set) - fewer,
      Math.max(0, available - (desired - unavailable)),
      Math.max(0, removable - fewer),
    );
    removable -= fewer + healthyFewer;
    setReplicas(world, set, wanted(set) - fewer - healthyFewer);
    if (healthyFewer > 0) return;
  }
}

function setReplicas(world: World, set: ReplicaSet, replicas: number): void {
  if ((set.spec?.replicas ?? 0) !== replicas) world.update(set, { spec: { ...set.spec, replicas } });
}

function deploymentConditions(
  world: World,
  deployment: Deployment,
  current: ReplicaSet | undefined,
  counts: { desired: number; total: number; available: number; updated: number },
): Condition[] {
  const { desired, total, available, updated } = counts;
  const unavailable = share(deployment.spec?.strategy?.rollingUpdate?.maxUnavailable ?? '25%', desired, Math.floor);
  const done = updated === desired && total === desired && available >= desired;
  const mark = `${current?.metadata.name} ${updated} ${total} ${available}`;
  const before = conditionOf(deployment, 'Progressing');
  const movedAt = before?.message?.endsWith(mark) ? instant(before.lastUpdateTime) : world.now;
  const deadline = movedAt + (deployment.spec?.progressDeadlineSeconds ?? DEFAULT_PROGRESS_DEADLINE_SECONDS) * 1_000;
  const isPaused = deployment.spec?.paused === true;
  const late = !done && !isPaused && world.now >= deadline;
  if (!done && !isPaused && !late) world.wakeAt(deadline);
  const reason = done ? 'NewReplicaSetAvailable' : late ? 'ProgressDeadlineExceeded' : 'ReplicaSetUpdated';
  const failure = current === undefined ? undefined : conditionOf(current, 'ReplicaFailure');
  return [
    condition(deployment, 'Available', available >= desired - unavailable, 'MinimumReplicas', '', world.now),
    {
      ...condition(
        deployment,
        'Progressing',
        !late,
        reason,
        `ReplicaSet, updated, total and available: ${mark}`,
        world.now,
      ),
      lastUpdateTime: stamp(movedAt),
    },
    ...(failure?.status === 'True' ? [failure] : []),
  ];
}

export function passReplicaSet(world: World, object: LiveObject): void {
  const set = object as ReplicaSet;
  const pods = podsOf(world, set);
  const standing = pods.filter((pod) => pod.metadata.deletionTimestamp === undefined && pod.status?.phase !== 'Failed');
  const wanted = set.spec?.replicas ?? 1;
  let refused: string | undefined;
  for (let missing = wanted - standing.length; missing > 0 && refused === undefined; missing--) {
    refused = quotaRefusal(world, set);
    if (refused === undefined) createPod(world, set, set.spec?.template);
    else world.record(set, { type: 'Warning', reason: 'FailedCreate', message: refused });
  }
  const surplus = [...standing].sort((one, other) => Number(isTrue(one, 'Ready')) - Number(isTrue(other, 'Ready')));
  for (const pod of surplus.slice(0, Math.max(0, standing.length - wanted))) world.remove(pod);
  const counted = podsOf(world, set).filter(
    (pod) => pod.metadata.deletionTimestamp === undefined && pod.status?.phase !== 'Failed',
  );
  const failure = condition(set, 'ReplicaFailure', true, 'FailedCreate', refused ?? '', world.now);
  world.update(set, {
    status: {
      observedGeneration: object.metadata.generation,
      replicas: counted.length,
      fullyLabeledReplicas: counted.length,
      readyReplicas: counted.filter((pod) => isTrue(pod, 'Ready')).length,
      availableReplicas: counted.filter((pod) => isAvailable(world, pod, set.spec?.minReadySeconds)).length,
      conditions: refused === undefined ? [] : [failure],
    },
  });
}

/** Why the namespace's quota allows no further pod, in the API server's words. */
function quotaRefusal(world: World, owner: LiveObject): string | undefined {
  for (const quota of world.all('ResourceQuota', owner.metadata.namespace)) {
    const limit = (quota.spec as { hard?: Labels } | undefined)?.hard?.pods;
    const used = world.all('Pod', owner.metadata.namespace).length;
    if (limit !== undefined && used >= Number(limit)) {
      return `pods "${owner.metadata.name}-" is forbidden: exceeded quota: ${quota.metadata.name}, requested: pods=1, used: pods=${used}, limited: pods=${limit}`;
    }
  }
  return undefined;
}

/** Creates a pod of the owner's template. Without a name it gets one like those of ReplicaSets. */
export function createPod(
  world: World,
  owner: LiveObject,
  template: PodTemplate | undefined,
  more: { name?: string; labels?: Labels } = {},
): void {
  const namespace = owner.metadata.namespace ?? 'default';
  const labelled = withLabels(template, more.labels ?? {});
  const taken = new Set(podsOf(world, owner).map((pod) => pod.metadata.name));
  let name = more.name ?? `${owner.metadata.name}-${shortHash([owner.metadata.uid, world.now], 5)}`;
  for (let index = 1; taken.has(name); index++) {
    name = `${owner.metadata.name}-${shortHash([owner.metadata.uid, world.now, index], 5)}`;
  }
  const metadata: Manifest['metadata'] = {
    ...labelled.metadata,
    name,
    namespace,
    labels: labelled.metadata?.labels ?? {},
    ownerReferences: ownedBy(owner),
  };
  world.create({ apiVersion: 'v1', kind: 'Pod', metadata, spec: labelled.spec, status: { phase: 'Pending' } });
  world.record(owner, { type: 'Normal', reason: 'SuccessfulCreate', message: `Created pod: ${name}` });
}

export function withLabels(template: PodTemplate | undefined, labels: Labels): PodTemplate {
  return {
    ...template,
    metadata: { ...template?.metadata, labels: { ...template?.metadata?.labels, ...labels } },
  };
}

export function podsOf(world: World, owner: LiveObject): Pod[] {
  return world.controlledBy(owner.metadata.uid, 'Pod') as Pod[];
}

/** Ready for as long as it must have been. */
export function isAvailable(world: World, pod: LiveObject, minReadySeconds = 0): boolean {
  const ready = conditionOf(pod, 'Ready');
  if (ready?.status !== 'True') return false;
  const availableAt = instant(ready.lastTransitionTime) + minReadySeconds * 1_000;
  if (world.now < availableAt) world.wakeAt(availableAt);
  return world.now >= availableAt;
}

export function passService(world: World, object: LiveObject): void {
  if ((object as Service).spec?.type !== 'LoadBalancer') return;
  const readyAt = instant(object.metadata.creationTimestamp) + LOAD_BALANCER_AFTER_MS;
  if (world.now < readyAt) world.wakeAt(readyAt);
  else world.update(object, { status: { loadBalancer: { ingress: [{ ip: '203.0.113.10' }] } } });
}

export function passClaim(world: World, object: LiveObject): void {
  const boundAt = instant(object.metadata.creationTimestamp) + BOUND_AFTER_MS;
  world.update(object, { status: { phase: world.now < boundAt ? 'Pending' : 'Bound' } });
  if (world.now < boundAt) world.wakeAt(boundAt);
}

/** Definitions are ready at once: the sandbox takes objects of any kind. */
export function passDefinition(world: World, object: LiveObject): void {
  world.update(object, { status: { conditions: [condition(object, 'Established', true, 'Sandbox', '', world.now)] } });
}

/** The condition; its transition time moves only when its status does. */
export function condition(
  object: LiveObject,
  type: string,
  holds: boolean,
  reason: string,
  message: string,
  now: number,
): Condition {
  const before = conditionOf(object, type);
  const status = holds ? 'True' : 'False';
  const lastTransitionTime = before?.status === status ? (before.lastTransitionTime ?? stamp(now)) : stamp(now);
  return { type, status, reason, message, lastTransitionTime };
}

function revisionOf(set: LiveObject): number {
  return Number(set.metadata.annotations?.[REVISION] ?? 0);
}

function nextRevision(sets: readonly LiveObject[]): number {
  return Math.max(0, ...sets.map(revisionOf)) + 1;
}

function replicasOf(set: ReplicaSet): number {
  return set.status?.replicas ?? 0;
}

function share(of: number | string, total: number, round: (value: number) => number): number {
  return typeof of === 'string' && of.endsWith('%') ? round((Number.parseFloat(of) / 100) * total) : Number(of);
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}
