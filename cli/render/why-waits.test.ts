/** Every wait that there is, as `gennaker why` tells it: a wait code without an entry here does not compile. */
import { describe, expect, it } from 'vitest';
import { WAIT_CODES, type WaitCode, type WaitReason } from '../../shared/core/reason.ts';
import { heldBy } from '../../shared/use-cases/holds/judge.ts';
import { createProgram } from '../program.ts';
import { execution, NOW, secondsAgo, stage } from '../testing/executions.ts';
import { testSurroundings } from '../testing/system.ts';
import { renderWhy } from './why.ts';

const ID = execution().id;
const BEGINNER = {
  execution: ID,
  stage: 'release',
  pipeline: 'items-api',
  team: 'items',
  target: 'jp',
  isFirst: true,
  windows: [],
} as const;
const BY = { by: 'aki', reason: 'the database moves', at: NOW } as const;
const WINDOW = {
  days: ['mon', 'tue', 'wed', 'thu', 'fri'],
  hours: '15:00-17:00',
  timezone: 'UTC',
  except: [],
} as const;

function heldReason(holds: Partial<Parameters<typeof heldBy>[0]>): WaitReason {
  const found = heldBy({ format: 1, windows: {}, freezes: [], pauses: [], ...holds }, BEGINNER, NOW, false);
  if (found === undefined) throw new Error('nothing holds it');
  return found.reason;
}

const cancel = `gennaker cancel ${ID}`;
/** As the code that waits says it. */
const REASONS: { readonly [code in WaitCode]: Omit<WaitReason, 'code'> } = {
  'queued-behind': { text: 'Its group is busy: 9xk2 runs; this one is next.', unblock: 'gennaker cancel 9xk2' },
  'retry-back-off': { text: 'Attempt 1 of 3 failed: it crashed. The next one begins after a pause.', unblock: cancel },
  'time-not-reached': { text: 'It waits until 15:00.', unblock: `gennaker skip ${ID} release --reason "…"` },
  'signal-not-received': { text: 'It waits for a call-back.', unblock: cancel },
  'locked-by-other': { text: 'Another execution delivers items-api to jp.', unblock: 'gennaker cancel 9xk2' },
  'cluster-unreachable': { text: 'Cluster jp does not answer; the next try is at 14:09.', unblock: cancel },
  'rollout-in-progress': { text: '3 of 5 new pods are ready.', unblock: cancel },
  'remote-in-progress': { text: 'The far end is at work.', unblock: cancel },
  'remote-unreachable': { text: 'POST https://hooks.example.com/deployed: there was no answer.', unblock: cancel },
  'approval-needed': { text: 'It waits for 1 of items-leads.', unblock: `gennaker approve ${ID} release` },
  'pipeline-in-progress': { text: 'items-build 9xk2 runs.', unblock: 'gennaker why 9xk2' },
  'outside-window': heldReason({ windows: { 'target:jp': [WINDOW] } }),
  frozen: heldReason({ freezes: [{ id: 'golden-week', scope: 'all', until: NOW + 3_600_000, ...BY }] }),
  paused: heldReason({ pauses: [{ scope: 'pipeline:items-api', ...BY }] }),
};

