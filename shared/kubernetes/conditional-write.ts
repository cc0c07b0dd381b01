/** The one way in which stages write to a cluster: a worker that woke up too late, or an older turn, never lands last. */
import {
  type Cluster,
  type Expected,
  isClusterError,
  type LiveObject,
  type Manifest,
  type ObjectReference,
  referenceOf,
} from '../ports/cluster.ts';

export const FENCE_ANNOTATION = 'gennaker.dev/fence';
export const LOCK_ANNOTATION = 'gennaker.dev/lock';
export const EXECUTION_ANNOTATION = 'gennaker.dev/execution';
export const MANAGED_BY_LABEL = 'app.kubernetes.io/managed-by';
export const FIELD_MANAGER = 'gennaker';
/** Who raises a fence: the other fields of the object stay with who applied them. */
export const FENCE_MANAGER = 'gennaker-fence';

/** How often an object that others write to at the same time is read again. */
const WRITE_TRIES = 8;

/** Orders the writes under one lock: by turn, then attempt, then step. */
export type Fence = {
  /** Names the lock; fences of different locks are not compared. */
  readonly lock: string;
  readonly turn: number;
  readonly attempt: number;
  readonly step: number;
};

export type FencedWrite = { readonly is: 'written'; readonly object: LiveObject } | NotWritten;

export type NotWritten =
  /** The object carries a higher fence: `by` is its text, `execution` who wrote it. */
  | { readonly is: 'fenced-off'; readonly by: string; readonly execution: string | undefined }
  /** This worker no longer holds its step. */
  | { readonly is: 'not-ours' }
  /** The object is going away; it can be created once it is gone. */
  | { readonly is: 'being-deleted' };

type Conditions = {
  readonly cluster: Cluster;
  readonly fence: Fence;
  /** Asked directly before each write. */
  readonly mayWrite: () => boolean;
  readonly signal?: AbortSignal;
  readonly attempts?: number;
};

/**
 * Creates the object or applies the manifest to it, under the fence. Throws ClusterError: `conflict` only after others
 * kept changing the object through every try.
 */
export async function writeFenced(
  command: Conditions & {
    /** With its namespace. */
    readonly manifest: Manifest;
    readonly execution: string;
    readonly fieldManager?: string;
    /** Leaves alone what this very attempt has written already, though the answer was lost. */
    readonly oncePerAttempt?: boolean;
  },
): Promise<FencedWrite> {
  const { cluster, fence, fieldManager = FIELD_MANAGER, oncePerAttempt = false } = command;
  const manifest = marked(command.manifest, fence, command.execution);
  const options = command.signal === undefined ? {} : { signal: command.signal };
  return underFence(command, referenceOf(manifest), async (live) => {
    const isDone = oncePerAttempt && live !== undefined && isWrittenBy(live, fence, command.execution);
    if (isDone) return { is: 'written', object: live };
    const object =
      live === undefined
        ? await cluster.create({ manifest, fieldManager, ...options })
        : await cluster.apply({ manifest, expected: expectedOf(live), fieldManager, ...options });
    return { is: 'written', object };
  });
}

/**
 * Applies the manifest to the one object of this uid, under the fence, and never creates one: `gone` where it is not
 * there any more, or another of its name is. Throws ClusterError as writeFenced does.
 */
export async function changeFenced(
  command: Conditions & {
    /** With its namespace. */
    readonly manifest: Manifest;
    readonly uid: string;
    readonly execution: string;
    readonly fieldManager: string;
  },
): Promise<FencedWrite | { readonly is: 'gone' }> {
  const { cluster, fence, fieldManager, uid } = command;
  const manifest = marked(command.manifest, fence, command.execution);
  const options = command.signal === undefined ? {} : { signal: command.signal };
  return underFence(command, referenceOf(manifest), async (live) => {
    if (live?.metadata.uid !== uid) return { is: 'gone' };
    const object = await cluster.apply({ manifest, expected: expectedOf(live), fieldManager, ...options });
    return { is: 'written', object };
  });
}

/**
 * Raises the fence of an object and changes nothing else of it, so that a worker that read it before and was lost
 * cannot write to it whenever it wakes up. An object that is not there stays away; a first write of it that is
 * already under way cannot be stopped, because a creation has no state that it could be conditional on. Throws
 * ClusterError as writeFenced does.
 */
