/** The fields of built-in kinds that this product reads, as types over the raw objects: the API server has checked them already. */
import type { LiveObject, Manifest } from '../ports/cluster.ts';

export type Condition = {
  readonly type: string;
  /** `True`, `False` or `Unknown` */
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
  /** RFC 3339, as all times here */
  readonly lastTransitionTime?: string;
  readonly lastUpdateTime?: string;
};

export type ContainerState = {
  readonly waiting?: { readonly reason?: string; readonly message?: string };
  readonly running?: { readonly startedAt?: string };
  readonly terminated?: { readonly exitCode: number; readonly reason?: string; readonly message?: string };
};

export type ContainerStatus = {
  readonly name: string;
  readonly image?: string;
  readonly ready?: boolean;
  readonly restartCount?: number;
  readonly state?: ContainerState;
  readonly lastState?: ContainerState;
};

export type Container = {
  readonly name: string;
  readonly image?: string;
  /** `Always` makes an init container a sidecar. */
  readonly restartPolicy?: string;
};

export type PodSpec = {
  readonly containers?: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly nodeSelector?: { readonly [key: string]: string };
  readonly restartPolicy?: string;
};

export type PodTemplate = {
  readonly metadata?: {
    readonly labels?: { readonly [key: string]: string };
    readonly annotations?: { readonly [key: string]: string };
  };
  readonly spec?: PodSpec;
};

export type LabelSelector = {
  readonly matchLabels?: { readonly [key: string]: string };
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
};

type Typed<Spec, Status> = LiveObject & { readonly spec?: Spec; readonly status?: Status };

export type Pod = Typed<
  PodSpec,
  {
    readonly phase?: string;
    readonly reason?: string;
    readonly message?: string;
    readonly startTime?: string;
    readonly conditions?: readonly Condition[];
    readonly containerStatuses?: readonly ContainerStatus[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
  }
>;

type Replicated = {
  readonly observedGeneration?: number;
  readonly replicas?: number;
  readonly readyReplicas?: number;
  readonly availableReplicas?: number;
  readonly conditions?: readonly Condition[];
};

export type Deployment = Typed<
  {
    readonly replicas?: number;
    readonly paused?: boolean;
    readonly minReadySeconds?: number;
    readonly progressDeadlineSeconds?: number;
    readonly selector?: LabelSelector;
    readonly template?: PodTemplate;
    readonly strategy?: {
      readonly type?: string;
      readonly rollingUpdate?: { readonly maxSurge?: number | string; readonly maxUnavailable?: number | string };
    };
  },
  Replicated & { readonly updatedReplicas?: number; readonly unavailableReplicas?: number }
>;

export type ReplicaSet = Typed<
  {
    readonly replicas?: number;
    readonly minReadySeconds?: number;
    readonly selector?: LabelSelector;
    readonly template?: PodTemplate;
  },
  Replicated & { readonly fullyLabeledReplicas?: number }
>;

export type StatefulSet = Typed<
  {
    readonly replicas?: number;
    readonly minReadySeconds?: number;
    readonly podManagementPolicy?: string;
    readonly selector?: LabelSelector;
    readonly template?: PodTemplate;
    readonly updateStrategy?: { readonly type?: string; readonly rollingUpdate?: { readonly partition?: number } };
  },
  Replicated & {
    readonly updatedReplicas?: number;
    readonly currentReplicas?: number;
    readonly currentRevision?: string;
    readonly updateRevision?: string;
  }
>;

export type DaemonSet = Typed<
  {
    readonly minReadySeconds?: number;
    readonly selector?: LabelSelector;
    readonly template?: PodTemplate;
    readonly updateStrategy?: { readonly type?: string };
  },
  {
    readonly observedGeneration?: number;
    readonly desiredNumberScheduled?: number;
    readonly currentNumberScheduled?: number;
    readonly updatedNumberScheduled?: number;
    readonly numberReady?: number;
    readonly numberAvailable?: number;
    readonly numberMisscheduled?: number;
    readonly conditions?: readonly Condition[];
  }
>;

export type Job = Typed<
  {
    readonly suspend?: boolean;
    readonly completions?: number;
    readonly parallelism?: number;
    readonly backoffLimit?: number;
    readonly ttlSecondsAfterFinished?: number;
    readonly selector?: LabelSelector;
    readonly template?: PodTemplate;
  },
  {
    readonly active?: number;
    readonly succeeded?: number;
    readonly failed?: number;
    readonly startTime?: string;
    readonly completionTime?: string;
    readonly conditions?: readonly Condition[];
  }
>;

export type Service = Typed<
  { readonly type?: string; readonly clusterIP?: string; readonly externalName?: string },
  {
    readonly loadBalancer?: { readonly ingress?: readonly { readonly ip?: string; readonly hostname?: string }[] };
    readonly conditions?: readonly Condition[];
  }
>;

export type PersistentVolumeClaim = Typed<{ readonly storageClassName?: string }, { readonly phase?: string }>;

/** A kind of which only the standard fields of a status are known. */
export type AnyObject = Typed<
  unknown,
  { readonly observedGeneration?: unknown; readonly conditions?: readonly Condition[] }
>;

/** The condition of that type. */
export function conditionOf(object: LiveObject, type: string): Condition | undefined {
  const conditions = (object as AnyObject).status?.conditions;
  return Array.isArray(conditions) ? conditions.find((condition: Condition) => condition.type === type) : undefined;
}

/** Whether the condition of that type is `True`. */
export function isTrue(object: LiveObject, type: string): boolean {
  return conditionOf(object, type)?.status === 'True';
}

/** The uid of the controller that owns the object. */
export function controllerUid(object: LiveObject): string | undefined {
  return object.metadata.ownerReferences?.find((owner) => owner.controller === true)?.uid;
}

/** Kinds of the API itself that belong to the whole cluster. Custom kinds are not known here. */
const CLUSTER_KINDS: ReadonlySet<string> = new Set([
  'APIService',
  'ClusterRole',
  'ClusterRoleBinding',
  'CustomResourceDefinition',
  'GatewayClass',
  'IngressClass',
  'MutatingWebhookConfiguration',
  'Namespace',
  'Node',
  'PersistentVolume',
  'PriorityClass',
  'RuntimeClass',
  'StorageClass',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionPolicyBinding',
  'ValidatingWebhookConfiguration',
]);

export function isClusterKind(kind: string): boolean {
  return CLUSTER_KINDS.has(kind);
}

/** The pod template of a workload, wherever its kind keeps it. */
export function podTemplateOf(manifest: Manifest): PodTemplate | undefined {
  const spec = manifest.spec as
    | { template?: PodTemplate; jobTemplate?: { spec?: { template?: PodTemplate } } }
    | undefined;
  if (manifest.kind === 'Pod') return { spec: spec as PodSpec };
  if (manifest.kind === 'CronJob') return spec?.jobTemplate?.spec?.template;
  return spec?.template;
}
