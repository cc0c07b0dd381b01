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
import { lastLines } from './log-lines.ts';
import { isClusterKind, type Pod } from './objects.ts';
import { merge, ownedByCreation } from './sandbox-merge.ts';
import {
  copy,
  intent,
  isSame,
  isSelected,
  keyOf,
  normalised,
  refuseImmutable,
  unreachable,
  withoutVersion,
} from './sandbox-objects.ts';
import { type FateOf, fateOf, logOf, passPod } from './sandbox-pods.ts';
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
 * roll in about two seconds; a container whose image has the tag `broken`, `crash`, `slow` or `fail` fares so. What a
 * Job's containers leave behind stands in annotations of the pod: see TERMINATION_MESSAGE_ANNOTATION and LOG_ANNOTATION.
 */
export class SandboxCluster implements Cluster {
  readonly #clock: Clock;
  readonly #store: SandboxStore | undefined;
  readonly #fateOf: FateOf;
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

  /** `fateOf` decides how each image fares; by default its tag does. */
  constructor(options: { clock: Clock; store?: SandboxStore; fateOf?: FateOf }) {
    this.#clock = options.clock;
    this.#store = options.store;
    this.#fateOf = options.fateOf ?? fateOf;
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

  async isNamespaced(query: { apiVersion: string; kind: string; signal?: AbortSignal }): Promise<boolean> {
    this.#begin(`read the kinds of ${query.apiVersion}`, query.signal);
    return !isClusterKind(query.kind);
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
    const doing = `create ${describeObject(referenceOf(manifest))}`;
    this.#begin(doing, command.signal);
    this.#requireNew(doing, manifest);
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

  async dryRun(query: {
    manifest: Manifest;
    live?: LiveObject;
    fieldManager: string;
    signal?: AbortSignal;
  }): Promise<LiveObject> {
    const manifest = normalised(query.manifest);
    const ref = referenceOf(manifest);
    const doing = `try ${describeObject(ref)}`;
    this.#begin(doing, query.signal);
    if (query.live === undefined) {
      this.#requireNew(doing, manifest);
      return copy(this.#created(manifest, query.fieldManager));
    }
    const live = this.#expect(doing, ref, query.live.metadata);
    const merged = merge(live, manifest, query.fieldManager, stamp(this.#clock.now()));
    refuseImmutable(doing, live, merged);
    return copy(merged);
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

  async logs(query: {
    pod: { readonly name: string; readonly namespace: string };
    container: string;
    lines: number;
    signal?: AbortSignal;
  }): Promise<string[] | undefined> {
    const ref = { apiVersion: 'v1', kind: 'Pod', ...query.pod };
    this.#begin(`read the log of ${describeObject(ref)}`, query.signal);
    const pod = this.#objects.get(keyOf(ref));
    return pod === undefined ? undefined : lastLines(logOf(pod as Pod, query.container), query.lines);
  }

  #begin(doing: string, signal: AbortSignal | undefined): void {
    signal?.throwIfAborted();
    if (!this.#reachable) throw unreachable(doing);
    if (this.#clock.now() >= this.#nextPassAt) this.#settle();
  }

  #requireNew(doing: string, manifest: Manifest): void {
    if (!isClusterKind(manifest.kind) && manifest.metadata.namespace === undefined) {
      throw new ClusterError('invalid', `could not ${doing}: it names no namespace`);
    }
    if (this.#objects.has(keyOf(referenceOf(manifest)))) {
      throw new ClusterError('alreadyExists', `could not ${doing}: it exists already`);
    }
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
    return this.#commit(undefined, this.#created(manifest, fieldManager));
  }

  #created(manifest: Manifest, fieldManager: string): LiveObject {
    const time = stamp(this.#clock.now());
    // The same each time that the same things happen, and new for an object that was deleted before.
    const uid = `sandbox-${shortHash([keyOf(referenceOf(manifest)), this.#deletions], 12)}`;
    return {
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
      fateOf: this.#fateOf,
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
