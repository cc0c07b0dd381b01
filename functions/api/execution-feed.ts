/** Executions as the API and the pages read them: found by a short id, described whole, and followed as they change. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Execution } from '../../shared/core/run.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { ExecutionStore } from '../../shared/ports/execution-store.ts';
import type { History } from '../../shared/ports/history.ts';
import type { ProgressBoard } from '../../shared/ports/progress.ts';
import {
  describeExecution,
  describeTransition,
  type ExecutionDetail,
  type ExecutionSummary,
  summarizeExecution,
  type TransitionDescription,
} from '../../shared/use-cases/describe-execution.ts';
import { previousImages, type ReadPlan } from '../../shared/use-cases/previous-release.ts';
import { Refusal } from './http.ts';

export type FeedPorts = {
  readonly store: Pick<ExecutionStore, 'readExecution' | 'list' | 'observe'>;
  readonly history: Pick<History, 'read'>;
  readonly progress: Pick<ProgressBoard, 'read'>;
  readonly readPlan: ReadPlan;
  readonly clock: Clock;
  /** How often the progress of running stages is looked at; by default each second. */
  readonly progressEveryMs?: number;
};

export type ExecutionFeed = {
  /** Newest first. `before` is the `createdAt` of an earlier page's last, in epoch ms. */
  list(query: {
    pipeline?: string | undefined;
    before?: number | undefined;
    limit: number;
  }): Promise<readonly ExecutionSummary[]>;
  /** By its id, or by a beginning of it that no other has. Throws Refusal 404, or 409 where several begin so. */
  find(id: string): Promise<Execution>;
  describe(execution: Execution): Promise<ExecutionDetail>;
  history(execution: string): Promise<readonly TransitionDescription[]>;
  /** The execution now and after each change of it or of its progress, until it has ended or `signal` aborts. */
  follow(execution: Execution, signal: AbortSignal): AsyncGenerator<ExecutionDetail>;
};

const PROGRESS_EVERY_MS = 1_000;
const ID = /^[a-z0-9][a-z0-9-]{0,199}$/;

export function createExecutionFeed(ports: FeedPorts): ExecutionFeed {
  const { store, progress, readPlan } = ports;

  /** What was before an execution does not change while it is followed. */
  async function describer(execution: Execution): Promise<(now: Execution) => Promise<ExecutionDetail>> {
    const [plan, before] = await Promise.all([
      readPlan({ hash: execution.plan }),
      previousImages({ store, readPlan }, execution),
    ]);
    return async (now) => {
      const isRunning = now.phase.is === 'running';
      const lines = isRunning ? await progress.read({ execution: now.id }) : [];
      return describeExecution({ execution: now, plan, before, progress: lines });
    };
  }

  return {
    async list({ pipeline, before, limit }) {
      const query = { limit, ...(pipeline !== undefined && { pipeline }), ...(before !== undefined && { before }) };
      const executions = await store.list(query);
      return Promise.all(
        executions.map(async (execution) => summarizeExecution(execution, await readPlan({ hash: execution.plan }))),
      );
    },

    async find(id) {
      const unknown = () =>
        new Refusal(404, 'not-found', `There is no execution "${id}"; gennaker get executions lists them.`);
      if (!ID.test(id)) throw unknown();
      const exact = await store.readExecution({ id });
      if (exact !== undefined) return exact.value;
      const [first, second] = await store.list({ idPrefix: id, limit: 2 });
      if (first === undefined) throw unknown();
      if (second === undefined) return first;
      const message = `"${id}" is the beginning of several executions, ${first.id} and ${second.id} among them; give more of it.`;
      throw new Refusal(409, 'ambiguous', message);
    },

    async describe(execution) {
      return (await describer(execution))(execution);
    },

    async history(execution) {
      return (await ports.history.read({ execution })).map(describeTransition);
    },

    async *follow(execution, signal) {
      const describe = await describer(execution);
      const everyMs = ports.progressEveryMs ?? PROGRESS_EVERY_MS;
      // Whoever reads may leave at any line; then the store is no longer to be watched either.
      const left = new AbortController();
      const watching = AbortSignal.any([signal, left.signal]);
      const changes = store.observe({ id: execution.id, signal: watching })[Symbol.asyncIterator]();
      let now = execution;
      let next = changes.next();
      let shown = '';
      try {
        while (!signal.aborted) {
          const detail = await describe(now);
          const text = JSON.stringify(detail);
          if (text !== shown) yield detail;
          shown = text;
          if (now.phase.is === 'ended') return;
          const tick = new AbortController();
          const isRunning = now.phase.is === 'running';
          const result = await Promise.race(isRunning ? [next, quietly(everyMs, tick.signal)] : [next]);
          tick.abort();
          if (result === undefined) continue;
          if (result.done) return;
          now = result.value;
          next = changes.next();
        }
      } finally {
        left.abort();
        await Promise.allSettled([next, changes.return?.()]);
      }
    },
  };
}

/** Resolves after `ms`, or at once when `signal` aborts. */
async function quietly(ms: number, signal: AbortSignal): Promise<undefined> {
  try {
    await sleep(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  return undefined;
}
