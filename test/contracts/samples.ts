/** Documents for the contract suites: whole, valid, and named so that no two tests meet in a database that is never wiped. */
import { randomBytes, randomInt } from 'node:crypto';
import type { Execution, Group, Run, Transition } from '../../shared/core/run.ts';

/** What a suite gets to test, and how it is given back. */
export type MakeAdapter<T> = () => Promise<{ readonly adapter: T; readonly close: () => Promise<void> }>;

/** How long a suite waits for something that an emulator does in its own time. */
export const PATIENCE = { timeout: 30_000, interval: 20 };

export const PLAN_HASH = `sha256:${'5'.repeat(64)}`;

/** `prefix-` and 12 random hexadecimal digits. */
export function unique(prefix: string): string {
  return `${prefix}-${randomBytes(6).toString('hex')}`;
}

/** An instant in a far future of its own, so that a page which ends there holds only what the test wrote. */
export function farFuture(): number {
  return 10_000_000_000_000 + randomInt(1_000_000_000) * 1000;
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export function sampleExecution(id: string, change: Partial<Execution> = {}): Execution {
  return {
    format: 1,
    id,
    pipeline: 'items-api',
    team: 'items',
    plan: PLAN_HASH,
    revision: 1,
    createdAt: 1_700_000_000_000,
    at: 1_700_000_000_000,
    trigger: {
      event: 'delivery-1',
      source: 'docker-distribution',
      text: 'image items-api:1.2.3 pushed',
      at: 1_699_999_999_000,
    },
    group: 'items-api',
    phase: { is: 'running', startedAt: 1_700_000_000_000, deadline: 1_700_003_600_000 },
    stages: [
      { id: 'release-jp', status: 'running', attempts: 1, startedAt: 1_700_000_000_000, startedIn: 1 },
      { id: 'release-us', status: 'pending', attempts: 0 },
    ],
    open: 2,
    unproven: [{ revision: 1, at: 1_700_000_000_000, is: 'started', status: 'running' }],
    ...change,
  };
}

export function sampleRun(execution: string, stage: string, change: Partial<Run> = {}): Run {
  return {
    format: 1,
    execution,
    stage,
    plan: PLAN_HASH,
    doing: 'forward',
    attempt: 1,
    step: 1,
    tries: 0,
    repeats: 0,
    cursor: {
      version: 1,
      objects: ['Deployment items/items-api'],
      'names.with-dots': null,
      empty: [],
      nested: [[1], []],
    },
    mail: [{ id: 'signal-1', name: 'approve', at: 1_700_000_000_000, value: { by: 'mia', note: '了解 ✓' } }],
    taken: [],
    shown: 'running',
    deadline: 1_700_003_600_000,
    proves: 1,
    at: 1_700_000_000_000,
    state: { is: 'ready', input: { by: 'begin' } },
    ...change,
  };
}

export function sampleGroup(change: Partial<Group> = {}): Group {
  return { format: 1, limit: 1, holders: [], queue: [], ...change };
}

export function sampleTransition(revision: number): Transition {
  return {
    revision,
    at: 1_700_000_000_000 + revision,
    is: 'stage',
    stage: 'release-jp',
    status: 'failed',
    reason: { code: 'stage-failed', text: 'The far end answered 500.', unblock: 'gennaker restart items-api-1' },
  };
}
