/** Watches objects and their pods until all are stable or one cannot become so, from events instead of by asking again and again. */
import type { Clock } from '../ports/clock.ts';
import {
  type Cluster,
  type ClusterEvent,
  isClusterError,
  type LiveObject,
  type ObjectReference,
  referenceOf,
  type Selection,
} from '../ports/cluster.ts';
import { MANAGED_BY_LABEL } from './conditional-write.ts';
import { evaluate, type Health } from './health.ts';
import { selectorText } from './labels.ts';
import type { LabelSelector } from './objects.ts';

/** With more workloads in a namespace than these, one watch of all its pods costs less than one for each. */
const MAXIMUM_SEPARATE_WATCHES = 4;
/** How often the events of a claim that is not bound are read: they tell when it waits for a pod. */
const CLAIM_EVENTS_MS = 5_000;
const MAXIMUM_RELISTS = 20;

/** One watched object; `live` is absent when it is gone. */
export type WatchedObject = {
  readonly ref: ObjectReference;
  readonly live: LiveObject | undefined;
  readonly health: Health | undefined;
};

/** Whether the watch is over: the first answer other than `undefined` is what `watchRollout` returns. */
export type Judge<T> = (objects: readonly WatchedObject[]) => T | undefined;

/**
 * Lists the objects and what belongs to them, then follows every change, and asks `judge` after each; returns its
 * answer, or undefined at the time `until` (epoch ms). Throws `unreachable` when the cluster is lost, and the
 * signal's reason.
 */
export async function watchRollout<T>(command: {
  cluster: Cluster;
  refs: readonly ObjectReference[];
  judge: Judge<T>;
  clock: Clock;
  until: number;
  signal: AbortSignal;
}): Promise<T | undefined> {
  return new RolloutWatch(command).run();
}

/** Kinds that are stable from the moment at which they exist; there is nothing to watch. */
const STATIC_KINDS: ReadonlySet<string> = new Set([
  'ClusterRole',
  'ClusterRoleBinding',
  'ConfigMap',
  'LimitRange',
  'Namespace',
  'NetworkPolicy',
  'PriorityClass',
  'ResourceQuota',
  'Role',
  'RoleBinding',
  'Secret',
  'ServiceAccount',
  'StorageClass',
]);

export function isStaticKind(kind: string): boolean {
  return STATIC_KINDS.has(kind);
}

class RolloutWatch<T> {
  readonly #cluster: Cluster;
  readonly #refs: readonly ObjectReference[];
  readonly #judge: Judge<T>;
  readonly #clock: Clock;
  readonly #until: number;
  readonly #outer: AbortSignal;
  readonly #inner = new AbortController();
  /** What each selection holds now, by uid. */
  readonly #held: Map<string, LiveObject>[] = [];
  readonly #claimEvents = new Map<string, ClusterEvent[]>();
  readonly #cancels = new Set<() => void>();
  #finish: (end: { answer: T | undefined } | { error: unknown }) => void = () => {};
  #isScheduled = false;
  #cancelLook: () => void = () => {};

  constructor(command: Parameters<typeof watchRollout<T>>[0]) {
    this.#cluster = command.cluster;
    this.#refs = command.refs;
    this.#judge = command.judge;
    this.#clock = command.clock;
    this.#until = command.until;
    this.#outer = command.signal;
  }

