/** A cluster in memory that behaves like one, so that the first run, demos and fast tests need no Kubernetes. */
import type { Clock } from '../ports/clock.ts';
import {
  type Cluster,
  ClusterError,
  type ClusterEvent,
  describeObject,
  type Expected,
  type LiveObject,
  type Manifest,
  type ObjectReference,
  referenceOf,
  type Selection,
  type WatchEvent,
} from '../ports/cluster.ts';
import { labelsFit } from './labels.ts';
import { isClusterKind } from './objects.ts';
import { merge, ownedByCreation } from './sandbox-merge.ts';
import { passPod } from './sandbox-pods.ts';
import { passDaemonSet, passJob, passStatefulSet } from './sandbox-sets.ts';
import { passClaim, passDefinition, passDeployment, passReplicaSet, passService } from './sandbox-workloads.ts';
import { type Labels, shortHash, stamp, type World } from './sandbox-world.ts';

/** Where the sandbox keeps its state, as text. Both are called synchronously. */
export type SandboxStore = { load(): string | undefined; save(json: string): void };

/** A watch that starts before these many changes has expired. */
const HISTORY = 2_000;
/** A rollout settles in about a dozen passes; more means controllers that undo each other. */
const MAXIMUM_PASSES = 200;
const MAXIMUM_EVENTS = 20;
const FORMAT = 1;

const FOREGROUND = 'foregroundDeletion';

const CONTROLLERS: { readonly [kind: string]: (world: World, object: LiveObject) => void } = {
  Deployment: passDeployment,
  ReplicaSet: passReplicaSet,
  StatefulSet: passStatefulSet,
  DaemonSet: passDaemonSet,
  Job: passJob,
  Pod: passPod,
  Service: passService,
  PersistentVolumeClaim: passClaim,
  CustomResourceDefinition: passDefinition,
};

type Change = { readonly version: number; readonly before?: LiveObject; readonly after?: LiveObject };
type Saved = {
  format: number;
  version: number;
  deletions: number;
  objects: LiveObject[];
  events: [string, ClusterEvent[]][];
};

/**
 * The cluster port in memory. Objects of any kind are taken, in any namespace. Deployments and the other workloads
 * roll in about two seconds; a container whose image has the tag `broken`, `crash`, `slow` or `fail` fares so.
 */
export class SandboxCluster implements Cluster {
  readonly #clock: Clock;
  readonly #store: SandboxStore | undefined;
  readonly #objects = new Map<string, LiveObject>();
  readonly #dependents = new Map<string, Set<string>>();
  readonly #events = new Map<string, ClusterEvent[]>();
  readonly #watchers = new Set<(change: Change | undefined) => void>();
  #history: Change[] = [];
  #historyFrom = 0;
  #version = 1;
  #deletions = 0;
  #savedVersion = 1;
  #reachable = true;
  #nextPassAt = Number.POSITIVE_INFINITY;
  #cancelTimer: (() => void) | undefined;

  constructor(options: { clock: Clock; store?: SandboxStore }) {
    this.#clock = options.clock;
    this.#store = options.store;
    const saved = this.#store?.load();
    if (saved !== undefined) this.#restore(saved);
  }

