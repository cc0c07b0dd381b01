/** The system of `npm start` on a file of its own, as the benchmark drives it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clusters, openClusters } from '../../cli/system/clusters.ts';
import { type System, startSystem } from '../../cli/system/system.ts';
import { systemClock } from '../../shared/adapters/system-clock.ts';
import { systemRandom } from '../../shared/adapters/system-random.ts';
import type { Write } from '../../shared/ports/execution-store.ts';
import type { Log } from '../../shared/ports/log.ts';
import { stageKinds } from '../../shared/stages/registry.ts';
import { requestRun } from '../../shared/use-cases/request-run.ts';
import { type FaultHooks, withFaults } from '../support/faults.ts';
import { emptyKinds } from './pipelines.ts';

/** How long one execution may take before the benchmark gives up, in ms. */
const GIVE_UP_MS = 30_000;

/** What one execution took from the request on, in ms. */
export type Timed = {
  /** Until the first step of its first stage; NaN where that is not an empty stage. */
  readonly begunMs: number;
  readonly endedMs: number;
  /** When its end was committed, by performance.now(). */
  readonly endedAt: number;
};

export type BenchSystem = AsyncDisposable & {
  readonly system: System;
  readonly folder: string;
  /** `files` holds manifests by their path beside the pipeline's file. */
  apply(text: string, files?: { readonly [path: string]: string }): Promise<void>;
  /** Asks for a run as the API does, with the tags of `images`, and waits for its end. Throws where it ends otherwise than well. */
  run(pipeline: string, images?: { readonly [name: string]: string }): Promise<Timed>;
};

/** Starts it in a folder of its own. A warning of the system is an error of the benchmark. */
export async function startBenchSystem(
  options: {
    /** The sandbox where none are given. */
    readonly clusters?: Clusters;
    /** The digest of every image, where images are named. */
    readonly digest?: string;
    /** Hear of every call of the ports. */
    readonly hooks?: FaultHooks;
  } = {},
): Promise<BenchSystem> {
  const { digest = '', hooks = {} } = options;
  const folder = mkdtempSync(join(tmpdir(), 'gennaker-bench-'));
  const begunAt = new Map<string, number>();
  const waiting = new Map<string, { ended: (end: string) => void; failed: (error: Error) => void }>();
  const log: Log = {
    write(severity, message, fields) {
      if (severity !== 'WARNING' && severity !== 'ERROR') return;
      const error = new Error(`the system says: ${message} ${JSON.stringify(fields)}`, { cause: fields?.error });
      for (const { failed } of waiting.values()) failed(error);
    },
  };
  const begun = (execution: string): void => {
    if (!begunAt.has(execution)) begunAt.set(execution, performance.now());
  };
  const noticeEnds = (writes: readonly Write[]): void => {
    for (const write of writes) {
      if (write.document !== 'execution' || write.value.phase.is !== 'ended') continue;
      waiting.get(write.value.id)?.ended(write.value.phase.end);
    }
  };
  const clusters = options.clusters ?? (await openClusters({ contexts: [], clock: systemClock }));
  const system = await startSystem({
    path: join(folder, 'gennaker.db'),
    clusters,
    port: 0,
    token: 'bench',
    hookSecret: 'bench',
    log,
    environment: {},
    resolver: { resolve: async () => ({ digest }) },
    kinds: new Map([...stageKinds(), ...emptyKinds(begun)]),
    wrap: (ports) =>
      withFaults(ports, {
        ...hooks,
        async after(call) {
          await hooks.after?.(call);
          if (call.port !== 'executions' || call.method !== 'commit') return;
          noticeEnds((call.argument as { writes: readonly Write[] }).writes);
        },
      }).ports,
  });

  return {
    system,
    folder,
    async apply(text, files = {}) {
      const applied = await system.apply({ file: 'bench.yaml', text, files });
      if (applied.is === 'refused') throw new Error(applied.problems.map((problem) => problem.message).join('; '));
    },
    async run(pipeline, images = {}) {
      const { promise: ended, resolve, reject } = Promise.withResolvers<string>();
      const askedAt = performance.now();
      const asked = await requestRun(
        { ...system.ports, clock: systemClock },
        { pipeline, requestId: systemRandom.id(), inputs: {}, images, by: 'bench' },
      );
      if (asked.is !== 'accepted') throw new Error(`a run of ${pipeline} was not accepted: ${asked.is}`);
      const { execution } = asked;
      let endedAt = Number.NaN;
      waiting.set(execution, {
        ended: (end) => {
          endedAt = performance.now();
          resolve(end);
        },
        failed: reject,
      });
      const cancel = systemClock.after(GIVE_UP_MS, () => reject(new Error(`${execution} took over ${GIVE_UP_MS} ms`)));
      try {
        const end = await ended;
        if (end !== 'succeeded') throw new Error(`${execution} of ${pipeline} ended as ${end}`);
        const begunMs = (begunAt.get(execution) ?? Number.NaN) - askedAt;
        return { begunMs, endedMs: endedAt - askedAt, endedAt };
      } finally {
        cancel();
        waiting.delete(execution);
        begunAt.delete(execution);
      }
    },
    async [Symbol.asyncDispose]() {
      await system.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
