/** What the sandbox's controllers see and may do: one small surface over its store, so that each is a function of objects and time. */
import { createHash } from 'node:crypto';
import type { ClusterEvent, LiveObject, Manifest, OwnerReference } from '../ports/cluster.ts';
import type { FateOf } from './sandbox-pods.ts';

export interface World {
  /** Milliseconds since the epoch. The same during one pass. */
  readonly now: number;
  all(kind: string, namespace?: string): LiveObject[];
  /** Objects of the kind whose controller has this uid, by name. */
  controlledBy(uid: string, kind: string): LiveObject[];
  create(manifest: Manifest): LiveObject;
  /** Writes fields beside the metadata, and annotations, where they differ. A new specification is a new generation. */
  update(object: LiveObject, change: { spec?: unknown; status?: unknown; annotations?: Labels }): void;
  /** Deletes the object; a pod is terminating for a while first. */
  remove(object: LiveObject): void;
  record(object: LiveObject, event: Omit<ClusterEvent, 'count' | 'lastSeen'>): void;
  readonly fateOf: FateOf;
  /** Asks for another pass at that time. */
  wakeAt(time: number): void;
}

export type Labels = { readonly [key: string]: string };

/** RFC 3339 with milliseconds, which is all the state that the sandbox's timing needs. */
export function stamp(time: number): string {
  return new Date(time).toISOString();
}

/** Milliseconds since the epoch. */
export function instant(timestamp: string | undefined): number {
  return timestamp === undefined ? 0 : Date.parse(timestamp);
}

export function ownedBy(owner: LiveObject): readonly OwnerReference[] {
  const { apiVersion, kind, metadata } = owner;
  return [{ apiVersion, kind, name: metadata.name, uid: metadata.uid, controller: true }];
}

const HASH_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

/** A short name for a value, the same each time, with the letters that Kubernetes uses. */
export function shortHash(value: unknown, length: number): string {
  const digest = createHash('sha256')
    .update(JSON.stringify(value) ?? '')
    .digest();
  return [...digest.subarray(0, length)].map((byte) => HASH_ALPHABET[byte % HASH_ALPHABET.length]).join('');
}
