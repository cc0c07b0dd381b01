/** Server-side apply as the sandbox plays it: who owns which fields, what an apply removes and what it leaves to others. */
import type { LiveObject, ManagedFields, Manifest, Metadata } from '../ports/cluster.ts';
import { claimForApply } from './ownership.ts';

type Fields = { readonly [key: string]: unknown };
/** Owned fields in the form of `fieldsV1`: `f:` and a field's name, or `k:` and the key of a list's item. */
type Owned = { readonly [key: string]: Owned };

/** Lists whose items are told apart by a key; every other list is one value. */
const LIST_KEYS: { readonly [field: string]: readonly string[] } = {
  containers: ['name'],
  initContainers: ['name'],
  env: ['name'],
  volumes: ['name'],
  volumeMounts: ['mountPath'],
  imagePullSecrets: ['name'],
  conditions: ['type'],
  ownerReferences: ['uid'],
};

/** What names an object and what the server sets belongs to nobody. */
const UNOWNED = new Set([
  'name',
  'namespace',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'managedFields',
]);

/** The entry that a first write by POST leaves. */
export function ownedByCreation(manifest: Manifest, manager: string, time: string): ManagedFields[] {
  return [entry(manifest, manager, 'Update', ownedFields(manifest), time)];
}

/** The object after an apply by `manager`. Metadata that the server sets is the caller's to set. */
export function merge(live: LiveObject, manifest: Manifest, manager: string, time: string): LiveObject {
  const claimed = claimForApply(live.metadata.managedFields ?? [], manager) ?? live.metadata.managedFields ?? [];
  const isOurs = (of: ManagedFields) => of.manager === manager && of.operation === 'Apply';
  const wanted = ownedFields(manifest);
  const before = (claimed.find(isOurs)?.fieldsV1 ?? {}) as Owned;
  const others = claimed.filter((of) => !isOurs(of));
  const otherSets = others.map((of) => (of.fieldsV1 ?? {}) as Owned);
  const cleared = withoutDropped(live, before, wanted, otherSets) as Fields;
  const merged = mergeFields(cleared, manifest, '') as LiveObject;
  const unchanged = JSON.stringify(before) === JSON.stringify(wanted);
  const ours = unchanged
    ? (claimed.find(isOurs) ?? entry(manifest, manager, 'Apply', wanted, time))
    : entry(manifest, manager, 'Apply', wanted, time);
  const metadata: LiveObject['metadata'] = { ...merged.metadata, managedFields: [...others, ours] };
  return { ...merged, metadata };
}

function entry(
  manifest: Manifest,
  manager: string,
  operation: 'Apply' | 'Update',
  fieldsV1: Owned,
  time: string,
): ManagedFields {
  return { manager, operation, apiVersion: manifest.apiVersion, fieldsType: 'FieldsV1', fieldsV1, time };
}

function ownedFields(manifest: Manifest): Owned {
  const { apiVersion: _, kind: __, metadata, ...rest } = manifest;
  const owned = { ...ownedOf(rest, '') };
  const kept = Object.fromEntries(Object.entries(metadata as Metadata).filter(([field]) => !UNOWNED.has(field)));
  if (Object.keys(kept).length > 0) owned['f:metadata'] = ownedOf(kept, 'metadata');
  return owned;
}

function ownedOf(value: unknown, field: string): Owned {
  if (Array.isArray(value)) {
    const keyed = keyedItems(value, field);
    if (keyed === undefined) return {};
    return Object.fromEntries([...keyed].map(([key, item]) => [`k:${key}`, ownedOf(item, '')]));
  }
  if (!isObject(value)) return {};
  return Object.fromEntries(Object.entries(value).map(([name, child]) => [`f:${name}`, ownedOf(child, name)]));
}

/** The value without what was owned before, is not wanted now and nobody else owns. */
function withoutDropped(value: unknown, before: Owned, wanted: Owned, others: readonly Owned[], field = ''): unknown {
  if (Array.isArray(value)) {
    const keyed = keyedItems(value, field);
    if (keyed === undefined) return value;
    const kept = [...keyed].map(([key, item]) => dropChild(item, `k:${key}`, before, wanted, others, ''));
    return kept.filter((item) => item !== undefined);
  }
  if (!isObject(value)) return value;
  const kept: { [name: string]: unknown } = {};
  for (const [name, child] of Object.entries(value)) {
    const left = dropChild(child, `f:${name}`, before, wanted, others, name);
    if (left !== undefined) kept[name] = left;
  }
  return kept;
}

function dropChild(
  child: unknown,
  key: string,
  before: Owned,
  wanted: Owned,
  others: readonly Owned[],
  field: string,
): unknown {
  const owned = before[key];
  if (owned === undefined) return child;
  const otherChildren = others.flatMap((other) => other[key] ?? []);
  if (wanted[key] === undefined && otherChildren.length === 0) return undefined;
  return withoutDropped(child, owned, wanted[key] ?? {}, otherChildren, field);
}

function mergeFields(live: unknown, wanted: unknown, field: string): unknown {
  if (Array.isArray(wanted)) {
    const wantedItems = keyedItems(wanted, field);
    const liveItems = Array.isArray(live) ? keyedItems(live, field) : undefined;
    if (wantedItems === undefined || liveItems === undefined) return wanted;
    const others = [...liveItems].filter(([key]) => !wantedItems.has(key)).map(([, item]) => item);
    return [...[...wantedItems].map(([key, item]) => mergeFields(liveItems.get(key), item, '')), ...others];
  }
  if (!isObject(wanted) || !isObject(live)) return wanted;
  const merged: { [name: string]: unknown } = { ...live };
  for (const [name, child] of Object.entries(wanted)) merged[name] = mergeFields(live[name], child, name);
  return merged;
}

/** The items by their key, or undefined for a list that is one value. */
function keyedItems(list: readonly unknown[], field: string): Map<string, unknown> | undefined {
  if (!list.every(isObject)) return undefined;
  const items = list as readonly Fields[];
  const portKey = items.every((item) => 'containerPort' in item) ? 'containerPort' : 'port';
  const keys = field === 'ports' ? [portKey, 'protocol'] : LIST_KEYS[field];
  if (keys === undefined) return undefined;
  const keyOf = (item: Fields) =>
    JSON.stringify(Object.fromEntries(keys.map((key) => [key, item[key] ?? (key === 'protocol' ? 'TCP' : null)])));
  const keyed = new Map<string, unknown>(items.map((item) => [keyOf(item), item]));
  return keyed.size === items.length ? keyed : undefined;
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