export async function raiseFence(
  command: Conditions & { readonly ref: ObjectReference },
): Promise<{ readonly is: 'raised' | 'absent' } | NotWritten> {
  const { cluster, ref, fence } = command;
  const { apiVersion, kind, ...metadata } = ref;
  const manifest = { apiVersion, kind, metadata: { ...metadata, annotations: fenceAnnotations(fence) } };
  const options = command.signal === undefined ? {} : { signal: command.signal };
  return underFence(command, ref, async (live) => {
    if (live === undefined) return { is: 'absent' };
    const present = fenceOf(live);
    const isRaised = present?.lock === fence.lock && compareFences(present, fence) === 0;
    if (isRaised) return { is: 'raised' };
    await cluster.apply({ manifest, expected: expectedOf(live), fieldManager: FENCE_MANAGER, ...options });
    return { is: 'raised' };
  });
}

/** Reads the object and writes it if it may be written, again from the read where another was faster. */
async function underFence<T>(
  command: Conditions,
  ref: ObjectReference,
  write: (live: LiveObject | undefined) => Promise<T>,
): Promise<T | NotWritten> {
  const { cluster, fence, attempts = WRITE_TRIES } = command;
  const options = command.signal === undefined ? {} : { signal: command.signal };
  for (let tried = 1; ; tried++) {
    const live = await cluster.get({ ref, ...options });
    if (live?.metadata.deletionTimestamp !== undefined) return { is: 'being-deleted' };
    const higher = live === undefined ? undefined : higherFence(live, fence);
    if (higher !== undefined) return higher;
    if (!command.mayWrite()) return { is: 'not-ours' };
    try {
      return await write(live);
    } catch (error) {
      if (!isClusterError(error, 'conflict', 'alreadyExists') || tried >= attempts) throw error;
    }
  }
}

/** `turn.attempt.step` */
export function fenceText(fence: Fence): string {
  return `${fence.turn}.${fence.attempt}.${fence.step}`;
}

/** Below zero where `one` is lower. */
export function compareFences(one: Omit<Fence, 'lock'>, other: Omit<Fence, 'lock'>): number {
  return one.turn - other.turn || one.attempt - other.attempt || one.step - other.step;
}

/** The fence that an object carries, or undefined where it carries none that can be read. */
export function fenceOf(object: Manifest): Fence | undefined {
  const lock = object.metadata.annotations?.[LOCK_ANNOTATION];
  const text = object.metadata.annotations?.[FENCE_ANNOTATION];
  const parts = /^(\d+)\.(\d+)\.(\d+)$/.exec(text ?? '');
  if (lock === undefined || parts === null) return undefined;
  return { lock, turn: Number(parts[1]), attempt: Number(parts[2]), step: Number(parts[3]) };
}

/** Whether a step of the same attempt wrote it. A fence that was only raised names another execution, or none. */
function isWrittenBy(live: LiveObject, fence: Fence, execution: string): boolean {
  const present = fenceOf(live);
  if (present === undefined || live.metadata.annotations?.[EXECUTION_ANNOTATION] !== execution) return false;
  return present.lock === fence.lock && present.turn === fence.turn && present.attempt === fence.attempt;
}

function higherFence(live: LiveObject, fence: Fence): NotWritten | undefined {
  const present = fenceOf(live);
  if (present === undefined || present.lock !== fence.lock || compareFences(present, fence) <= 0) return undefined;
  const execution = live.metadata.annotations?.[EXECUTION_ANNOTATION];
  return { is: 'fenced-off', by: fenceText(present), execution };
}

function expectedOf(live: LiveObject): Expected {
  const { resourceVersion, uid, managedFields = [] } = live.metadata;
  return { resourceVersion, uid, managedFields };
}

/** The manifest with the label that everything delivered carries. */
export function labelled(manifest: Manifest): Manifest {
  const { metadata } = manifest;
  return { ...manifest, metadata: { ...metadata, labels: { ...metadata.labels, [MANAGED_BY_LABEL]: 'gennaker' } } };
}

function marked(manifest: Manifest, fence: Fence, execution: string): Manifest {
  const { metadata, ...rest } = labelled(manifest);
  return {
    ...rest,
    metadata: {
      ...metadata,
      annotations: {
        ...metadata.annotations,
        [EXECUTION_ANNOTATION]: execution,
        ...fenceAnnotations(fence),
      },
    },
  };
}

function fenceAnnotations(fence: Fence): { [annotation: string]: string } {
  return { [LOCK_ANNOTATION]: fence.lock, [FENCE_ANNOTATION]: fenceText(fence) };
}
