/** Executions to render and serve in tests. */
import type { ExecutionDetail, StageDescription } from '../../shared/use-cases/describe-execution.ts';
import type { EventDescription } from '../api.ts';

/** The moment from which the tests look. */
export const NOW = Date.parse('2026-03-02T14:08:00.000Z');

/** The time so many seconds before NOW. */
export function secondsAgo(seconds: number): string {
  return new Date(NOW - seconds * 1_000).toISOString();
}

export function stage(id: string, changes: Partial<StageDescription> = {}): StageDescription {
  return {
    id,
    declaredAs: id,
    kind: 'wait',
    target: null,
    needs: [],
    status: 'pending',
    attempts: 0,
    reason: null,
    startedAt: null,
    endedAt: null,
    wakeAt: null,
    progress: [],
    ...changes,
  };
}

export function execution(changes: Partial<ExecutionDetail> = {}): ExecutionDetail {
  return {
    id: '7f3k2ab9c8d7e6f5a4b3',
    pipeline: 'items-api',
    team: 'items',
    status: 'running',
    stopping: false,
    createdAt: secondsAgo(251),
    startedAt: secondsAgo(250),
    endedAt: null,
    trigger: {
      event: 'docker-distribution:3c1e9a04',
      source: 'docker-distribution',
      text: 'image items-api:1.3.0 pushed',
      by: 'ci@acme',
      at: secondsAgo(300),
    },
    revision: 7,
    changedAt: secondsAgo(1),
    plan: `sha256:${'4b'.repeat(32)}`,
    reason: null,
    restartOf: null,
    images: { api: NEW_IMAGE },
    changes: [{ name: 'api', from: OLD_IMAGE, to: NEW_IMAGE }],
    stages: [],
    ...changes,
  };
}

const REPOSITORY = 'asia-northeast1-docker.pkg.dev/acme/items/items-api';
const OLD_IMAGE = { repository: REPOSITORY, tag: '1.2.3', digest: `sha256:${'11ab'.repeat(16)}` };
const NEW_IMAGE = { repository: REPOSITORY, tag: '1.3.0', digest: `sha256:${'9f3c'.repeat(16)}` };

/** Under way in the first of three regions. */
export const ROLLING = execution({
  stages: [
    stage('migrate', {
      target: 'jp',
      status: 'succeeded',
      attempts: 1,
      startedAt: secondsAgo(250),
      endedAt: secondsAgo(219),
    }),
    stage('canary_jp', {
      target: 'jp',
      needs: ['migrate'],
      status: 'running',
      attempts: 1,
      startedAt: secondsAgo(160),
      progress: [
        'Deployment items/items-api: 3 of 5 new pods are ready, 10 of 10 old ones',
        'Service items/items-api: applied',
      ],
    }),
    stage('approve', { needs: ['canary_jp'] }),
    stage('rest-us', { declaredAs: 'rest', target: 'us', needs: ['approve'] }),
    stage('rest-uk', { declaredAs: 'rest', target: 'uk', needs: ['approve'] }),
  ],
});

/** Held up because a cluster does not answer. */
export const HELD = execution({
  status: 'waiting',
  reason: {
    code: 'cluster-unreachable',
    text: 'cluster jp does not answer (connect timed out, 7 tries); the next try is at 14:09',
    unblock: 'gennaker targets retry jp',
  },
  stages: [
    stage('canary_jp', {
      target: 'jp',
      status: 'waiting',
      attempts: 2,
      startedAt: secondsAgo(240),
      wakeAt: secondsAgo(-60),
      reason: {
        code: 'cluster-unreachable',
        text: 'cluster jp does not answer (connect timed out, 7 tries); the next try is at 14:09',
        unblock: 'gennaker targets retry jp',
      },
    }),
    stage('rest', { target: 'us', needs: ['canary_jp'] }),
  ],
});

const NOT_PULLABLE =
  'pod items-api-6d4f-x2x9q in items cannot start: the image asia-northeast1-docker.pkg.dev/acme/items/items-api:broken cannot be pulled (manifest unknown)';

/** Failed because an image cannot be pulled. */
export const FAILED = execution({
  status: 'failed',
  endedAt: secondsAgo(120),
  reason: { code: 'stage-failed', text: 'deploy-jp failed' },
  stages: [
    stage('deploy-jp', {
      declaredAs: 'deploy',
      target: 'jp',
      status: 'failed',
      attempts: 1,
      startedAt: secondsAgo(125),
      endedAt: secondsAgo(120),
      reason: { code: 'image-not-pullable', text: NOT_PULLABLE },
    }),
    stage('announce', {
      needs: ['deploy-jp'],
      status: 'skipped',
      reason: { code: 'not-reached', text: 'not reached, because deploy-jp failed' },
    }),
  ],
});

/** Behind another one of its group. */
export const QUEUED = execution({
  status: 'queued',
  startedAt: null,
  reason: {
    code: 'queued-behind',
    text: 'it waits for 1 execution of items-api: aaaa111',
    unblock: 'gennaker cancel aaaa111bbbb222',
  },
  stages: [stage('deploy', { target: 'jp' })],
});

export const SUCCEEDED = execution({
  status: 'succeeded',
  endedAt: secondsAgo(10),
  stages: [
    stage('deploy', {
      target: 'jp',
      status: 'succeeded',
      attempts: 1,
      startedAt: secondsAgo(250),
      endedAt: secondsAgo(10),
    }),
  ],
});

export const CANCELLED = execution({
  status: 'cancelled',
  endedAt: secondsAgo(10),
  reason: { code: 'cancelled-by-person', text: 'cancelled by aki: wrong version' },
  stages: [
    stage('deploy', {
      target: 'jp',
      status: 'cancelled',
      attempts: 1,
      startedAt: secondsAgo(250),
      endedAt: secondsAgo(10),
      reason: { code: 'cancelled-by-person', text: 'cancelled by aki: wrong version' },
    }),
  ],
});

/** What the inbox keeps of a person's request. */
export const ENTRY: EventDescription = {
  format: 1,
  id: 'manual-3c1e9a04',
  receivedAt: secondsAgo(0),
  source: 'manual',
  text: 'aki asked',
  verdicts: [{ is: 'started', pipeline: 'items-api', execution: ROLLING.id }],
};
