import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  executionOf,
  MINUTE_MS,
  manualClock,
  memoryCells,
  planOf,
  recordingLog,
  transitionOf,
} from '../../test/support/execution-fixtures.ts';
import { type SlackServer, startSlackServer } from '../../test/support/slack-server.ts';
import type { Execution, Transition } from '../core/run.ts';
import type { Cells, NotificationState } from '../ports/cells.ts';
import type { Notice } from './channel.ts';
import { SLACK_LEASE_MS, type SlackNotify, slackChannel } from './slack-channel.ts';
import { slackClient } from './slack-client.ts';

const TOKEN = 'xoxb-test';
const KEY = 'slack/items-api-7f3k2/#items-deploys';
const notify: SlackNotify = {
  slack: '#items-deploys',
  when: ['started', 'waiting', 'succeeded', 'failed', 'cancelled'],
};
const failure = { code: 'crash-loop', text: 'container api of items-api-5f2c-x crashes: exit code 1' } as const;
const failed = (revision: number) => transitionOf(revision, { is: 'ended', status: 'failed', reason: failure });
const asksToAct = (revision: number) =>
  transitionOf(revision, {
    is: 'stage',
    stage: 'approve',
    status: 'waiting',
    reason: {
      code: 'signal-not-received',
      text: 'approve waits for a call-back',
      unblock: 'gennaker signal items-api-7f3k2 approve',
    },
  });

let slack: SlackServer;
beforeEach(async () => {
  slack = await startSlackServer({
    token: TOKEN,
    channels: [
      { id: 'C0000000A', name: 'general' },
      { id: 'C0000000B', name: 'items-deploys' },
      { id: 'C0000000C', name: 'private', isMember: false },
    ],
  });
});
afterEach(() => slack.close());

function world(options: { token?: string; cells?: Cells<NotificationState> } = {}) {
  const clock = manualClock(Date.now());
  const log = recordingLog();
  const cells = options.cells ?? memoryCells<NotificationState>();
  let stored: Execution = executionOf({ createdAt: clock.now() });
  let ids = 0;
  const tell = slackChannel({
    cells,
    store: {
      readExecution: async () => ({ value: stored, version: '1' }),
      list: async () => [],
    },
    readPlan: async () => planOf(),
    secrets: { get: async () => options.token ?? TOKEN },
    client: (token) => slackClient({ token, apiUrl: slack.url }),
    clock,
    random: { id: () => `id${ids++}`, fraction: () => 0.5 },
    log,
    pageOf: (id) => `https://cd.example/executions/${id}`,
  });
  const at = (revision: number, more: Partial<Execution> = {}): Execution => ({ ...stored, revision, ...more });
  const announce = (transition: Transition, execution = at(transition.revision), when = notify.when) => {
    if (execution.revision > stored.revision) stored = execution;
    const notice: Notice<SlackNotify> = {
      notify: { ...notify, when },
      transitions: [transition],
      execution,
      plan: planOf(),
    };
    return tell(notice);
  };
  return { clock, log, cells, announce, at };
}

const callsOf = (method: string) => slack.calls.filter((call) => call.method === method);

