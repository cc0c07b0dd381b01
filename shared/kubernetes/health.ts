/** Says of one object, from what is known of it and its children, whether it is stable, under way or will never get there. */
import type { ReasonCode } from '../core/reason.ts';
import { type ClusterEvent, describeObject, type LiveObject, referenceOf } from '../ports/cluster.ts';
import {
  type AnyObject,
  conditionOf,
  controllerUid,
  type DaemonSet,
  type Deployment,
  isTrue,
  type Job,
  type PersistentVolumeClaim,
  type Pod,
  type ReplicaSet,
  type Service,
  type StatefulSet,
} from './objects.ts';
import { failingPod, type PodFailure } from './pod-health.ts';

/** A controller that is refused pods tries again; a quota may be freed by old pods that end. */
export const REPLICA_FAILURE_GRACE_MS = 10_000;

export type HealthState = 'stable' | 'progressing' | 'failed';

/** Pods of one workload; `total` leaves out those that have ended. */
export type PodCounts = {
  readonly total: number;
  readonly ready: number;
  /** Of the revision that is being rolled out. */
  readonly current: number;
  readonly currentReady: number;
  readonly terminating: number;
};

export type Health = {
  readonly state: HealthState;
  /** Why it failed. */
  readonly reason?: { readonly code: ReasonCode; readonly text: string };
  /** A few words for people: `2 of 3 new pods ready, 1 old pod left`. */
  readonly progress: string;
  readonly pods: PodCounts;
  /** Epoch ms at which time alone may change the answer. */
  readonly lookAgainAt?: number;
};

export type HealthQuery = {
  readonly object: LiveObject;
  /** ReplicaSets and Pods, of this object or of others. */
  readonly children?: readonly LiveObject[];
  /** What Kubernetes recorded about the object itself. */
  readonly events?: readonly ClusterEvent[];
  /** Epoch ms. */
  readonly now: number;
};

const NO_PODS: PodCounts = { total: 0, ready: 0, current: 0, currentReady: 0, terminating: 0 };
const POD_TEMPLATE_HASH = 'pod-template-hash';
const REVISION = 'deployment.kubernetes.io/revision';
const REVISION_HASH = 'controller-revision-hash';

/** Pure and total: an object of any kind, in any state, has a health. */
export function evaluate(query: HealthQuery): Health {
  const { object } = query;
  if (object.metadata.deletionTimestamp !== undefined) return progressing('being deleted', NO_PODS);
  switch (object.kind) {
    case 'Deployment':
      return ofDeployment(query, object as Deployment);
    case 'StatefulSet':
      return ofStatefulSet(query, object as StatefulSet);
    case 'DaemonSet':
      return ofDaemonSet(query, object as DaemonSet);
    case 'ReplicaSet':
      return ofReplicaSet(query, object as ReplicaSet);
    case 'Pod':
      return ofPod(query, object as Pod);
    case 'Job':
      return ofJob(query, object as Job);
    case 'Service':
      return ofService(object as Service);
    case 'PersistentVolumeClaim':
      return ofClaim(query, object as PersistentVolumeClaim);
    default:
      return ofAny(object as AnyObject);
  }
}

function ofDeployment(query: HealthQuery, object: Deployment): Health {
  const { spec, status = {} } = object;
  const sets = childrenOf(query, object, 'ReplicaSet') as ReplicaSet[];
  const current = currentReplicaSet(object, sets);
  const uids = new Set(sets.map((set) => set.metadata.uid));
  const all = podsOwnedBy(query, uids);
  const pods = countPods(all, (pod) => current !== undefined && controllerUid(pod) === current.metadata.uid);
  if (!isObserved(object)) return progressing(UNOBSERVED, pods);
  const isCurrent = (pod: Pod) => current !== undefined && controllerUid(pod) === current.metadata.uid;
  const failure = failingPod(all.filter(isCurrent), query.now);
  if (failure?.is === 'failed') return failed(failure, pods);
  // No deadline runs while it is paused.
  if (spec?.paused === true) return progressing('paused: spec.paused is true', pods);
  const deadline = conditionOf(object, 'Progressing');
  if (deadline?.reason === 'ProgressDeadlineExceeded') {
    const text = `${name(object)} made no progress within its deadline of ${spec?.progressDeadlineSeconds ?? 600} s`;
    return failed({ code: 'progress-deadline-exceeded', text: said(text, failure?.text) }, pods);
  }
  const refused = replicaFailure(object, query.now);
  if (refused?.is === 'failed') return failed(refused, pods);
  const lookAgainAt = earliest(failure?.until, refused?.until);
  const desired = spec?.replicas ?? 1;
  const { replicas = 0, updatedReplicas = 0, availableReplicas = 0 } = status;
  const old = Math.max(0, replicas - updatedReplicas);
  const progress = rolloutProgress(pods, desired, old);
  if (updatedReplicas < desired || old > 0 || availableReplicas < desired || replicas > desired) {
    return progressing(said(progress, failure?.text ?? refused?.text), pods, lookAgainAt);
  }
  return settled(progress, pods);
}

