/** Orders manifests so that what others need is there before them. */
import type { Manifest } from '../ports/cluster.ts';

const FIRST = ['Namespace', 'CustomResourceDefinition', 'PriorityClass', 'StorageClass', 'IngressClass'];
const BEFORE_WORKLOADS = [
  'ResourceQuota',
  'LimitRange',
  'NetworkPolicy',
  'ServiceAccount',
  'ClusterRole',
  'ClusterRoleBinding',
  'Role',
  'RoleBinding',
  'ConfigMap',
  'Secret',
  'PersistentVolume',
  'PersistentVolumeClaim',
  'Service',
];
const WORKLOADS = ['DaemonSet', 'StatefulSet', 'ReplicaSet', 'Deployment', 'Pod', 'Job', 'CronJob'];
const AFTER_WORKLOADS = [
  'PodDisruptionBudget',
  'HorizontalPodAutoscaler',
  'Gateway',
  'HTTPRoute',
  'GRPCRoute',
  'Ingress',
  'APIService',
  'MutatingWebhookConfiguration',
  'ValidatingWebhookConfiguration',
];

/** Kinds that are not known stand before the workloads: pods may need the secrets and certificates that they make. */
const UNKNOWN = FIRST.length + BEFORE_WORKLOADS.length;
const RANKS: ReadonlyMap<string, number> = new Map([
  ...[...FIRST, ...BEFORE_WORKLOADS].map((kind, rank) => [kind, rank] as const),
  ...[...WORKLOADS, ...AFTER_WORKLOADS].map((kind, rank) => [kind, UNKNOWN + 1 + rank] as const),
]);

/** The manifests in the order in which to apply them; those of equal rank keep theirs. */
export function inApplyOrder(manifests: readonly Manifest[]): Manifest[] {
  return manifests.toSorted((one, other) => rankOf(one) - rankOf(other));
}

function rankOf(manifest: Manifest): number {
  return RANKS.get(manifest.kind) ?? UNKNOWN;
}
