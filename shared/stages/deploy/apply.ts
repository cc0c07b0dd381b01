/** Applies the manifests one after the other under the fence, and says how far it came. */
import { beyondKind } from '../../kubernetes/allowed-namespaces.ts';
import { type Fence, fenceOf, writeFenced } from '../../kubernetes/conditional-write.ts';
import { isTrue } from '../../kubernetes/objects.ts';
import { watchRollout } from '../../kubernetes/rollout-watch.ts';
import {
  type Cluster,
  describeObject,
  isClusterError,
  type LiveObject,
  type Manifest,
  type ObjectReference,
  referenceOf,
} from '../../ports/cluster.ts';
import { type StageContext, TerminalError } from '../kind.ts';
import type { AppliedObject } from './schema.ts';

export type Applied = {
  /** Everything that was applied, with what `applied` held before. */
  readonly applied: AppliedObject[];
  readonly end:
    | { readonly is: 'all' }
    /** The time was up; the rest is for the next step. */
    | { readonly is: 'time' }
    /** What must go or become ready first: a sentence. */
    | { readonly is: 'held-up'; readonly text: string }
    | { readonly is: 'fenced-off'; readonly text: string }
    | { readonly is: 'not-ours' };
};

/**
 * Applies what comes after `applied`, until `until` (epoch ms). Throws ClusterError, and TerminalError where a stage that
 * is held to namespaces would write an object of the whole cluster.
 */
export async function applyManifests(command: {
  cluster: Cluster;
  manifests: readonly Manifest[];
  applied: readonly AppliedObject[];
  fence: Fence;
  until: number;
  context: StageContext;
}): Promise<Applied> {
  const { cluster, manifests, fence, until, context } = command;
  const applied = [...command.applied];
  for (const manifest of manifests.slice(applied.length)) {
    if (context.clock.now() >= until) return { applied, end: { is: 'time' } };
    if (!(await definitionsReady(command, applied, manifest))) {
      return { applied, end: { is: 'held-up', text: 'the custom resource definitions are not established yet' } };
    }
    const { execution, signal } = context;
    const mayWrite = () => context.mayWrite();
    const name = describeObject(referenceOf(manifest));
    const forbidden = context.namespaces === undefined ? undefined : await beyondKind(cluster, manifest, signal);
    if (forbidden !== undefined) throw new TerminalError(`applying the manifests: ${forbidden}`);
    try {
      const command = { cluster, manifest, fence, execution, mayWrite, signal };
      const written = await writeFenced({ ...command, oncePerAttempt: true });
      if (written.is === 'not-ours') return { applied, end: written };
      if (written.is === 'being-deleted') return { applied, end: { is: 'held-up', text: `${name} is being deleted` } };
      if (written.is === 'fenced-off') {
        const text = `${name} was written by a newer delivery, ${written.execution ?? 'unknown'} (fence ${written.by})`;
        return { applied, end: { is: 'fenced-off', text } };
      }
      applied.push(appliedObject(written.object));
      context.report([`applied ${applied.length} of ${manifests.length}: ${name}`]);
    } catch (error) {
      if (!(await makesRoom(error, manifest, command))) throw error;
      return { applied, end: { is: 'held-up', text: `the ended ${name} makes room for the new one` } };
    }
  }
  return { applied, end: { is: 'all' } };
}

/** Objects of a new kind can only be created once the cluster has taken its definition in. */
async function definitionsReady(
  command: { cluster: Cluster; until: number; context: StageContext },
  applied: readonly AppliedObject[],
  next: Manifest,
): Promise<boolean> {
  const isDefinition = ({ kind }: { kind: string }) => kind === 'CustomResourceDefinition';
  if (applied.at(-1) === undefined || !isDefinition(applied.at(-1) ?? next) || isDefinition(next)) return true;
  const { cluster, until, context } = command;
  const refs = applied.filter(isDefinition).map(refOf);
  const established = await watchRollout({
    cluster,
    refs,
    clock: context.clock,
    until,
    signal: context.signal,
    judge: (objects) => (objects.every((object) => object.health?.state === 'stable') ? true : undefined),
  });
  return established === true;
}

/** A Job cannot be changed, only replaced: one that has ended is deleted, so that the next try can create it. */
async function makesRoom(
  error: unknown,
  manifest: Manifest,
  command: { cluster: Cluster; fence: Fence; context: StageContext },
): Promise<boolean> {
  if (manifest.kind !== 'Job' || !isClusterError(error, 'invalid')) return false;
  const { cluster, fence, context } = command;
  const ref = referenceOf(manifest);
  const live = await cluster.get({ ref, signal: context.signal });
  if (live === undefined || fenceOf(live)?.lock !== fence.lock) return false;
  if (!isTrue(live, 'Complete') && !isTrue(live, 'Failed')) return false;
  if (!context.mayWrite()) return false;
  await cluster.delete({ ref, expected: live.metadata, propagation: 'background', signal: context.signal });
  return true;
}

export function refOf({ apiVersion, kind, name, namespace }: AppliedObject): ObjectReference {
  return { apiVersion, kind, name, ...(namespace === undefined ? {} : { namespace }) };
}

function appliedObject(object: LiveObject): AppliedObject {
  const { apiVersion, kind, metadata } = object;
  const { name, namespace, uid } = metadata;
  return { apiVersion, kind, ...(namespace === undefined ? {} : { namespace }), name, uid };
}