/** As the controller tells it: the ReplicaSet whose template is the Deployment's. */
function currentReplicaSet(object: Deployment, sets: readonly ReplicaSet[]): ReplicaSet | undefined {
  const wanted = JSON.stringify(object.spec?.template, ordered);
  const same = sets.find((set) => JSON.stringify(set.spec?.template, ordered) === wanted);
  if (same !== undefined) return same;
  const revision = object.metadata.annotations?.[REVISION];
  return revision === undefined ? undefined : sets.find((set) => set.metadata.annotations?.[REVISION] === revision);
}

function ofStatefulSet(query: HealthQuery, object: StatefulSet): Health {
  const { spec, status = {} } = object;
  const all = podsOwnedBy(query, new Set([object.metadata.uid]));
  const isCurrent = (pod: Pod) => pod.metadata.labels?.[REVISION_HASH] === status.updateRevision;
  const pods = countPods(all, isCurrent);
  if (!isObserved(object)) return progressing(UNOBSERVED, pods);
  const failure = failingPod(all.filter(isCurrent), query.now);
  if (failure?.is === 'failed') return failed(failure, pods);
  const desired = spec?.replicas ?? 1;
  const { replicas = 0, readyReplicas = 0, updatedReplicas = 0, currentRevision, updateRevision } = status;
  const onDelete = spec?.updateStrategy?.type === 'OnDelete';
  const partition = spec?.updateStrategy?.rollingUpdate?.partition ?? 0;
  const toUpdate = onDelete ? 0 : Math.max(0, desired - partition);
  const unavailable = (spec?.minReadySeconds ?? 0) > 0 && (status.availableReplicas ?? 0) < desired;
  const between = !onDelete && partition === 0 && currentRevision !== updateRevision;
  const progress = rolloutProgress(pods, desired, Math.max(0, replicas - updatedReplicas));
  const counted = pods.total > desired || pods.terminating > 0;
  const moving = replicas !== desired || readyReplicas < desired || updatedReplicas < toUpdate || unavailable;
  if (!(moving || between || counted)) return settled(progress, pods);
  return progressing(said(progress, failure?.text), pods, failure?.until);
}

function ofDaemonSet(query: HealthQuery, object: DaemonSet): Health {
  const { spec, status = {} } = object;
  const all = podsOwnedBy(query, new Set([object.metadata.uid]));
  const { desiredNumberScheduled: desired = 0, updatedNumberScheduled = 0, numberAvailable = 0 } = status;
  // New pods are made from the newest template only, so the youngest pod shows its hash, once there is any.
  const youngest = all.reduce<Pod | undefined>(
    (last, pod) => (last === undefined || isYounger(pod, last) ? pod : last),
    undefined,
  );
  const hash = updatedNumberScheduled > 0 ? youngest?.metadata.labels?.[REVISION_HASH] : undefined;
  const isCurrent = (pod: Pod) => hash !== undefined && pod.metadata.labels?.[REVISION_HASH] === hash;
  const pods = countPods(all, isCurrent);
  if (!isObserved(object)) return progressing(UNOBSERVED, pods);
  const failure = failingPod(all.filter(isCurrent), query.now);
  if (failure?.is === 'failed') return failed(failure, pods);
  const onDelete = spec?.updateStrategy?.type === 'OnDelete';
  const old = onDelete ? 0 : Math.max(0, desired - updatedNumberScheduled);
  const progress = rolloutProgress(pods, desired, old);
  if (old > 0 || numberAvailable < desired || pods.terminating > 0) {
    return progressing(said(progress, failure?.text), pods, failure?.until);
  }
  return settled(progress, pods);
}

