/** What the sandbox cluster asks about single objects: their keys, whether they are the same, and what may not change. */
import {
  ClusterError,
  type LiveObject,
  type Manifest,
  type ObjectReference,
  type Selection,
} from '../ports/cluster.ts';
import { labelsFit } from './labels.ts';
import { isClusterKind } from './objects.ts';

export function keyOf(ref: ObjectReference): string {
  const namespace = isClusterKind(ref.kind) ? '' : (ref.namespace ?? '');
  return `${ref.apiVersion}|${ref.kind}|${namespace}|${ref.name}`;
}

export function isSelected(selection: Selection, object: LiveObject): boolean {
  const { apiVersion, kind, namespace, name, labelSelector } = selection;
  return (
    object.apiVersion === apiVersion &&
    object.kind === kind &&
    (namespace === undefined || isClusterKind(kind) || object.metadata.namespace === namespace) &&
    (name === undefined || object.metadata.name === name) &&
    (labelSelector === undefined || labelsFit(labelSelector, object.metadata.labels))
  );
}

/** Nobody's changes to an object that was handed out reach the store. */
export function copy<T extends LiveObject | undefined>(object: T): T {
  return structuredClone(object);
}

/** The manifest without what its author does not decide. */
export function normalised(manifest: Manifest): Manifest {
  const { status: _status, ...written } = structuredClone(manifest);
  if (!isClusterKind(written.kind) || written.metadata.namespace === undefined) return written;
  const { namespace: _, ...metadata } = written.metadata;
  return { ...written, metadata: metadata as Manifest['metadata'] };
}

export function withoutVersion(object: LiveObject): unknown {
  return { ...object, metadata: { ...object.metadata, resourceVersion: '' } };
}

export function intent(object: LiveObject): unknown {
  const { metadata: _, status: __, ...rest } = object;
  return rest;
}

/** Equal as JSON, whatever the order of fields. */
export function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one, sorted) === JSON.stringify(other, sorted);
}

function sorted(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)));
}

const IMMUTABLE: { readonly [kind: string]: string } = {
  Deployment: 'selector',
  ReplicaSet: 'selector',
  StatefulSet: 'selector',
  DaemonSet: 'selector',
  Job: 'template',
};

export function refuseImmutable(doing: string, live: LiveObject, merged: LiveObject): void {
  const field = IMMUTABLE[live.kind];
  if (field === undefined) return;
  const read = (object: LiveObject) => (object.spec as { [name: string]: unknown } | undefined)?.[field];
  if (!isSame(read(live), read(merged))) {
    throw new ClusterError('invalid', `could not ${doing}: 422 spec.${field}: field is immutable`);
  }
}

export function unreachable(doing: string): ClusterError {
  return new ClusterError('unreachable', `could not ${doing}: the cluster cannot be reached`);
}
