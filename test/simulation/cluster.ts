/** A small Kubernetes API of one target, with strangers who write to it too, which judges every write as it lands. */
import { type Cluster, ClusterError, type LiveObject, type Manifest, referenceOf } from '../../shared/ports/cluster.ts';
import type { SimulatedLocks } from './locks.ts';
import type { SimulatedStore } from './store.ts';
import { SimulatedFailure, type Work, type Worker, type World } from './world.ts';

/** How often a write of ours is followed by a stranger's, and the longest time until then, in ms. */
const STRANGER = 0.3;
const STRANGER_MS = 180_000;
/** How long an object that is deleted in the foreground is still there, in ms. */
const DELETION_MS = 5_000;

/** The place of a write in the order in which writes may land: turn of the lock, attempt, step. */
type Rank = readonly [order: number, attempt: number, step: number];
type Kept = { object: LiveObject; rank: Rank | undefined };

export class SimulatedCluster {
  readonly violations: string[] = [];
  private readonly objects = new Map<string, Kept>();
  private changes = 0;
  private readonly world: World;
  private readonly store: SimulatedStore;
  private readonly locks: SimulatedLocks;

  constructor(world: World, store: SimulatedStore, locks: SimulatedLocks) {
    this.world = world;
    this.store = store;
    this.locks = locks;
  }

  /** The API as one worker calls it. */
  portOf(worker: Worker): Cluster {
    /** The state of each object that the worker read last. */
    const read = new Map<string, string>();
    const unused = (what: string): never => {
      throw new Error(`no stage of the simulation uses ${what}`);
    };
    return {
      isNamespaced: () => unused('isNamespaced'),
      get: ({ ref }) =>
        this.call(worker, `get ${ref.name}`, () => {
          const object = this.objects.get(ref.name)?.object;
          if (object !== undefined) read.set(ref.name, stateOf(object));
          return object;
        }),
      create: ({ manifest }) =>
        this.call(worker, `create ${manifest.metadata.name}`, () => {
          const { name } = manifest.metadata;
          if (this.objects.has(name)) throw new ClusterError('alreadyExists', `creating ${name}: it exists`);
          return this.land(worker, manifest, undefined);
        }),
      apply: ({ manifest, expected }) =>
        this.call(worker, `apply ${manifest.metadata.name}`, () => {
          const { name } = manifest.metadata;
          const before = this.objects.get(name)?.object;
          // As a kube-apiserver does it: a stale resourceVersion alone re-creates an object that was deleted.
          const isOther = (expectation: string, present: string | undefined): boolean =>
            expectation !== '' && expectation !== present;
          const uidDiffers = isOther(expected.uid, before?.metadata.uid);
          const changed = before !== undefined && isOther(expected.resourceVersion, before.metadata.resourceVersion);
          if (uidDiffers || changed) throw new ClusterError('conflict', `applying ${name}: it has changed`);
          if (before === undefined || read.get(name) !== stateOf(before)) {
            this.violations.push(`${this.describe(worker)} overwrote ${name} blindly`);
          }
          return this.land(worker, manifest, before);
        }),
      list: () => unused('list'),
      watch: () => unused('watch'),
      dryRun: () => unused('dryRun'),
      delete: () => unused('delete'),
      events: () => unused('events'),
      logs: () => unused('logs'),
    };
  }

  private async call<T>(worker: Worker, label: string, effect: () => T): Promise<T> {
    try {
      return await this.world.call(worker, label, effect, this.world.temper.zombie);
    } catch (cause) {
      if (!(cause instanceof SimulatedFailure)) throw cause;
      throw new ClusterError('unreachable', `calling the cluster: ${cause.message}`, { cause });
    }
  }

  /** A write takes effect. */
  private land(worker: Worker, manifest: Manifest, before: LiveObject | undefined): LiveObject {
    const { name } = manifest.metadata;
    const rank = this.judge(worker, manifest, before);
    const uid = before?.metadata.uid ?? `uid-${this.changes + 1}`;
    const object = this.put({ ...before, ...manifest }, uid, {
      labels: { ...before?.metadata.labels, ...manifest.metadata.labels },
      annotations: { ...before?.metadata.annotations, ...manifest.metadata.annotations },
    });
    this.objects.set(name, { object, rank });
    if (this.world.chance(STRANGER)) {
      this.world.schedule(this.world.next() * STRANGER_MS, () => this.meddle(manifest));
    }
    return object;
  }

  private judge(worker: Worker, manifest: Manifest, before: LiveObject | undefined): Rank | undefined {
    const { doing } = worker;
    const { name } = manifest.metadata;
    const who = this.describe(worker);
    const order = doing === undefined ? undefined : this.locks.orderOf(doing.lock, doing);
    if (doing === undefined || order === undefined) {
      this.violations.push(`${who} wrote ${name} and never held its lock`);
      return undefined;
    }
    const rank: Rank = [order, doing.attempt, doing.step];
    const last = this.objects.get(name)?.rank;
    if (last !== undefined && compare(rank, last) < 0) {
      this.violations.push(`${who} wrote ${name} at ${rank} after ${last}`);
    }
    // A first write has no state that it could be conditional on, and where clocks differ, one may begin late.
    if (before !== undefined && !this.world.wild && this.store.isAtRest(doing)) {
      this.violations.push(`${who} wrote ${name} after its stage was at rest`);
    }
    return rank;
  }

  private put(
    given: Manifest,
    uid: string,
    metadata: { labels?: { [key: string]: string }; annotations?: { [key: string]: string } },
  ): LiveObject {
    this.changes += 1;
    const { name, namespace = 'default' } = given.metadata;
    const resourceVersion = `${this.changes}`;
    return {
      ...given,
      metadata: { ...metadata, name, namespace, uid, resourceVersion, creationTimestamp: '2026-01-01T00:00:00Z' },
    };
  }

  /** Somebody else changes the object, or deletes it, and sometimes creates another of its name. */
  private meddle(manifest: Manifest): void {
    const { name } = referenceOf(manifest);
    const kept = this.objects.get(name);
    if (kept === undefined) return;
    const { uid, labels = {}, annotations = {} } = kept.object.metadata;
    if (this.world.next() < 0.4) {
      this.world.note(`a stranger changes ${name}`);
      kept.object = this.put({ ...kept.object, status: { seen: this.changes } }, uid, { labels, annotations });
      return;
    }
    const again = this.world.next() < 0.5;
    this.world.note(`a stranger deletes ${name}${again ? ' and creates it again' : ''}`);
    const remove = (): void => {
      this.objects.delete(name);
      if (again) this.objects.set(name, { object: this.put(manifest, `uid-${this.changes + 1}`, {}), rank: undefined });
    };
    if (this.world.next() < 0.7) {
      remove();
      return;
    }
    const going = this.put(kept.object, uid, { labels, annotations });
    kept.object = { ...going, metadata: { ...going.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } };
    this.world.schedule(DELETION_MS, remove);
  }

  private describe({ name, doing }: Worker): string {
    return doing === undefined ? name : `${name} at ${describeWork(doing)}`;
  }
}

function describeWork({ execution, stage, attempt, step }: Work): string {
  return `${execution}/${stage}/${attempt}/${step}`;
}

function stateOf({ metadata }: LiveObject): string {
  return `${metadata.uid} ${metadata.resourceVersion}`;
}

function compare(one: Rank, other: Rank): number {
  return one[0] - other[0] || one[1] - other[1] || one[2] - other[2];
}
