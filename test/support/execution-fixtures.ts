/** Executions, plans and small in-memory ports for tests that show or tell them. */
import type { Plan, StagePlan } from '../../shared/core/plan.ts';
import type { Execution, StageView, Transition } from '../../shared/core/run.ts';
import type { Cells } from '../../shared/ports/cells.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { Version } from '../../shared/ports/execution-store.ts';
import type { Log, LogFields, Severity } from '../../shared/ports/log.ts';

export const START = Date.parse('2026-03-02T09:00:00.000Z');
export const MINUTE_MS = 60_000;
const digest = (character: string): string => `sha256:${character.repeat(64)}`;

export const IMAGE = {
  repository: 'asia-northeast1-docker.pkg.dev/acme/items/items-api',
  tag: '1.3.0',
  digest: digest('9'),
};
export const EARLIER_IMAGE = { ...IMAGE, tag: '1.2.3', digest: digest('1') };

export function stagePlan(id: string, more: Partial<StagePlan> = {}): StagePlan {
  return {
    id,
    declaredAs: id,
    kind: 'deploy',
    needs: [],
    with: {},
    timeoutMs: 10 * MINUTE_MS,
    retry: { attempts: 1, backOffMs: 0, maximumBackOffMs: 0 },
    onFailure: { then: 'fail', others: 'cancel' },
    ...more,
  };
}

const STAGES: readonly StagePlan[] = [
  stagePlan('migrate', { target: 'jp' }),
  stagePlan('canary_jp', { target: 'jp', needs: ['migrate'] }),
  stagePlan('approve', { kind: 'webhook', needs: ['canary_jp'] }),
  stagePlan('rest-us', { declaredAs: 'rest', target: 'us', needs: ['approve'] }),
  stagePlan('rest-uk', { declaredAs: 'rest', target: 'uk', needs: ['approve'] }),
];

export function planOf(more: Partial<Plan> = {}): Plan {
  return {
    format: 1,
    pipeline: 'items-api',
    team: 'items',
    namespace: 'items',
    images: { api: IMAGE },
    inputs: {},
    stages: STAGES,
    concurrency: { group: 'items-api', limit: 1, whenBusy: 'newest' },
    timeoutMs: 60 * MINUTE_MS,
    notify: [{ slack: '#items-deploys', when: ['started', 'waiting', 'succeeded', 'failed', 'cancelled'] }],
    ...more,
  };
}

/** A running execution of `planOf()`, one revision old. `stages` overrides what the views say, by stage id. */
export function executionOf(
  more: Partial<Execution> = {},
  stages: { readonly [id: string]: Partial<StageView> } = {},
  plan: Plan = planOf(),
): Execution {
  return {
    format: 1,
    id: 'items-api-7f3k2',
    pipeline: plan.pipeline,
    team: plan.team,
    plan: digest('a'),
    revision: 1,
    createdAt: START,
    at: START + 4 * MINUTE_MS,
    trigger: {
      event: 'evt-1',
      source: 'docker-distribution',
      text: 'image items-api:1.3.0 pushed',
      by: 'Aki',
      at: START - 5_000,
    },
    group: plan.concurrency.group,
    phase: { is: 'running', startedAt: START, deadline: START + 60 * MINUTE_MS },
    stages: plan.stages.map(({ id }) => ({ id, status: 'pending', attempts: 0, ...stages[id] })),
    open: plan.stages.length,
    unproven: [],
    ...more,
  };
}

export function transitionOf(revision: number, more: Partial<Transition> = {}): Transition {
  return { revision, at: START + revision * 1_000, is: 'started', status: 'running', ...more };
}

/** Cells in memory. Values travel as JSON, as they do in a real store. */
export function memoryCells<T>(): Cells<T> & { readonly values: ReadonlyMap<string, string> } {
  const values = new Map<string, string>();
  const versions = new Map<string, number>();
  return {
    values,
    async read({ key }) {
      const text = values.get(key);
      return text === undefined ? undefined : { value: JSON.parse(text) as T, version: String(versions.get(key)) };
    },
    async write({ key, value, expected }): Promise<Version | 'conflict'> {
      const current = versions.get(key);
      if (expected !== (current === undefined ? 'absent' : String(current))) return 'conflict';
      versions.set(key, (current ?? 0) + 1);
      values.set(key, JSON.stringify(value));
      return String(versions.get(key));
    },
  };
}

/** A clock that stands still until it is moved. */
export function manualClock(start: number = START): Clock & { advance(ms: number): void } {
  let now = start;
  const timers = new Set<{ at: number; run: () => void }>();
  return {
    now: () => now,
    after(ms, run) {
      const timer = { at: now + ms, run };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    advance(ms) {
      now += ms;
      for (const timer of timers) {
        if (timer.at > now) continue;
        timers.delete(timer);
        timer.run();
      }
    },
  };
}

export type LogLine = { readonly severity: Severity; readonly message: string; readonly fields: LogFields };

export function recordingLog(): Log & { readonly lines: readonly LogLine[] } {
  const lines: LogLine[] = [];
  return { lines, write: (severity, message, fields = {}) => void lines.push({ severity, message, fields }) };
}
