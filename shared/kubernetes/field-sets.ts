/** Reads managed fields (`fieldsV1`) beside the object that they are about: who owns what, and what nobody would own. */
import type { LiveObject, ManagedFields } from '../ports/cluster.ts';

/** `f:` and a field's name, `k:` and the key of a list's item, `v:` and a value of a set, `.` for the value itself. */
export type FieldSet = { readonly [part: string]: unknown };

/**
 * The part of a field set that is about a field, or undefined where the set says nothing about it. What has no parts
 * of its own is owned as one value, with everything in it.
 */
export function setOfField(set: FieldSet, field: string): FieldSet | undefined {
  return partOfField(set, field) ?? (isWhole(set) ? {} : undefined);
}

/** The part of a list's field set that is about one of its items. */
export function setOfItem(set: FieldSet, item: unknown): FieldSet | undefined {
  return partOfItem(set, item) ?? (isWhole(set) ? {} : undefined);
}

function partOfField(set: FieldSet, field: string): FieldSet | undefined {
  const found = set[`f:${field}`];
  return isRecord(found) ? found : undefined;
}

function partOfItem(set: FieldSet, item: unknown): FieldSet | undefined {
  for (const [part, found] of Object.entries(set)) {
    if (isRecord(found) && isAbout(part, item)) return found;
  }
  return undefined;
}

/** The object without what `manager` owns by `Update` alone and does not own by `Apply`: a claim would have it removed. */
export function withoutUnclaimed(object: LiveObject, manager: string): LiveObject {
  const entries = object.metadata.managedFields ?? [];
  const isDropped = (entry: ManagedFields): boolean =>
    entry.manager === manager && entry.operation === 'Update' && entry.subresource === undefined;
  const dropped = entries.filter(isDropped).map((entry) => entry.fieldsV1 ?? {});
  const kept = entries.filter((entry) => !isDropped(entry)).map((entry) => entry.fieldsV1 ?? {});
  return dropped.reduce<LiveObject>((left, drop) => withoutFields(left, drop, kept) as LiveObject, object);
}

function withoutFields(value: unknown, drop: FieldSet, keep: readonly FieldSet[]): unknown {
  if (Array.isArray(value)) {
    return value.flatMap((item) => {
      const dropped = partOfItem(drop, item);
      if (dropped === undefined) return [item];
      const kept = keep.map((set) => partOfItem(set, item)).filter((set) => set !== undefined);
      if (kept.length === 0 && ('.' in dropped || isWhole(dropped))) return [];
      return [isWhole(dropped) ? item : withoutFields(item, dropped, kept)];
    });
  }
  if (!isRecord(value)) return value;
  const left: { [field: string]: unknown } = {};
  for (const [field, child] of Object.entries(value)) {
    const dropped = partOfField(drop, field);
    const kept = keep.map((set) => partOfField(set, field)).filter((set) => set !== undefined);
    if (dropped === undefined || (isWhole(dropped) && kept.length > 0)) {
      left[field] = child;
    } else if (!isWhole(dropped)) {
      const rest = withoutFields(child, dropped, kept);
      if (kept.length > 0 || !isEmpty(rest)) left[field] = rest;
    }
  }
  return left;
}

function isAbout(part: string, item: unknown): boolean {
  if (part.startsWith('v:')) return JSON.stringify(item) === part.slice(2);
  if (!part.startsWith('k:') || !isRecord(item)) return false;
  const key: unknown = JSON.parse(part.slice(2));
  return isRecord(key) && Object.entries(key).every(([field, value]) => item[field] === value);
}

function isWhole(set: FieldSet): boolean {
  return Object.keys(set).length === 0;
}

function isEmpty(value: unknown): boolean {
  return isRecord(value) || Array.isArray(value) ? Object.keys(value).length === 0 : false;
}

function isRecord(value: unknown): value is { readonly [field: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