  /** Simulates a cluster that cannot be reached: every call and every watch then fails with `unreachable`. */
  setReachable(reachable: boolean): void {
    this.#reachable = reachable;
    for (const watcher of [...this.#watchers]) watcher(undefined);
  }

  /** Every object as it is now, for tests and demos; nothing is brought up to date for it. */
  snapshot(): LiveObject[] {
    return [...this.#objects.values()].map((object) => copy(object));
  }

  /** Ends its timer, so that a process can end. It goes on at the next call. */
  stop(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  async get(query: { ref: ObjectReference; signal?: AbortSignal }): Promise<LiveObject | undefined> {
    this.#begin(`read ${describeObject(query.ref)}`, query.signal);
    return copy(this.#objects.get(keyOf(query.ref)));
  }

  async list(query: Selection & { signal?: AbortSignal }): Promise<{ items: LiveObject[]; resourceVersion: string }> {
    this.#begin(`list every ${query.kind}`, query.signal);
    const items = [...this.#objects.values()].filter((object) => isSelected(query, object));
    return { items: items.map((item) => copy(item)), resourceVersion: String(this.#version) };
  }

  async *watch(query: Selection & { resourceVersion: string; signal: AbortSignal }): AsyncGenerator<WatchEvent> {
    const doing = `watch every ${query.kind}`;
    const { signal } = query;
    if (signal.aborted) return;
    this.#begin(doing, signal);
    const from = Number(query.resourceVersion);
    if (from < this.#historyFrom || from > this.#version) {
      throw new ClusterError('expired', `could not ${doing}: version ${from} is too old`);
    }
    const queue = this.#history.filter((change) => change.version > from);
    let wake: () => void = () => {};
    const watcher = (change: Change | undefined) => {
      if (change !== undefined) queue.push(change);
      wake();
    };
    const abort = () => wake();
    this.#watchers.add(watcher);
    signal.addEventListener('abort', abort);
    try {
      while (!signal.aborted) {
        if (!this.#reachable) throw unreachable(doing);
        const change = queue.shift();
        const event = change === undefined ? undefined : eventOf(query, change);
        if (event !== undefined) yield event;
        if (change === undefined) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    } finally {
      this.#watchers.delete(watcher);
      signal.removeEventListener('abort', abort);
    }
  }

  async create(command: { manifest: Manifest; fieldManager: string; signal?: AbortSignal }): Promise<LiveObject> {
    const manifest = normalised(command.manifest);
    const ref = referenceOf(manifest);
    const doing = `create ${describeObject(ref)}`;
    this.#begin(doing, command.signal);
    if (!isClusterKind(manifest.kind) && manifest.metadata.namespace === undefined) {
      throw new ClusterError('invalid', `could not ${doing}: it names no namespace`);
    }
    if (this.#objects.has(keyOf(ref))) {
      throw new ClusterError('alreadyExists', `could not ${doing}: it exists already`);
    }
    const created = this.#add(manifest, command.fieldManager);
    this.#settle();
    return copy(created);
  }

  async apply(command: {
    manifest: Manifest;
    expected: Expected;
    fieldManager: string;
    signal?: AbortSignal;
  }): Promise<LiveObject> {
    const manifest = normalised(command.manifest);
    const ref = referenceOf(manifest);
    const doing = `apply ${describeObject(ref)}`;
    this.#begin(doing, command.signal);
    const live = this.#expect(doing, ref, command.expected);
    const merged = merge(live, manifest, command.fieldManager, stamp(this.#clock.now()));
    refuseImmutable(doing, live, merged);
    const applied = this.#put(merged);
    this.#settle();
    return copy(applied);
  }

  async delete(command: {
    ref: ObjectReference;
    expected: Expected;
    propagation: 'foreground' | 'background' | 'orphan';
    signal?: AbortSignal;
  }): Promise<void> {
    const doing = `delete ${describeObject(command.ref)}`;
    this.#begin(doing, command.signal);
    if (!this.#objects.has(keyOf(command.ref))) throw new ClusterError('notFound', `could not ${doing}: there is none`);
    const live = this.#expect(doing, command.ref, command.expected);
    const dependents = this.#dependentsOf(live.metadata.uid);
    if (command.propagation === 'orphan') {
      for (const dependent of dependents) {
        const { ownerReferences: _, ...metadata } = dependent.metadata;
        this.#put({ ...dependent, metadata: metadata as LiveObject['metadata'] });
      }
    }
    if (command.propagation === 'foreground' && dependents.length > 0) {
      const deletion = { deletionTimestamp: stamp(this.#clock.now()), finalizers: [FOREGROUND] };
      this.#put({ ...live, metadata: { ...live.metadata, ...deletion } });
    } else this.#remove(live);
    this.#settle();
  }

  async events(query: { ref: ObjectReference & { uid: string }; signal?: AbortSignal }): Promise<ClusterEvent[]> {
    this.#begin(`read the events of ${describeObject(query.ref)}`, query.signal);
    return [...(this.#events.get(query.ref.uid) ?? [])];
  }

  #begin(doing: string, signal: AbortSignal | undefined): void {
    signal?.throwIfAborted();
    if (!this.#reachable) throw unreachable(doing);
    if (this.#clock.now() >= this.#nextPassAt) this.#settle();
  }

  #expect(doing: string, ref: ObjectReference, expected: Expected): LiveObject {
    const live = this.#objects.get(keyOf(ref));
    if (live === undefined) throw new ClusterError('conflict', `could not ${doing}: it is gone`);
    if (live.metadata.uid !== expected.uid) {
      throw new ClusterError('conflict', `could not ${doing}: it was created anew`);
    }
    if (live.metadata.resourceVersion !== expected.resourceVersion) {
      throw new ClusterError('conflict', `could not ${doing}: it has changed since it was read`);
    }
    return live;
  }

  #add(manifest: Manifest, fieldManager: string): LiveObject {
    const time = stamp(this.#clock.now());
    // The same each time that the same things happen, and new for an object that was deleted before.
    const uid = `sandbox-${shortHash([keyOf(referenceOf(manifest)), this.#deletions], 12)}`;
    const object: LiveObject = {
      ...manifest,
      metadata: {
        ...manifest.metadata,
        uid,
        resourceVersion: '',
        creationTimestamp: time,
        ...('spec' in manifest ? { generation: 1 } : {}),
        managedFields: ownedByCreation(manifest, fieldManager, time),
      },
    };
    return this.#commit(undefined, object);
  }

  /** Writes an object unless nothing differs. A change beside metadata and status is a new generation. */
  #put(object: LiveObject): LiveObject {
    const before = this.#objects.get(keyOf(referenceOf(object)));
    if (before === undefined) return object;
    if (isSame(withoutVersion(before), withoutVersion(object))) return before;
    const isNewGeneration = before.metadata.generation !== undefined && !isSame(intent(before), intent(object));
    const generation = isNewGeneration ? { generation: (before.metadata.generation ?? 0) + 1 } : {};
    return this.#commit(before, { ...object, metadata: { ...object.metadata, ...generation } });
  }

  #remove(object: LiveObject): void {
    if (object.kind === 'Pod' && object.metadata.deletionTimestamp === undefined) {
      this.#put({ ...object, metadata: { ...object.metadata, deletionTimestamp: stamp(this.#clock.now()) } });
    } else this.#commit(object, undefined);
  }

  #commit(before: LiveObject | undefined, object: LiveObject): LiveObject;
  #commit(before: LiveObject, object: undefined): undefined;
  #commit(before: LiveObject | undefined, object: LiveObject | undefined): LiveObject | undefined {
    const version = ++this.#version;
    const metadata = object === undefined ? undefined : { ...object.metadata, resourceVersion: String(version) };
    const after = object === undefined || metadata === undefined ? undefined : { ...object, metadata };
    if (before !== undefined) this.#forget(before);
    if (after !== undefined) this.#remember(after);
    else if (before !== undefined) {
      this.#deletions += 1;
      this.#objects.delete(keyOf(referenceOf(before)));
      this.#events.delete(before.metadata.uid);
    }
    const change: Change = {
      version,
      ...(before === undefined ? {} : { before }),
      ...(after === undefined ? {} : { after }),
    };
    this.#history.push(change);
    if (this.#history.length > HISTORY) this.#historyFrom = this.#history.shift()?.version ?? 0;
    for (const watcher of [...this.#watchers]) watcher(change);
    return after;
  }

  #remember(object: LiveObject): void {
    const key = keyOf(referenceOf(object));
    this.#objects.set(key, object);
    for (const owner of object.metadata.ownerReferences ?? []) {
      const keys = this.#dependents.get(owner.uid) ?? new Set();
      this.#dependents.set(owner.uid, keys.add(key));
    }
  }

  #forget(object: LiveObject): void {
    for (const owner of object.metadata.ownerReferences ?? []) {
      const keys = this.#dependents.get(owner.uid);
      keys?.delete(keyOf(referenceOf(object)));
      if (keys?.size === 0) this.#dependents.delete(owner.uid);
    }
  }

  #dependentsOf(uid: string): LiveObject[] {
    const keys = [...(this.#dependents.get(uid) ?? [])].sort();
    return keys.flatMap((key) => this.#objects.get(key) ?? []);
  }

  /** Runs the controllers until nothing changes any more, saves, and sees to the next time that something will. */
  #settle(): void {
    const now = this.#clock.now();
    let nextAt = Number.POSITIVE_INFINITY;
    for (let pass = 0; ; pass++) {
      const version = this.#version;
      nextAt = Number.POSITIVE_INFINITY;
      const world = this.#world(now, (time) => {
        nextAt = Math.min(nextAt, time);
      });
      for (const key of [...this.#objects.keys()]) this.#passObject(world, key);
      if (this.#version === version) break;
      if (pass >= MAXIMUM_PASSES) throw new Error(`the sandbox's controllers did not settle in ${pass} passes`);
    }
    if (this.#version !== this.#savedVersion) this.#save();
    this.#cancelTimer?.();
    this.#nextPassAt = nextAt;
    this.#cancelTimer =
      nextAt === Number.POSITIVE_INFINITY
        ? undefined
        : this.#clock.after(Math.max(1, nextAt - now), () => this.#settle());
  }

  #passObject(world: World, key: string): void {
    const object = this.#objects.get(key);
    if (object === undefined) return;
    const { deletionTimestamp, ownerReferences = [], uid } = object.metadata;
    if (ownerReferences.some((owner) => this.#isGone(owner)) && deletionTimestamp === undefined) {
      this.#remove(object);
    } else if (deletionTimestamp !== undefined && object.kind !== 'Pod') {
      if (this.#dependentsOf(uid).length === 0) this.#remove(object);
    } else CONTROLLERS[object.kind]?.(world, object);
  }

  /** Whether an owner is gone, or waits only for what it owns to go. */
  #isGone(owner: { apiVersion: string; kind: string; name: string; uid: string }): boolean {
    for (const key of [...(this.#dependents.get(owner.uid) ?? [])]) {
      const namespace = this.#objects.get(key)?.metadata.namespace;
      const live =
        this.#objects.get(keyOf({ ...owner, ...(namespace === undefined ? {} : { namespace }) })) ??
        this.#objects.get(keyOf({ apiVersion: owner.apiVersion, kind: owner.kind, name: owner.name }));
      return live?.metadata.uid !== owner.uid || live.metadata.deletionTimestamp !== undefined;
    }
    return true;
  }

  #world(now: number, wakeAt: (time: number) => void): World {
    return {
      now,
      wakeAt,
      all: (kind, namespace) =>
        [...this.#objects.values()].filter(
          (object) => object.kind === kind && (namespace === undefined || object.metadata.namespace === namespace),
        ),
      controlledBy: (uid, kind) => this.#dependentsOf(uid).filter((object) => object.kind === kind),
      create: (manifest) => this.#objects.get(keyOf(referenceOf(manifest))) ?? this.#add(manifest, 'sandbox'),
      update: (object, change) => this.#update(object, change),
      remove: (object) => {
        const live = this.#objects.get(keyOf(referenceOf(object)));
        if (live !== undefined) this.#remove(live);
      },
      record: (object, event) => {
        const events = this.#events.get(object.metadata.uid) ?? [];
        if (events.some((known) => known.reason === event.reason && known.message === event.message)) return;
        events.push({ ...event, count: 1, lastSeen: stamp(now) });
        this.#events.set(object.metadata.uid, events.slice(-MAXIMUM_EVENTS));
      },
    };
  }

  #update(object: LiveObject, change: { spec?: unknown; status?: unknown; annotations?: Labels }): void {
    const live = this.#objects.get(keyOf(referenceOf(object)));
    if (live === undefined) return;
    const { annotations, ...fields } = change;
    const merged = annotations === undefined ? {} : { annotations: { ...live.metadata.annotations, ...annotations } };
    this.#put({ ...live, ...fields, metadata: { ...live.metadata, ...merged } });
  }

  #save(): void {
    this.#savedVersion = this.#version;
    if (this.#store === undefined) return;
    const objects = [...this.#objects.values()];
    const saved: Saved = {
      format: FORMAT,
      version: this.#version,
      deletions: this.#deletions,
      objects,
      events: [...this.#events],
    };
    this.#store.save(JSON.stringify(saved));
  }

  #restore(json: string): void {
    const saved = JSON.parse(json) as Saved;
    if (saved.format !== FORMAT) throw new Error(`the sandbox's state has format ${saved.format}, not ${FORMAT}`);
    for (const object of saved.objects) this.#remember(object);
    for (const [uid, events] of saved.events) this.#events.set(uid, events);
    this.#version = saved.version;
    this.#deletions = saved.deletions;
    this.#savedVersion = saved.version;
    this.#historyFrom = saved.version;
    this.#settle();
  }
}

function keyOf(ref: ObjectReference): string {
  const namespace = isClusterKind(ref.kind) ? '' : (ref.namespace ?? '');
  return `${ref.apiVersion}|${ref.kind}|${namespace}|${ref.name}`;
}

function isSelected(selection: Selection, object: LiveObject): boolean {
  const { apiVersion, kind, namespace, name, labelSelector } = selection;
  return (
    object.apiVersion === apiVersion &&
    object.kind === kind &&
    (namespace === undefined || isClusterKind(kind) || object.metadata.namespace === namespace) &&
    (name === undefined || object.metadata.name === name) &&
    (labelSelector === undefined || labelsFit(labelSelector, object.metadata.labels))
  );
}

/** What a watcher of the selection sees of a change; an object that leaves the selection is deleted to it. */
function eventOf(selection: Selection, change: Change): WatchEvent | undefined {
  const { before, after } = change;
  const was = before !== undefined && isSelected(selection, before);
  const is = after !== undefined && isSelected(selection, after);
  if (is) return { type: was ? 'MODIFIED' : 'ADDED', object: copy(after) };
  if (!was) return undefined;
  const metadata = { ...before.metadata, resourceVersion: String(change.version) };
  return { type: 'DELETED', object: copy({ ...before, metadata }) };
}

/** Nobody's changes to an object that was handed out reach the store. */
function copy<T extends LiveObject | undefined>(object: T): T {
  return structuredClone(object);
}

/** The manifest without what its author does not decide. */
function normalised(manifest: Manifest): Manifest {
  const { status: _status, ...written } = structuredClone(manifest);
  if (!isClusterKind(written.kind) || written.metadata.namespace === undefined) return written;
  const { namespace: _, ...metadata } = written.metadata;
  return { ...written, metadata: metadata as Manifest['metadata'] };
}

function withoutVersion(object: LiveObject): unknown {
  return { ...object, metadata: { ...object.metadata, resourceVersion: '' } };
}

function intent(object: LiveObject): unknown {
  const { metadata: _, status: __, ...rest } = object;
  return rest;
}

/** Equal as JSON, whatever the order of fields. */
function isSame(one: unknown, other: unknown): boolean {
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

function refuseImmutable(doing: string, live: LiveObject, merged: LiveObject): void {
  const field = IMMUTABLE[live.kind];
  if (field === undefined) return;
  const read = (object: LiveObject) => (object.spec as { [name: string]: unknown } | undefined)?.[field];
  if (!isSame(read(live), read(merged))) {
    throw new ClusterError('invalid', `could not ${doing}: 422 spec.${field}: field is immutable`);
  }
}

function unreachable(doing: string): ClusterError {
  return new ClusterError('unreachable', `could not ${doing}: the cluster cannot be reached`);
}
