/** What a delivery would change of a live object: the fields that people decide, without what the API server keeps for itself. */
import type { Json } from '../core/json.ts';
import type { LiveObject, Manifest } from '../ports/cluster.ts';
import { FENCE_MANAGER, FIELD_MANAGER } from './conditional-write.ts';
import { type FieldSet, setOfField, setOfItem } from './field-sets.ts';

/** One field that would change. */
export type FieldChange = {
  /** Such as `spec.template.spec.containers[api].image`. */
  readonly path: string;
  /** Absent where the field would be added, and where it is masked. */
  readonly from?: Json;
  /** Absent where the field would be removed, and where it is masked. */
  readonly to?: Json;
  /** A secret: whether it is added, changed or removed is all that is told. */
  readonly masked?: 'added' | 'changed' | 'removed';
  /** The other field managers that own it now. */
  readonly owners?: readonly string[];
};

export type ObjectChanges = {
  readonly fields: readonly FieldChange[];
  /** How many more fields would change than are listed. */
  readonly more: number;
};

const MAXIMUM_FIELDS = 200;
/** A value that is larger, in characters of JSON, is told by its beginning. */
const MAXIMUM_VALUE_CHARACTERS = 4_000;

const SERVER_METADATA: ReadonlySet<string> = new Set([
  'creationTimestamp',
  'generation',
  'managedFields',
  'resourceVersion',
  'selfLink',
  'uid',
]);
const SERVER_ANNOTATIONS: ReadonlySet<string> = new Set([
  'deployment.kubernetes.io/revision',
  // It holds the whole object again, secrets included.
  'kubectl.kubernetes.io/last-applied-configuration',
]);
const OWN_ANNOTATIONS = 'gennaker.dev/';
const SECRET_FIELDS: ReadonlySet<string> = new Set(['data', 'stringData']);
/** By which the items of lists are told apart, the first that every item has and no two share. */
const ITEM_KEYS = ['name', 'mountPath', 'containerPort', 'port', 'key', 'type', 'topologyKey', 'ip', 'host', 'uid'];
const PLAIN = /^[A-Za-z_$][\w$-]*$/;

/**
 * The fields in which `planned`, the API server's answer to a dry-run, differs from the live object. Items of lists
 * are compared by their key, so their order counts only where they have none.
 */
export function changesOf(live: LiveObject, planned: Manifest): ObjectChanges {
  const owners = (live.metadata.managedFields ?? [])
    .filter(({ manager }) => manager !== FIELD_MANAGER && manager !== FENCE_MANAGER)
    .map(({ manager, fieldsV1 = {} }) => ({ manager, set: fieldsV1 }));
  const found: FieldChange[] = [];
  compareRecords({ path: '', from: decided(live), to: decided(planned), owners, mask: false }, found);
  return { fields: found.slice(0, MAXIMUM_FIELDS), more: Math.max(0, found.length - MAXIMUM_FIELDS) };
}

type Fields = { readonly [field: string]: unknown };
type Owner = { readonly manager: string; readonly set: FieldSet };
type Pair<T> = {
  readonly path: string;
  readonly from: T;
  readonly to: T;
  readonly owners: readonly Owner[];
  readonly mask: boolean;
};

/** The object without what nobody decides. */
function decided(object: Manifest): Fields {
  const { status: _, metadata, ...rest } = object;
  const kept = Object.entries(metadata).filter(([field]) => !SERVER_METADATA.has(field));
  const annotations = Object.entries(metadata.annotations ?? {}).filter(
    ([name]) => !SERVER_ANNOTATIONS.has(name) && !name.startsWith(OWN_ANNOTATIONS),
  );
  return {
    ...rest,
    metadata: {
      ...Object.fromEntries(kept),
      annotations: annotations.length === 0 ? undefined : Object.fromEntries(annotations),
    },
  };
}

function compare(pair: Pair<unknown>, found: FieldChange[]): void {
  const { from, to } = pair;
  if (same(from, to)) return;
  if (isRecord(from) && isRecord(to)) compareRecords({ ...pair, from, to }, found);
  else if (isRecords(from) && isRecords(to)) compareItems({ ...pair, from, to }, found);
  else found.push(changeOf(pair));
}

function compareRecords(pair: Pair<Fields>, found: FieldChange[]): void {
  const { path, from, to, owners } = pair;
  for (const field of Object.keys({ ...from, ...to })) {
    const mask = pair.mask || (path === '' && from.kind === 'Secret' && SECRET_FIELDS.has(field));
    const child = { path: joined(path, field), from: from[field], to: to[field], mask };
    compare({ ...child, owners: narrowed(owners, (set) => setOfField(set, field)) }, found);
  }
}

function compareItems(pair: Pair<readonly Fields[]>, found: FieldChange[]): void {
  const { path, owners, mask } = pair;
  const key = ITEM_KEYS.find((each) => [...pair.from, ...pair.to].every((item) => isScalar(item[each])));
  const from = itemsByName(pair.from, key);
  const to = itemsByName(pair.to, key);
  for (const name of new Set([...from.keys(), ...to.keys()])) {
    const item = from.get(name) ?? to.get(name);
    const owning = narrowed(owners, (set) => setOfItem(set, item));
    compare({ path: `${path}[${name}]`, from: from.get(name), to: to.get(name), owners: owning, mask }, found);
  }
}

function changeOf({ path, from, to, owners, mask }: Pair<unknown>): FieldChange {
  const managers = [...new Set(owners.map(({ manager }) => manager))].sort();
  const owned = managers.length === 0 ? {} : { owners: managers };
  if (mask) return { path, masked: from === undefined ? 'added' : to === undefined ? 'removed' : 'changed', ...owned };
  return {
    path,
    ...(from === undefined ? {} : { from: bounded(from) }),
    ...(to === undefined ? {} : { to: bounded(to) }),
    ...owned,
  };
}

function narrowed(owners: readonly Owner[], into: (set: FieldSet) => FieldSet | undefined): Owner[] {
  return owners.flatMap(({ manager, set }) => {
    const part = into(set);
    return part === undefined ? [] : [{ manager, set: part }];
  });
}

/** Items by their key, or by their place without one; those that share a key, such as two protocols of a port, are numbered. */
function itemsByName(items: readonly Fields[], key: string | undefined): Map<string, Fields> {
  const found = new Map<string, Fields>();
  for (const [index, item] of items.entries()) {
    const name = key === undefined ? String(index) : String(item[key]);
    let unique = name;
    for (let number = 2; found.has(unique); number += 1) unique = `${name}#${number}`;
    found.set(unique, item);
  }
  return found;
}

function joined(path: string, field: string): string {
  if (!PLAIN.test(field)) return `${path}[${field}]`;
  return path === '' ? field : `${path}.${field}`;
}

function bounded(value: unknown): Json {
  const text = JSON.stringify(value) ?? 'null';
  if (text.length <= MAXIMUM_VALUE_CHARACTERS) return JSON.parse(text) as Json;
  return `${text.slice(0, MAXIMUM_VALUE_CHARACTERS).toWellFormed()}…`;
}

/** Equal as JSON, whatever the order of fields; what is empty counts as absent, as it does to the API server. */
function same(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((item, index) => same(item, other[index]));
  }
  if (!isRecord(one) || !isRecord(other)) return isAbsent(one) && isAbsent(other);
  return Object.keys({ ...one, ...other }).every((field) => same(one[field], other[field]));
}

function isAbsent(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

function isScalar(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'number';
}

function isRecords(value: unknown): value is readonly Fields[] {
  return Array.isArray(value) && value.length > 0 && value.every(isRecord);
}

function isRecord(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
