/** Objects that were written: found by their bucket, filtered by their names. */
import { NUMBER, TEXT } from '../../pipeline/expressions/types.ts';
import { condition, someMatch } from '../condition.ts';
import type { TriggerKind } from '../trigger-kind.ts';
import type { StorageTrigger } from './schema.ts';

export function storageKey(bucket: string): string {
  return `storage:${bucket}`;
}

export const storageTrigger: TriggerKind<StorageTrigger> = {
  key: 'storage',
  fields: {
    object: {
      is: 'object',
      fields: { bucket: TEXT, name: TEXT, generation: TEXT, contentType: TEXT, size: NUMBER },
    },
  },
  keysOf: ({ storage }) => [storageKey(storage.bucket)],
  conditionsOf({ storage: { prefix, names } }, event) {
    if (event.type !== 'object-stored') return [];
    const { name: got } = event.object;
    const begins =
      prefix === undefined
        ? []
        : [condition({ condition: 'prefix', wanted: prefix, got, met: got.startsWith(prefix) })];
    return [...begins, ...someMatch('names', names, [got])];
  },
  dataOf: (_trigger, event) =>
    event.type === 'object-stored' ? { object: JSON.parse(JSON.stringify(event.object)) } : {},
};
