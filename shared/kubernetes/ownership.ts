/** Moves the ownership of fields from a first write by POST to server-side apply, or fields removed later would stay for ever. */
import type { ManagedFields } from '../ports/cluster.ts';

type FieldSet = { readonly [field: string]: unknown };

/**
 * The managed fields with the manager's `Update` entries turned into one `Apply` entry, or undefined where it has
 * none. kubectl does the same when it goes over to server-side apply (client-go's csaupgrade).
 */
export function claimForApply(entries: readonly ManagedFields[], manager: string): ManagedFields[] | undefined {
  const isOurs = (entry: ManagedFields) => entry.manager === manager && entry.subresource === undefined;
  const updates = entries.filter((entry) => isOurs(entry) && entry.operation === 'Update');
  const last = updates.at(-1);
  if (last === undefined) return undefined;
  const ours = entries.filter(isOurs);
  const applied: ManagedFields = {
    ...(ours.find((entry) => entry.operation === 'Apply') ?? last),
    operation: 'Apply',
    fieldsV1: ours.map((entry) => entry.fieldsV1 ?? {}).reduce(union, {}),
  };
  return [...entries.filter((entry) => !isOurs(entry)), applied];
}

/** The union of two field sets: nested objects whose keys are the fields. */
function union(one: FieldSet, other: FieldSet): FieldSet {
  const both: { [field: string]: unknown } = { ...one };
  for (const [field, value] of Object.entries(other)) {
    both[field] = union((both[field] ?? {}) as FieldSet, value as FieldSet);
  }
  return both;
}
