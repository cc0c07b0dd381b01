/** One Kubernetes API, as stages need it: raw objects, conditional writes and watches, real or in the sandbox. */

/** What `metadata` holds, as far as this product reads it; anything else travels along untouched. */
export type Metadata = {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: { readonly [key: string]: string };
  readonly annotations?: { readonly [key: string]: string };
  readonly [field: string]: unknown;
};

/** A Kubernetes object as an author wrote it. Every field goes to the API server as it is. */
export type Manifest = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Metadata;
  readonly [field: string]: unknown;
};

export type OwnerReference = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
};

/** A Kubernetes object as the API server gave it. */
export type LiveObject = Manifest & {
  readonly metadata: Metadata & {
    readonly uid: string;
    readonly resourceVersion: string;
    /** RFC 3339 */
    readonly creationTimestamp: string;
    /** Grows with each change of the specification; kinds without one have none. */
    readonly generation?: number;
    readonly deletionTimestamp?: string;
    readonly ownerReferences?: readonly OwnerReference[];
    readonly managedFields?: readonly ManagedFields[];
  };
};

/** Who set which fields, as the API server keeps it. */
export type ManagedFields = {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  readonly fieldsType?: string;
  readonly fieldsV1?: { readonly [field: string]: unknown };
  readonly subresource?: string;
  readonly time?: string;
};

/** The name of one object. `namespace` is absent for objects of the whole cluster. */
export type ObjectReference = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
};

/** Objects of one kind: in a namespace or, without one, in the whole cluster. */
export type Selection = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  /** Only the object of this name. */
  readonly name?: string;
  /** In the syntax of the API: `app=items,track in (stable,canary),!paused`. */
  readonly labelSelector?: string;
};

/** The one state of an object that a write or a deletion is meant for: its metadata as it was read. */
export type Expected = {
  readonly resourceVersion: string;
  readonly uid: string;
  /** Spares `apply` a read where the caller has it. */
  readonly managedFields?: readonly ManagedFields[];
};

export type WatchEvent =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: LiveObject }
  /** Nothing changed; a watch may be resumed from here. */
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string };

/** An event that Kubernetes recorded about an object. */
export type ClusterEvent = {
  readonly type: string;
  readonly reason: string;
  readonly message: string;
  readonly count: number;
  /** RFC 3339; absent where the reporter gave no time. */
  readonly lastSeen?: string;
};

/** What `logs` reads at most of a container's log, in bytes. */
export const MAXIMUM_LOG_BYTES = 32 * 1024;

/** Every method throws only ClusterError, or what `signal` was aborted with. */
export interface Cluster {
  /** Whether objects of the kind live in namespaces; undefined where the cluster has no such kind. */
  isNamespaced(query: { apiVersion: string; kind: string; signal?: AbortSignal }): Promise<boolean | undefined>;
  /** The object, or undefined where there is none of that name (or no such kind). */
  get(query: { ref: ObjectReference; signal?: AbortSignal }): Promise<LiveObject | undefined>;
  /** All objects of the selection, and the version from which a watch misses nothing. */
  list(query: Selection & { signal?: AbortSignal }): Promise<{ items: LiveObject[]; resourceVersion: string }>;
  /**
   * Each change after `resourceVersion`, in order, for as long as `signal` lets it; it ends quietly when the signal
   * aborts. Throws `expired` when that version is too old, so that the caller lists again, and `unreachable` when
   * the connection is lost.
   */
  watch(query: Selection & { resourceVersion: string; signal: AbortSignal }): AsyncIterable<WatchEvent>;
  /** Creates the object. Throws `alreadyExists` where there is one of that name. */
  create(command: { manifest: Manifest; fieldManager: string; signal?: AbortSignal }): Promise<LiveObject>;
  /**
   * Makes the object that is in the expected state as the manifest says: what this field manager wrote before and
   * the manifest no longer has is removed, what others wrote stays unless the manifest has it too. Throws
   * `conflict` when the object has changed, is gone or was created anew.
   */
  apply(command: {
    manifest: Manifest;
    expected: Expected;
    fieldManager: string;
    signal?: AbortSignal;
  }): Promise<LiveObject>;
  /**
   * What `create` or, where `live` is given, `apply` would make of the object, with defaults and admission, as the API
   * server itself tells it; nothing is written. Throws what they would throw.
   */
  dryRun(query: {
    manifest: Manifest;
    /** The object as it was read; its version is the one that is compared with. */
    live?: LiveObject;
    fieldManager: string;
    signal?: AbortSignal;
  }): Promise<LiveObject>;
  /** Deletes the object if it is in the expected state. `foreground` keeps it until what it owns is gone. */
  delete(command: {
    ref: ObjectReference;
    expected: Expected;
    propagation: 'foreground' | 'background' | 'orphan';
    signal?: AbortSignal;
  }): Promise<void>;
  /** What Kubernetes recorded about the object, oldest first. */
  events(query: { ref: ObjectReference & { uid: string }; signal?: AbortSignal }): Promise<ClusterEvent[]>;
  /**
   * The last whole lines, at most `lines` of them, that a pod's container has written; empty where it has not started
   * yet or wrote nothing, undefined where there is no such pod. At most MAXIMUM_LOG_BYTES are read.
   */
  logs(query: {
    pod: { readonly name: string; readonly namespace: string };
    container: string;
    lines: number;
    signal?: AbortSignal;
  }): Promise<string[] | undefined>;
}

export const CLUSTER_ERROR_CODES = [
  /** The object is not, or no longer, in the expected state. */
  'conflict',
  'alreadyExists',
  'notFound',
  /** The cluster knows who asks and does not allow it; a quota that is used up too. */
  'forbidden',
  'unauthorized',
  /** The manifest is wrong. */
  'invalid',
  /** No answer, or one that says that the server cannot answer now. */
  'unreachable',
  /** The version that a watch was to start from is too old. */
  'expired',
  'other',
] as const;
export type ClusterErrorCode = (typeof CLUSTER_ERROR_CODES)[number];

/** The codes that asking again, after a fresh look, may mend. */
const RETRYABLE: ReadonlySet<ClusterErrorCode> = new Set(['conflict', 'alreadyExists', 'unreachable', 'expired']);

/** A request to a cluster that did not succeed. The message names the object and what was being done. */
export class ClusterError extends Error {
  override readonly name = 'ClusterError';
  readonly code: ClusterErrorCode;

  constructor(code: ClusterErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }

  /** Whether the same intent may succeed later without anyone mending anything. */
  get retryable(): boolean {
    return RETRYABLE.has(this.code);
  }
}

/** Whether `error` is a ClusterError, with one of `codes` where any are given. */
export function isClusterError(error: unknown, ...codes: ClusterErrorCode[]): error is ClusterError {
  return error instanceof ClusterError && (codes.length === 0 || codes.includes(error.code));
}

/** The reference of an object. */
export function referenceOf(object: Manifest): ObjectReference {
  const { name, namespace } = object.metadata;
  return {
    apiVersion: object.apiVersion,
    kind: object.kind,
    name,
    ...(namespace === undefined ? {} : { namespace }),
  };
}

/** The object's name for people: `Deployment items/items-api`, or `Namespace items` where it has no namespace. */
export function describeObject(ref: { kind: string; name?: string; namespace?: string }): string {
  return `${ref.kind} ${[ref.namespace, ref.name].filter((part) => part !== undefined).join('/')}`;
}