function ofReplicaSet(query: HealthQuery, object: ReplicaSet): Health {
  const all = podsOwnedBy(query, new Set([object.metadata.uid]));
  const pods = countPods(all, () => true);
  if (!isObserved(object)) return progressing(UNOBSERVED, pods);
  const failure = failingPod(all, query.now) ?? replicaFailure(object, query.now);
  if (failure?.is === 'failed') return failed(failure, pods);
  const desired = object.spec?.replicas ?? 1;
  const { replicas = 0, availableReplicas = 0 } = object.status ?? {};
  const progress = rolloutProgress(pods, desired, 0);
  if (replicas !== desired || availableReplicas < desired || pods.terminating > 0) {
    return progressing(said(progress, failure?.text), pods, failure?.until);
  }
  return settled(progress, pods);
}

function ofPod(query: HealthQuery, pod: Pod): Health {
  const pods = countPods([pod], () => true);
  const { phase, reason, message } = pod.status ?? {};
  if (phase === 'Succeeded') return stable('completed', pods);
  if (phase === 'Failed') {
    const why = [reason, message].filter(Boolean).join(': ') || exitOf(pod);
    return failed({ code: 'rollout-failed', text: said(`${name(pod)} failed`, why) }, pods);
  }
  const failure = failingPod([pod], query.now);
  if (failure?.is === 'failed') return failed(failure, pods);
  if (isTrue(pod, 'Ready')) return stable('ready', pods);
  return progressing(said(phase === 'Running' ? 'not ready yet' : 'starting', failure?.text), pods, failure?.until);
}

function exitOf(pod: Pod): string | undefined {
  const ended = (pod.status?.containerStatuses ?? []).find((container) => container.state?.terminated?.exitCode);
  return ended && `container ${ended.name} ended with exit code ${ended.state?.terminated?.exitCode}`;
}

function ofJob(query: HealthQuery, job: Job): Health {
  const all = podsOwnedBy(query, new Set([job.metadata.uid]));
  const pods = countPods(all, () => true);
  const { spec, status = {} } = job;
  const failure = conditionOf(job, 'Failed');
  // A condition counts only while it holds: `Failed=False` is not a failure.
  if (failure?.status === 'True') {
    const why = [failure.reason, failure.message].filter(Boolean).join(': ');
    return failed({ code: 'rollout-failed', text: said(`${name(job)} failed`, why) }, pods);
  }
  if (isTrue(job, 'Complete')) return stable('completed', pods);
  if (spec?.suspend === true) return progressing('suspended: spec.suspend is true', pods);
  // Crashes are the Job's own to count; what no retry mends is told at once.
  const stuck = failingPod(all, query.now);
  if (stuck?.is === 'failed' && stuck.code !== 'crash-loop') return failed(stuck, pods);
  const progress = `${status.succeeded ?? 0} of ${spec?.completions ?? 1} completed, ${status.active ?? 0} running`;
  return progressing(said(progress, stuck?.text), pods, stuck?.until);
}

function ofService(service: Service): Health {
  if (service.spec?.type !== 'LoadBalancer') return stable('exists', NO_PODS);
  const [ingress] = service.status?.loadBalancer?.ingress ?? [];
  if (ingress === undefined) return progressing('waiting for the load balancer', NO_PODS);
  return stable(`load balancer at ${ingress.ip ?? ingress.hostname}`, NO_PODS);
}

function ofClaim(query: HealthQuery, claim: PersistentVolumeClaim): Health {
  const phase = claim.status?.phase;
  if (phase === 'Bound') return stable('bound', NO_PODS);
  if (phase === 'Lost') {
    const text = `${name(claim)} has lost its volume`;
    return failed({ code: 'rollout-failed', text }, NO_PODS);
  }
  // Such a claim is bound when a pod uses it, which may be never in this rollout.
  if (query.events?.some((event) => event.reason === 'WaitForFirstConsumer')) {
    return stable('is bound when a pod uses it', NO_PODS);
  }
  return progressing('waiting for a volume', NO_PODS);
}

/** Kinds without rules of their own exist and so are stable, unless the standard conditions say otherwise. */
function ofAny(object: AnyObject): Health {
  const { generation } = object.metadata;
  const observed = object.status?.observedGeneration;
  if (generation !== undefined && typeof observed === 'number' && observed < generation) {
    return progressing(UNOBSERVED, NO_PODS);
  }
  const wrong = [conditionOf(object, 'Stalled'), conditionOf(object, 'NamesAccepted')].find(
    (condition) => condition?.status === (condition?.type === 'Stalled' ? 'True' : 'False'),
  );
  if (wrong !== undefined) {
    const text = said(`${name(object)} cannot go on`, [wrong.reason, wrong.message].filter(Boolean).join(': '));
    return failed({ code: 'rollout-failed', text }, NO_PODS);
  }
  if (isTrue(object, 'Reconciling')) return progressing('reconciling', NO_PODS);
  if (object.kind === 'CustomResourceDefinition' && !isTrue(object, 'Established')) {
    return progressing('not established yet', NO_PODS);
  }
  const waiting = ['Ready', ...(object.kind === 'APIService' ? ['Available'] : [])]
    .map((type) => conditionOf(object, type))
    .find((condition) => condition !== undefined && condition.status !== 'True');
  if (waiting !== undefined) return progressing(said('not ready yet', waiting.message), NO_PODS);
  return stable('exists', NO_PODS);
}

