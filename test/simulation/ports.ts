/** The engine of one simulated worker: every port is a part of the world behind latency and faults. */
import type { Blobs } from '../../shared/ports/blobs.ts';
import type { ExecutionStore } from '../../shared/ports/execution-store.ts';
import type { Inbox, InboxEntry } from '../../shared/ports/inbox.ts';
import { callbacksOf } from '../../shared/use-cases/callbacks.ts';
import { DEFAULT_TIMING, type Engine } from '../../shared/use-cases/engine.ts';
import { type PlanReader, planReader } from '../../shared/use-cases/plans.ts';
import type { SimulatedBus } from './bus.ts';
import { SimulatedCluster } from './cluster.ts';
import type { FarEnd } from './far-end.ts';
import type { FarHttp } from './flow/far-http.ts';
import type { Flow } from './flow/flow.ts';
import type { HeldDocument } from './flow/held-document.ts';
import { othersOf } from './flow/others.ts';
import type { SimulatedLocks } from './locks.ts';
import { probeKind } from './probe.ts';
import type { SimulatedStore } from './store.ts';
import type { Worker, World } from './world.ts';

/** How often a worker runs in an instance that has read the plans before. */
const WARM = 0.7;

/** What all workers of a world share. */
export type Parts = {
  readonly world: World;
  readonly store: SimulatedStore;
  readonly bus: SimulatedBus;
  readonly farEnd: FarEnd;
  readonly locks: SimulatedLocks;
  readonly clusters: Map<string, SimulatedCluster>;
  /** The plans as an instance that has read them before keeps them. */
  readonly warmPlans: PlanReader;
  /** What keeps stages from beginning; absent where nothing does. */
  readonly held?: HeldDocument | undefined;
  /** Absent where the probe is the only kind. */
  readonly flow?: { readonly watch: Flow; readonly http: FarHttp };
  /** The entries in the inbox by their ids. */
  readonly recorded: Map<string, InboxEntry>;
};

export function engineOf(parts: Parts, worker: Worker): Engine & { readonly inbox: Inbox } {
  const { world, store, bus } = parts;
  const call = <T>(label: string, effect: () => T): Promise<T> => world.call(worker, label, effect);
  const blobs: Blobs = {
    put: ({ text }) => call('put blob', () => store.putBlob(text)),
    get: ({ hash }) => call('get blob', () => store.blobs.get(hash)),
  };
  const probe = probeKind(world, worker, parts.farEnd);
  const engine: Engine & { readonly inbox: Inbox } = {
    executions: executionsOf(parts, worker),
    blobs,
    plans: world.next() < WARM ? parts.warmPlans : planReader(blobs),
    bus: {
      publish: ({ topic, messages }) =>
        call(`publish ${topic}`, () => {
          for (const message of messages) bus.publish(topic, message);
        }),
    },
    wakeUps: {
      schedule: ({ name, at, topic, message }) =>
        call(`wake ${topic}`, () => bus.wake(name, at - world.wallTime(), topic, message)),
    },
    clock: world.clockOf(worker),
    random: world.random(),
    log: { write: () => undefined },
    kinds: parts.flow?.watch.kindsOf(worker, probe) ?? new Map([[probe.kind, probe]]),
    locks: parts.locks.portOf(worker),
    ...(parts.held === undefined ? {} : { holds: parts.held.portOf(worker) }),
    clusterOf: async (target) => clusterOf(parts, target).portOf(worker),
    inbox: {
      record: ({ entry }) =>
        call(`record ${entry.id}`, () => {
          parts.recorded.set(entry.id, entry);
        }),
      get: ({ id }) => call(`get entry ${id}`, () => parts.recorded.get(id)),
      read: unused,
      replace: unused,
      list: unused,
    },
    progress: { show: unused, read: unused },
    secrets: { get: unused },
    http: parts.flow?.http.portOf(worker) ?? { request: unused },
    renderer: { render: unused },
    timing: DEFAULT_TIMING,
  };
  if (parts.flow === undefined) return engine;
  const callbacks = callbacksOf({ baseUrl: 'https://gennaker.example.com', key: 'a key of this world' });
  return { ...engine, callbacks, others: othersOf(engine) };
}

async function unused(): Promise<never> {
  throw new Error('not part of this simulation');
}

function clusterOf({ clusters, world, store, locks }: Parts, target: string): SimulatedCluster {
  const cluster = clusters.get(target) ?? new SimulatedCluster(world, store, locks);
  clusters.set(target, cluster);
  return cluster;
}

function executionsOf({ world, store }: Parts, worker: Worker): ExecutionStore {
  const call = <T>(label: string, effect: () => T): Promise<T> => world.call(worker, label, effect);
  return {
    readExecution: ({ id }) => call(`read ${id}`, () => store.executions.get(id)),
    readRun: (query) => call(`read run ${store.runKey(query)}`, () => store.runs.get(store.runKey(query))),
    readRuns: ({ execution }) => call(`read runs ${execution}`, () => store.runsOf(execution)),
    readGroup: ({ key }) => call(`read group ${key}`, () => store.groups.get(key)),
    commit: ({ writes }) =>
      call(`commit ${writes.map((write) => write.document).join('+')}`, () => {
        const committed = store.commit(writes);
        const isClaim = writes.some((one) => one.document === 'run' && one.value.state.is === 'claimed');
        if (isClaim && committed.is === 'committed') worker.claimedAt = world.now;
        return committed;
      }),
    due: ({ before, limit }) => call('due', () => store.due(before, limit)),
    list: ({ limit }) => call('list', () => [...store.executions.values()].map(({ value }) => value).slice(-limit)),
    observe: () => {
      throw new Error('nobody observes in a simulation');
    },
  };
}
