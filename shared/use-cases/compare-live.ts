/** Compares what a plan's stages would apply with what lives on their targets, by dry-runs only: nothing is ever written. */
import type { Plan, StagePlan } from '../core/plan.ts';
import { beyondKind } from '../kubernetes/allowed-namespaces.ts';
import { FIELD_MANAGER, labelled } from '../kubernetes/conditional-write.ts';
import { changesOf, type FieldChange } from '../kubernetes/difference.ts';
import { isTrue } from '../kubernetes/objects.ts';
import type { Blobs } from '../ports/blobs.ts';
import {
  type Cluster,
  ClusterError,
  isClusterError,
  type LiveObject,
  type Manifest,
  type ObjectReference,
  referenceOf,
} from '../ports/cluster.ts';
import { type StageKind, TerminalError } from '../stages/kind.ts';

export type LivePorts = {
  readonly kinds: ReadonlyMap<string, StageKind>;
  readonly blobs: Blobs;
  /** The cluster of a target. Throws where no target has the name. */
  readonly clusterOf: (target: string) => Promise<Cluster>;
};

export type ObjectComparison = ObjectReference & {
  /**
   * `replace`: an ended Job makes room for the new one. `refused`: the delivery would fail at it, `note` says why.
   * `unknown`: the cluster did not let it be tried.
   */
  readonly is: 'same' | 'create' | 'change' | 'replace' | 'refused' | 'unknown';
  readonly fields?: readonly FieldChange[];
  /** How many more fields would change than are listed. */
  readonly more?: number;
  readonly note?: string;
  /** What was compared with; a change of it voids nothing. */
  readonly resourceVersion?: string;
};

export type TargetComparison = {
  readonly target: string;
  /** The stages that deliver to it, in the plan's order. */
  readonly stages: readonly string[];
  /** Stages whose objects are only known while they run. */
  readonly later: readonly string[];
} & (
  | {
      readonly is: 'compared';
      readonly objects: readonly ObjectComparison[];
      /** How many objects more than MAXIMUM_COMPARED_OBJECTS were not looked at. */
      readonly unseen: number;
    }
  /** A sentence says why. */
  | { readonly is: 'unreachable' | 'failed'; readonly text: string }
);

/** Objects of one target that are compared. */
export const MAXIMUM_COMPARED_OBJECTS = 500;
const PARALLEL_TARGETS = 8;
/** Requests that one cluster is asked at once. */
const PARALLEL_OBJECTS = 8;
/** How long one target may take, in ms. */
const TARGET_TIMEOUT_MS = 20_000;
/** How often an object that changes while it is compared is read again. */
const COMPARE_TRIES = 4;
/** A sentence of a cluster's, in characters. */
const MAXIMUM_NOTE_CHARACTERS = 500;

/** One comparison for each target of the plan, in the order of its stages. A target that fails fails alone. */
export async function compareLive(
  ports: LivePorts,
  plan: Plan,
  signal: AbortSignal,
): Promise<readonly TargetComparison[]> {
  const stagesOf = new Map<string, StagePlan[]>();
  for (const stage of plan.stages) {
    const delivers = ports.kinds.get(stage.kind)?.delivers !== undefined;
    if (stage.target === undefined || stage.skip !== undefined || !delivers) continue;
    stagesOf.set(stage.target, [...(stagesOf.get(stage.target) ?? []), stage]);
  }
  return inParallel([...stagesOf], PARALLEL_TARGETS, ([target, stages]) =>
    compareTarget(ports, plan, target, stages, signal),
  );
}

async function compareTarget(
  ports: LivePorts,
  plan: Plan,
  target: string,
  stages: readonly StagePlan[],
  signal: AbortSignal,
): Promise<TargetComparison> {
  const later: string[] = [];
  const described = { target, stages: stages.map(({ id }) => id), later };
  const inTime = AbortSignal.timeout(TARGET_TIMEOUT_MS);
  try {
    const manifests = await manifestsOf(ports, plan, stages, later);
    const cluster = await ports.clusterOf(target);
    const seen = manifests.slice(0, MAXIMUM_COMPARED_OBJECTS);
    const both = AbortSignal.any([signal, inTime]);
    const objects = await inParallel(seen, PARALLEL_OBJECTS, (manifest) =>
      compareAllowed(cluster, manifest, manifests, plan, both),
    );
    return { ...described, is: 'compared', objects, unseen: manifests.length - seen.length };
  } catch (error) {
    signal.throwIfAborted();
    if (inTime.aborted) {
      return { ...described, is: 'unreachable', text: `it did not answer within ${TARGET_TIMEOUT_MS / 1000} s` };
    }
    if (isClusterError(error, 'unreachable')) return { ...described, is: 'unreachable', text: noteOf(error) };
    if (isClusterError(error) || error instanceof TerminalError) {
      return { ...described, is: 'failed', text: noteOf(error) };
    }
    throw error;
  }
}

/** What the stages apply, each object once: as the last of them would leave it. */
async function manifestsOf(
  ports: LivePorts,
  plan: Plan,
  stages: readonly StagePlan[],
  later: string[],
): Promise<readonly Manifest[]> {
  const found = new Map<string, Manifest>();
  for (const stage of stages) {
    const kind = ports.kinds.get(stage.kind);
    const manifests = stage.manifests ?? plan.manifests;
    const parameters = stage.isDynamic === true ? undefined : kind?.with.safeParse(stage.with);
    if (kind?.delivers === undefined || parameters?.success !== true) {
      later.push(stage.id);
      continue;
    }
    const delivered = await kind.delivers(parameters.data, {
      pipeline: plan.pipeline,
      namespace: plan.namespace,
      ...(plan.namespaces === undefined ? {} : { namespaces: plan.namespaces }),
      images: plan.images,
      blobs: ports.blobs,
      ...(stage.target === undefined ? {} : { target: stage.target }),
      ...(manifests === undefined ? {} : { manifests }),
      ...(plan.files === undefined ? {} : { files: plan.files }),
    });
    for (const manifest of delivered) found.set(JSON.stringify(referenceOf(manifest)), manifest);
  }
  return [...found.values()];
}