const UNOBSERVED = 'waiting for the controller to see the new specification';

function isObserved(object: Deployment | StatefulSet | DaemonSet | ReplicaSet): boolean {
  return (object.status?.observedGeneration ?? 0) >= (object.metadata.generation ?? 0);
}

/** The controller is refused pods: by a quota, a policy or a webhook. */
function replicaFailure(object: LiveObject, now: number): PodFailure | undefined {
  const condition = conditionOf(object, 'ReplicaFailure');
  if (condition?.status !== 'True') return undefined;
  const why = condition.message ?? condition.reason ?? 'for no reason given';
  const code = why.includes('exceeded quota') ? 'quota-exceeded' : 'rollout-failed';
  const until = Date.parse(condition.lastTransitionTime ?? '') + REPLICA_FAILURE_GRACE_MS;
  const text = `${name(object)} cannot create pods: ${why}`;
  return now >= until || Number.isNaN(until) ? { is: 'failed', code, text } : { is: 'suspected', code, text, until };
}

function childrenOf(query: HealthQuery, object: LiveObject, kind: string): LiveObject[] {
  return (query.children ?? []).filter((child) => child.kind === kind && controllerUid(child) === object.metadata.uid);
}

function podsOwnedBy(query: HealthQuery, uids: ReadonlySet<string>): Pod[] {
  return (query.children ?? []).filter(
    (child) => child.kind === 'Pod' && uids.has(controllerUid(child) ?? ''),
  ) as Pod[];
}

function countPods(pods: readonly Pod[], isCurrent: (pod: Pod) => boolean): PodCounts {
  const standing = pods.filter((pod) => pod.status?.phase !== 'Failed' && pod.status?.phase !== 'Succeeded');
  const staying = standing.filter((pod) => pod.metadata.deletionTimestamp === undefined);
  const current = staying.filter(isCurrent);
  const ready = (pod: Pod) => isTrue(pod, 'Ready');
  return {
    total: standing.length,
    ready: standing.filter(ready).length,
    current: current.length,
    currentReady: current.filter(ready).length,
    terminating: standing.length - staying.length,
  };
}

function rolloutProgress(pods: PodCounts, desired: number, old: number): string {
  const left = Math.max(old, pods.terminating, pods.total - pods.current);
  const rest = left > 0 ? `, ${left} old ${left === 1 ? 'pod' : 'pods'} left` : '';
  return `${pods.currentReady} of ${desired} new pods ready${rest}`;
}

/** Stable, unless old pods are still ending: until they have, both versions may answer. */
function settled(progress: string, pods: PodCounts): Health {
  return pods.terminating > 0 ? progressing(progress, pods) : stable(progress, pods);
}

function stable(progress: string, pods: PodCounts): Health {
  return { state: 'stable', progress, pods };
}

function progressing(progress: string, pods: PodCounts, lookAgainAt?: number): Health {
  return { state: 'progressing', progress, pods, ...(lookAgainAt === undefined ? {} : { lookAgainAt }) };
}

function failed(reason: { code: ReasonCode; text: string }, pods: PodCounts): Health {
  return { state: 'failed', reason: { code: reason.code, text: reason.text }, progress: reason.text, pods };
}

function name(object: LiveObject): string {
  return describeObject(referenceOf(object));
}

function said(text: string, why: string | undefined): string {
  return why === undefined || why === '' ? text : `${text}: ${why}`;
}

function earliest(...times: (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

function isYounger(one: LiveObject, other: LiveObject): boolean {
  return Date.parse(one.metadata.creationTimestamp) > Date.parse(other.metadata.creationTimestamp);
}

/** For JSON that is equal whatever the order of fields, and without the label that the controller adds. */
function ordered(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const fields = Object.entries(value).filter(([field, content]) => field !== POD_TEMPLATE_HASH && content !== null);
  return Object.fromEntries(fields.sort(([one], [other]) => (one < other ? -1 : 1)));
}