describe('the Slack channel', () => {
  it('posts once and edits as the execution goes', async () => {
    const { announce } = world();
    expect(await announce(transitionOf(1))).toBe('done');
    expect(await announce(transitionOf(2, { is: 'stage', stage: 'migrate' }))).toBe('done');
    expect(slack.messages()).toMatchObject([{ channel: 'C0000000B', edits: 1 }]);
  });

  it('says nothing twice when an announcement comes again', async () => {
    const { announce } = world();
    await announce(transitionOf(1));
    await announce(transitionOf(1));
    await announce(failed(2));
    await announce(failed(2));
    expect(slack.topLevel()).toMatchObject([{ edits: 1 }]);
    expect(slack.messages().filter(({ thread }) => thread !== undefined)).toHaveLength(1);
    expect(slack.calls).toHaveLength(3);
  });

  it('posts one message for many announcements at the same moment', async () => {
    const { announce } = world();
    slack.failNext('chat.postMessage', { is: 'delay', ms: 50 });
    const answers = await Promise.all([1, 1, 1, 2, 3, 4].map((revision) => announce(transitionOf(revision))));
    expect(slack.topLevel()).toHaveLength(1);
    expect(answers).toContain('done');
    expect(slack.topLevel()[0]?.edits).toBeLessThanOrEqual(2);
  });

  it('shows what was announced while it sent, and lets that announcement go', async () => {
    const { announce, at, cells } = world();
    slack.failNext('chat.postMessage', { is: 'delay', ms: 100 });
    const first = announce(transitionOf(1));
    await expect.poll(async () => (await cells.read({ key: KEY }))?.value.claim).toBeDefined();
    const ended = at(5, { phase: { is: 'ended', end: 'succeeded', at: Date.now(), promoted: [] } });
    const second = announce(transitionOf(5, { is: 'ended', status: 'succeeded' }), ended);
    expect(await Promise.all([first, second])).toEqual(['done', 'done']);
    expect(slack.topLevel()[0]?.text).toContain('✔ items-api');
  });

  it('never lets an older revision overwrite a newer one', async () => {
    const { announce, at } = world();
    const ended = at(5, { phase: { is: 'ended', end: 'succeeded', at: Date.now(), promoted: [] } });
    await announce(transitionOf(5, { is: 'ended', status: 'succeeded' }), ended);
    await announce(transitionOf(1), at(1));
    expect(slack.topLevel()).toMatchObject([{ edits: 0 }]);
    expect(slack.topLevel()[0]?.text).toContain('✔ items-api');
  });

  it.each([
    { is: 'hangUp', when: 'after' },
    { is: 'status', status: 503, when: 'after' },
  ] as const)('finds the message that was posted when the answer was lost ($is)', async (fault) => {
    const { announce, clock } = world();
    slack.failNext('chat.postMessage', fault);
    expect(await announce(transitionOf(1))).toBe('later');
    expect(await announce(transitionOf(1))).toBe('later');
    clock.advance(SLACK_LEASE_MS + 1);
    expect(await announce(transitionOf(1))).toBe('done');
    expect(await announce(transitionOf(2))).toBe('done');
    expect(slack.topLevel()).toHaveLength(1);
    expect(callsOf('chat.postMessage')).toHaveLength(1);
    expect(callsOf('conversations.history')).toHaveLength(1);
  });

  it('posts after all when nothing is found of a post that failed', async () => {
    const { announce, clock } = world();
    slack.failNext('chat.postMessage', { is: 'status', status: 500, when: 'before' });
    expect(await announce(transitionOf(1))).toBe('later');
    clock.advance(SLACK_LEASE_MS + 1);
    expect(await announce(transitionOf(2))).toBe('done');
    expect(slack.topLevel()).toHaveLength(1);
  });

  it('posts once though it crashed between the post and the record', async () => {
    const cells = memoryCells<NotificationState>();
    let crashes = true;
    const dying: Cells<NotificationState> = {
      read: cells.read,
      write: (command) => {
        if (command.value.posted !== undefined && crashes) throw new Error('crashed');
        return cells.write(command);
      },
    };
    const { announce, clock } = world({ cells: dying });
    await expect(announce(failed(1))).rejects.toThrow('crashed');
    crashes = false;
    expect(await announce(failed(1))).toBe('later');
    clock.advance(SLACK_LEASE_MS + 1);
    expect(await announce(failed(1))).toBe('done');
    expect(slack.topLevel()).toHaveLength(1);
    expect(slack.messages()).toHaveLength(2);
    expect(callsOf('conversations.replies')).toHaveLength(1);
  });

  it('keeps the pause that Slack asks for', async () => {
    const { announce, clock } = world();
    slack.failNext('chat.postMessage', { is: 'rateLimit', retryAfterSeconds: 30 });
    expect(await announce(transitionOf(1))).toBe('later');
    clock.advance(29_000);
    expect(await announce(transitionOf(1))).toBe('later');
    expect(await announce(transitionOf(2))).toBe('done');
    expect(slack.calls).toHaveLength(1);
    clock.advance(1_001);
    expect(await announce(transitionOf(1))).toBe('done');
    expect(slack.topLevel()).toHaveLength(1);
    expect(callsOf('conversations.history')).toHaveLength(0);
  });

  it('resumes half-way: the message is kept when the thread has to wait', async () => {
    const { announce, clock } = world();
    await announce(transitionOf(1));
    slack.failNext('chat.postMessage', { is: 'rateLimit', retryAfterSeconds: 1 });
    expect(await announce(failed(2))).toBe('later');
    clock.advance(1_001);
    expect(await announce(failed(2))).toBe('done');
    expect(slack.topLevel()).toMatchObject([{ edits: 1 }]);
    expect(slack.messages()).toHaveLength(2);
  });

  it('broadcasts a failure, and asks in the thread without broadcasting', async () => {
    const { announce } = world();
    await announce(transitionOf(1));
    await announce(asksToAct(2));
    await announce(failed(3));
    const replies = slack.messages().filter(({ thread }) => thread !== undefined);
    expect(replies.map(({ broadcast }) => broadcast)).toEqual([false, true]);
    expect(JSON.stringify(replies[0]?.blocks)).toContain('gennaker signal items-api-7f3k2 approve');
    expect(replies[1]?.text).toContain(failure.text);
  });

  it('is not hurt by a channel that refuses, says the way on, and works once that is mended', async () => {
    const { announce, log } = world();
    slack.failNext('chat.postMessage', { is: 'error', error: 'not_in_channel' });
    expect(await announce(transitionOf(1))).toBe('done');
    expect(log.lines).toMatchObject([
      { severity: 'WARNING', fields: { code: 'not_in_channel', problem: expect.stringContaining('/invite') } },
    ]);
    expect(await announce(failed(2))).toBe('done');
    expect(slack.topLevel()).toHaveLength(1);
    expect(callsOf('conversations.history')).toHaveLength(0);
  });

  it('does not tell the token', async () => {
    const { announce, log } = world({ token: 'xoxb-wrong' });
    expect(await announce(transitionOf(1))).toBe('done');
    expect(log.lines[0]?.fields).toMatchObject({ code: 'invalid_auth' });
    expect(JSON.stringify(log.lines)).not.toContain('xoxb-wrong');
  });

  it('waits for the first moment that was asked for', async () => {
    const { announce } = world();
    expect(await announce(transitionOf(1), undefined, ['failed'])).toBe('done');
    expect(await announce(transitionOf(2, { is: 'stage', stage: 'migrate' }), undefined, ['failed'])).toBe('done');
    expect(slack.calls).toHaveLength(0);
    expect(await announce(failed(3), undefined, ['failed'])).toBe('done');
    expect(slack.topLevel()).toHaveLength(1);
  });

  it('writes nothing when a slow look has used up the lease', async () => {
    const { announce, clock } = world();
    slack.failNext('chat.postMessage', { is: 'status', status: 500, when: 'before' });
    await announce(transitionOf(1));
    clock.advance(SLACK_LEASE_MS + 1);
    slack.failNext('conversations.history', { is: 'delay', ms: 100 });
    const again = announce(transitionOf(1));
    await expect.poll(() => callsOf('conversations.list').length).toBe(1);
    clock.advance(SLACK_LEASE_MS - MINUTE_MS / 12);
    expect(await again).toBe('later');
    expect(slack.messages()).toHaveLength(0);
  });
});
