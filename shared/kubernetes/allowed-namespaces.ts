/** What a delivery may write that is held to namespaces: checked on the objects, and again on what the cluster says of their kinds. */
import { matchesGlob } from '../pipeline/glob.ts';
import { type Cluster, describeObject, type Manifest } from '../ports/cluster.ts';
import { isClusterKind } from './objects.ts';

/**
 * Why the object may not be written by whom `allowed` holds, in a sentence; undefined where it may. An object that names
 * no namespace gets the pipeline's. Of what belongs to a whole cluster only the allowed namespaces themselves may be
 * written. Whether a custom kind lives in namespaces is not known here: ask `beyondKind` before writing.
 */
export function beyondNamespaces(
  allowed: readonly string[],
  { apiVersion, kind, metadata }: Manifest,
): string | undefined {
  const { name, namespace } = metadata;
  const described = describeObject({ kind, name });
  if (isNamespace({ apiVersion, kind })) return notAmong(allowed, name, described);
  if (isClusterKind(kind)) return `${described}: its team may not deliver objects of a whole cluster`;
  return namespace === undefined ? undefined : notAmong(allowed, namespace, described);
}

/**
 * Why the cluster would write the object outside of every namespace; undefined where it would not. A kind that the
 * cluster does not have counts as outside, because it may have it a moment later. Throws ClusterError.
 */
export async function beyondKind(
  cluster: Pick<Cluster, 'isNamespaced'>,
  { apiVersion, kind, metadata }: Manifest,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (isNamespace({ apiVersion, kind })) return undefined;
  const isNamespaced = await cluster.isNamespaced({ apiVersion, kind, signal });
  if (isNamespaced === true) return undefined;
  const described = describeObject({ kind, name: metadata.name });
  return isNamespaced === undefined
    ? `${described}: the cluster has no kind ${kind} in ${apiVersion}, so it is not known to live in a namespace`
    : `${described}: its team may not deliver objects of a whole cluster`;
}

function isNamespace({ apiVersion, kind }: { apiVersion: string; kind: string }): boolean {
  return apiVersion === 'v1' && kind === 'Namespace';
}

function notAmong(allowed: readonly string[], namespace: string, described: string): string | undefined {
  if (allowed.some((pattern) => matchesGlob(pattern, namespace))) return undefined;
  const may = allowed.length === 0 ? 'it may use none' : `it may use ${allowed.join(', ')}`;
  return `${described}: "${namespace}" is not among the namespaces of its team; ${may}`;
}