/** What people read. */
const GOLDEN: { readonly [code in WaitCode]: string } = {
  'queued-behind': `items-api 7f3k2ab has been waiting for 4 min 10 s.
release has been waiting for 2 min: Its group is busy: 9xk2 runs; this one is next.

  Follow it:       gennaker watch 7f3k2ab
  Stop the other:  gennaker cancel 9xk2
  Give up:         gennaker cancel 7f3k2ab`,
  'retry-back-off': `items-api 7f3k2ab has been waiting for 4 min 10 s.
release has been waiting for 2 min: Attempt 1 of 3 failed: it crashed. The next one begins after a
pause.

  Follow it:  gennaker watch 7f3k2ab
  Give up:    gennaker cancel 7f3k2ab`,
  'time-not-reached': `items-api 7f3k2ab has been waiting for 4 min 10 s.
release has been waiting for 2 min: It waits until 15:00.

  Follow it:         gennaker watch 7f3k2ab
  Give up:           gennaker cancel 7f3k2ab
  Go on without it:  gennaker skip 7f3k2ab release --reason "…"`,
  'signal-not-received': `items-api 7f3k2ab has been waiting for 4 min 10 s.
release has been waiting for 2 min: It waits for a call-back.

  Follow it:  gennaker watch 7f3k2ab
  Give up:    gennaker cancel 7f3k2ab`,
  'locked-by-other': `items-api 7f3k2ab has been waiting for 4 min 10 s.
release has been waiting for 2 min: Another execution delivers items-api to jp.

  Follow it:       gennaker watch 7f3k2ab
  Stop the other:  gennaker cancel 9xk2
  Give up:         gennaker cancel 7f3k2ab`,
  'cluster-unreachable': `items-api 7f3k2ab has been waiting for 4 min 10 s.
release has been waiting for 2 min: Cluster jp does not answer; the next try is at 14:09.

  Follow it:  gennaker watch 7f3k2ab
  Give up:    gennaker cancel 7f3k2ab`,
  'rollout-in-progress': `items-api 7f3k2ab has been waiting for 4 min 10 s.
release has been waiting for 2 min: 3 of 5 new pods are ready.

  Follow it:  gennaker watch 7f3k2ab
  Give up:    gennaker cancel 7f3k2ab`,
  'remote-in-progress': `items-api 7f3k2ab has been waiting for 4 min 10 s.
release has been waiting for 2 min: The far end is at work.

  Follow it:  gennaker watch 7f3k2ab
  Give up:    gennaker cancel 7f3k2ab`,
  'remote-unreachable': `items-api 7f3k2ab has been waiting for 4 min 10 s.
release has been waiting for 2 min: POST https://hooks.example.com/deployed: there was no answer.

  Follow it:  gennaker watch 7f3k2ab
  Give up:    gennaker cancel 7f3k2ab`,
  'approval-needed': `items-api 7f3k2ab has been waiting for 4 min 10 s.
release has been waiting for 2 min: It waits for 1 of items-leads.

  Follow it:   gennaker watch 7f3k2ab
  Approve it:  gennaker approve 7f3k2ab release
  Give up:     gennaker cancel 7f3k2ab`,
  'pipeline-in-progress': `items-api 7f3k2ab has been waiting for 4 min 10 s.
release has been waiting for 2 min: items-build 9xk2 runs.

  Go on:      gennaker why 9xk2
  Follow it:  gennaker watch 7f3k2ab
  Give up:    gennaker cancel 7f3k2ab`,
  'outside-window': `items-api 7f3k2ab has been waiting for 4 min 10 s.
release has been waiting for 2 min: Outside the windows of jp (Mon-Fri 15:00-17:00 UTC); the next
opening is at 2026-03-02T15:00:00Z.

  Follow it:           gennaker watch 7f3k2ab
  Give up:             gennaker cancel 7f3k2ab
  Begin all the same:  gennaker override 7f3k2ab release --reason "…"`,
  frozen: `items-api 7f3k2ab has been waiting for 4 min 10 s.
release has been waiting for 2 min: Everything is frozen until 2026-03-02T15:08:00Z (golden-week, by
aki): the database moves.

  Follow it:           gennaker watch 7f3k2ab
  Give up:             gennaker cancel 7f3k2ab
  Begin all the same:  gennaker override 7f3k2ab release --reason "…"`,
  paused: `items-api 7f3k2ab has been waiting for 4 min 10 s.
release has been waiting for 2 min: The pipeline items-api was paused by aki: the database moves.

  Follow it:     gennaker watch 7f3k2ab
  Let it go on:  gennaker resume pipeline items-api
  Give up:       gennaker cancel 7f3k2ab`,
};

function told(code: WaitCode): string {
  const reason = { code, ...REASONS[code] };
  const detail = execution({
    status: 'waiting',
    stages: [stage('release', { status: 'waiting', attempts: 1, startedAt: secondsAgo(120), reason })],
  });
  return renderWhy(detail, { now: NOW, width: 100, colour: false }).join('\n');
}

describe('why, for each wait', () => {
  it.each(WAIT_CODES)('%s: the sentence, and the command that moves it on', (code) => {
    expect(told(code)).toBe(GOLDEN[code]);
  });

  it.each(WAIT_CODES)('%s names a command that there is', (code) => {
    const { unblock } = REASONS[code];
    const program = createProgram(testSurroundings().surroundings, () => undefined);
    const [name, command] = unblock.split(' ');
    expect(name).toBe('gennaker');
    expect(program.commands.map((one) => one.name())).toContain(command);
    expect(told(code)).toContain(`${name} ${command}`);
  });
});