  async run(): Promise<T | undefined> {
    this.#outer.throwIfAborted();
    const end = new Promise<{ answer: T | undefined } | { error: unknown }>((resolve) => {
      this.#finish = resolve;
    });
    const abort = () => this.#finish({ error: this.#outer.reason });
    this.#outer.addEventListener('abort', abort, { once: true });
    try {
      const watches = await this.#list(objectSelections(this.#refs));
      const objects = this.#refs.map((ref) => this.#find(ref)).filter((object) => object !== undefined);
      watches.push(...(await this.#list(childSelections(objects))));
      const answer = this.#ask();
      if (answer !== undefined) return answer;
      for (const watch of watches) this.#follow(watch).catch((error: unknown) => this.#finish({ error }));
      this.#after(this.#until, () => this.#finish({ answer: undefined }));
      this.#followClaims();
      const ended = await end;
      if ('error' in ended) throw ended.error;
      return ended.answer;
    } finally {
      this.#outer.removeEventListener('abort', abort);
      for (const cancel of this.#cancels) cancel();
      this.#inner.abort();
    }
  }

  async #list(selections: readonly Selection[]): Promise<Followed[]> {
    return Promise.all(
      selections.map(async (selection) => {
        const held = new Map<string, LiveObject>();
        this.#held.push(held);
        return { selection, held, resourceVersion: await this.#fill(selection, held) };
      }),
    );
  }

  async #fill(selection: Selection, held: Map<string, LiveObject>): Promise<string> {
    const { items, resourceVersion } = await this.#cluster.list({ ...selection, signal: this.#outer });
    held.clear();
    for (const item of items) held.set(item.metadata.uid, item);
    return resourceVersion;
  }

  async #follow(followed: Followed): Promise<void> {
    let { resourceVersion } = followed;
    const { selection, held } = followed;
    const { signal } = this.#inner;
    for (let lists = 0; !signal.aborted; lists++) {
      try {
        for await (const event of this.#cluster.watch({ ...selection, resourceVersion, signal })) {
          if (event.type === 'BOOKMARK') continue;
          if (event.type === 'DELETED') held.delete(event.object.metadata.uid);
          else held.set(event.object.metadata.uid, event.object);
          this.#schedule();
        }
      } catch (error) {
        if (!isClusterError(error, 'expired') || lists >= MAXIMUM_RELISTS) throw error;
        resourceVersion = await this.#fill(selection, held);
        this.#schedule();
      }
    }
  }

  /** Judges once for all events that arrived together. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      if (this.#inner.signal.aborted) return;
      try {
        const answer = this.#ask();
        if (answer !== undefined) this.#finish({ answer });
      } catch (error) {
        this.#finish({ error });
      }
    });
  }

  #ask(): T | undefined {
    const now = this.#clock.now();
    const children = this.#held.flatMap((held) => [...held.values()]);
    let lookAgainAt = Number.POSITIVE_INFINITY;
    const objects = this.#refs.map((ref): WatchedObject => {
      const live = this.#find(ref);
      if (live === undefined) return { ref, live, health: undefined };
      const events = this.#claimEvents.get(live.metadata.uid);
      const health = evaluate({ object: live, children, now, ...(events === undefined ? {} : { events }) });
      lookAgainAt = Math.min(lookAgainAt, health.lookAgainAt ?? Number.POSITIVE_INFINITY);
      return { ref, live, health };
    });
    const answer = this.#judge(objects);
    this.#cancelLook();
    if (answer === undefined && lookAgainAt < this.#until) {
      this.#cancelLook = this.#after(lookAgainAt, () => this.#schedule());
    }
    return answer;
  }

  #find(ref: ObjectReference): LiveObject | undefined {
    for (const held of this.#held) {
      for (const object of held.values()) if (isOf(object, ref)) return object;
    }
    return undefined;
  }

  /** A claim's object does not say that it waits for a pod, only an event does. */
  #followClaims(): void {
    const claims = this.#refs.filter((ref) => ref.kind === 'PersistentVolumeClaim');
    const read = async (): Promise<void> => {
      for (const ref of claims) {
        const live = this.#find(ref);
        if (live === undefined || this.#inner.signal.aborted) continue;
        const { uid } = live.metadata;
        this.#claimEvents.set(uid, await this.#cluster.events({ ref: { ...ref, uid }, signal: this.#inner.signal }));
      }
      if (this.#inner.signal.aborted) return;
      this.#schedule();
      this.#after(this.#clock.now() + CLAIM_EVENTS_MS, repeat);
    };
    const repeat = (): void => {
      read().catch((error: unknown) => {
        if (!this.#inner.signal.aborted) this.#finish({ error });
      });
    };
    if (claims.length > 0) repeat();
  }

  #after(time: number, run: () => void): () => void {
    const cancel = this.#clock.after(Math.max(1, time - this.#clock.now()), () => {
      this.#cancels.delete(cancel);
      run();
    });
    this.#cancels.add(cancel);
    return cancel;
  }
}

type Followed = { selection: Selection; held: Map<string, LiveObject>; resourceVersion: string };

function isOf(object: LiveObject, ref: ObjectReference): boolean {
  const { apiVersion, kind, name, namespace } = referenceOf(object);
  // An object of the whole cluster has no namespace, whatever the reference says.
  const inPlace = namespace === undefined || namespace === ref.namespace;
  return name === ref.name && kind === ref.kind && apiVersion === ref.apiVersion && inPlace;
}

/** One selection for each kind and namespace: by name where there is one object, else by the label that we set. */
function objectSelections(refs: readonly ObjectReference[]): Selection[] {
  const groups = Map.groupBy(refs, (ref) => `${ref.apiVersion} ${ref.kind} ${ref.namespace ?? ''}`);
  return [...groups.values()].flatMap(([first, ...others]) => {
    if (first === undefined) return [];
    const { name, ...selection } = first;
    return others.length === 0
      ? { ...selection, name }
      : { ...selection, labelSelector: `${MANAGED_BY_LABEL}=gennaker` };
  });
}

const WITH_PODS: ReadonlySet<string> = new Set(['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet', 'Job']);

/** ReplicaSets and Pods that belong to the workloads. */
function childSelections(objects: readonly LiveObject[]): Selection[] {
  const workloads = objects.filter((object) => WITH_PODS.has(object.kind));
  const byNamespace = Map.groupBy(workloads, (object) => object.metadata.namespace ?? '');
  return [...byNamespace].flatMap(([namespace, inside]) => {
    const hasDeployment = inside.some((object) => object.kind === 'Deployment');
    const pods = { apiVersion: 'v1', kind: 'Pod', namespace };
    const sets = { apiVersion: 'apps/v1', kind: 'ReplicaSet', namespace };
    if (inside.length > MAXIMUM_SEPARATE_WATCHES) return hasDeployment ? [pods, sets] : [pods];
    return inside.flatMap((object) => {
      const { selector = {} } = (object.spec ?? {}) as { selector?: LabelSelector };
      const labelSelector = selectorText(selector);
      const own = [{ ...pods, labelSelector }];
      return object.kind === 'Deployment' ? [...own, { ...sets, labelSelector }] : own;
    });
  });
}