/** What a plan that is held to namespaces may not write is not shown to its team either. */
async function compareAllowed(
  cluster: Cluster,
  manifest: Manifest,
  all: readonly Manifest[],
  { namespaces }: Plan,
  signal: AbortSignal,
): Promise<ObjectComparison> {
  const forbidden = namespaces === undefined ? undefined : await beyondKind(cluster, manifest, signal);
  if (forbidden === undefined) return compareObject(cluster, manifest, all, signal);
  return { ...referenceOf(manifest), is: 'refused', note: forbidden };
}

async function compareObject(
  cluster: Cluster,
  given: Manifest,
  all: readonly Manifest[],
  signal: AbortSignal,
): Promise<ObjectComparison> {
  const manifest = labelled(given);
  const ref = referenceOf(manifest);
  for (let tried = 1; ; tried++) {
    try {
      const live = await cluster.get({ ref, signal });
      if (live === undefined) return await tryFirst(cluster, manifest, all, signal);
      return { ...ref, ...(await tryChange(cluster, manifest, live, signal)) };
    } catch (error) {
      // It was changed, created or deleted between the read and the try.
      if (isClusterError(error, 'conflict', 'alreadyExists') && tried < COMPARE_TRIES) continue;
      if (!isClusterError(error) || isClusterError(error, 'unreachable', 'unauthorized')) throw error;
      const is = isClusterError(error, 'invalid') ? 'refused' : 'unknown';
      return { ...ref, is, note: noteOf(error) };
    }
  }
}

type Comparison = Omit<ObjectComparison, keyof ObjectReference>;

async function tryFirst(
  cluster: Cluster,
  manifest: Manifest,
  all: readonly Manifest[],
  signal: AbortSignal,
): Promise<ObjectComparison> {
  const ref = referenceOf(manifest);
  try {
    await cluster.dryRun({ manifest, fieldManager: FIELD_MANAGER, signal });
    return { ...ref, is: 'create' };
  } catch (error) {
    // Its namespace or its kind is not there yet, so that it cannot be tried.
    if (!isClusterError(error, 'notFound')) throw error;
    return { ...ref, is: 'create', ...(bringsWhatIsMissing(ref, all) ? {} : { note: noteOf(error) }) };
  }
}

/** Whether the same delivery brings the namespace or the definition of the kind. */
function bringsWhatIsMissing({ kind, namespace }: ObjectReference, all: readonly Manifest[]): boolean {
  return all.some((manifest) => {
    if (manifest.kind === 'Namespace') return manifest.metadata.name === namespace;
    if (manifest.kind !== 'CustomResourceDefinition') return false;
    return (manifest.spec as { names?: { kind?: string } } | undefined)?.names?.kind === kind;
  });
}

async function tryChange(
  cluster: Cluster,
  manifest: Manifest,
  live: LiveObject,
  signal: AbortSignal,
): Promise<Comparison> {
  const { resourceVersion, deletionTimestamp } = live.metadata;
  if (deletionTimestamp !== undefined) {
    return { is: 'create', note: 'it is being deleted, and is created anew once it is gone', resourceVersion };
  }
  try {
    const planned = await cluster.dryRun({ manifest, live, fieldManager: FIELD_MANAGER, signal });
    const { fields, more } = changesOf(live, planned);
    if (fields.length === 0) return { is: 'same', resourceVersion };
    return { is: 'change', fields, ...(more === 0 ? {} : { more }), resourceVersion };
  } catch (error) {
    if (!isClusterError(error, 'invalid')) throw error;
    if (!(await isRightByItself(cluster, manifest, signal))) {
      return { is: 'refused', note: noteOf(error), resourceVersion };
    }
    const hasEnded = manifest.kind === 'Job' && (isTrue(live, 'Complete') || isTrue(live, 'Failed'));
    if (hasEnded) return { is: 'replace', note: 'the ended Job makes room for the new one', resourceVersion };
    return { is: 'refused', note: `it cannot be changed in place: ${noteOf(error)}`, resourceVersion };
  }
}

/** Whether the cluster would take the object under another name, so that only the change of the present one is wrong. */
async function isRightByItself(cluster: Cluster, manifest: Manifest, signal: AbortSignal): Promise<boolean> {
  const name = `${manifest.metadata.name.slice(0, 50)}-as-planned`;
  try {
    const elsewhere = { ...manifest, metadata: { ...manifest.metadata, name } };
    await cluster.dryRun({ manifest: elsewhere, fieldManager: FIELD_MANAGER, signal });
    return true;
  } catch (error) {
    if (!(error instanceof ClusterError) || error.code === 'unreachable') throw error;
    return error.code !== 'invalid';
  }
}

function noteOf(error: Error): string {
  const line = error.message.replaceAll(/\s+/g, ' ');
  return line.length <= MAXIMUM_NOTE_CHARACTERS ? line : `${line.slice(0, MAXIMUM_NOTE_CHARACTERS).toWellFormed()}…`;
}

/** The results in the order of the items, with at most `limit` of them under way. */
async function inParallel<T, R>(items: readonly T[], limit: number, run: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const waiting = items.entries();
  const worker = async (): Promise<void> => {
    for (const [index, item] of waiting) results[index] = await run(item);
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  return results;
}
