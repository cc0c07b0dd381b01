import { describe, expect, it } from 'vitest';
import { notificationSubscriber } from '../../functions/send-notifications.ts';
import { executionOf, planOf, recordingLog, START, transitionOf } from '../../test/support/execution-fixtures.ts';
import type { NotifyPlan, Plan } from '../core/plan.ts';
import type { Transition } from '../core/run.ts';
import { pubsubChannel, topicProblem } from '../notifications/pubsub-channel.ts';
import type { Answer, Message } from '../ports/bus.ts';
import type { Cells, NotificationState } from '../ports/cells.ts';
import type { Versioned } from '../ports/execution-store.ts';
import type { InboxEntry } from '../ports/inbox.ts';
import { announcementMessage } from './messages.ts';
import { type Channels, sendNotifications } from './send-notifications.ts';

const TRACE = '00-0123456789abcdef0123456789abcdef-0123456789abcdef-01';
const reason = { code: 'stage-failed', text: 'migrate failed' } as const;

function world(
  notify: readonly NotifyPlan[],
  more: { plan?: Plan | undefined; slack?: () => Promise<Answer>; isKept?: boolean } = {},
) {
  const plan = 'plan' in more ? more.plan : planOf({ notify });
  const log = recordingLog();
  const published: { topic: string; message: Message }[] = [];
  const recorded: Transition[] = [];
  const told: string[] = [];
  const bus = {
    publish: async ({ topic, messages }: { topic: string; messages: readonly Message[] }) =>
      void published.push(...messages.map((message) => ({ topic, message }))),
  };
  const channels: Channels = {
    slack: async ({ notify: entry }) => {
      told.push(entry.slack);
      return (await more.slack?.()) ?? 'done';
    },
    pubsub: pubsubChannel({ cells: cellsInMemory(), bus, log, pageOf: (id) => `https://cd.example/executions/${id}` }),
  };
  const tell = sendNotifications({
    store: {
      readExecution: async () =>
        more.isKept === false ? undefined : { value: executionOf({ revision: 3 }), version: '1' },
    },
    history: { record: async ({ transitions }) => void recorded.push(...transitions), read: async () => recorded },
    readPlan: async () => plan,
    channels,
    log,
  });
  const entries: InboxEntry[] = [];
  const inbox = {
    record: async ({ entry }: { entry: InboxEntry }) => void entries.push(entry),
    get: async () => undefined,
    list: async () => entries,
  };
  const subscriber = notificationSubscriber({
    tell,
    inbox,
    clock: { now: () => START, after: () => () => undefined },
    log,
  });
  const deliver = (message: Message) => subscriber({ ...message, messageId: 'm1', subscription: 'send-notifications' });
  const announce = (...transitions: Transition[]) =>
    deliver(
      announcementMessage(
        { execution: 'items-api-7f3k2', pipeline: 'items-api', transitions },
        { pipeline: 'items-api', at: START, trace: TRACE },
      ),
    );
  return { announce, deliver, entries, log, published, recorded, told };
}

function cellsInMemory(): Cells<NotificationState> {
  const kept = new Map<string, Versioned<NotificationState>>();
  let writes = 0;
  return {
    read: async ({ key }) => kept.get(key),
    async write({ key, value, expected }) {
      if ((kept.get(key)?.version ?? 'absent') !== expected) return 'conflict';
      writes += 1;
      kept.set(key, { value, version: String(writes) });
      return String(writes);
    },
  };
}

describe('sending notifications', () => {
  it('publishes each transition once, however often announcements repeat it and in whatever order', async () => {
    const { announce, published } = world([{ pubsub: 'items-deploys' }]);
    await announce(transitionOf(1), transitionOf(2), transitionOf(4));
    await announce(transitionOf(1), transitionOf(2));
    await announce(transitionOf(2), transitionOf(3), transitionOf(4), transitionOf(5));
    const ids = published.map(({ message }) => (JSON.parse(message.data) as { id: string }).id);
    expect(ids).toEqual([1, 2, 4, 3, 5].map((revision) => `items-api-7f3k2/${revision}`));
  });

  it('keeps the transitions and publishes one event for each, in the trace of its cause', async () => {
    const { announce, published, recorded } = world([{ pubsub: 'items-deploys' }]);
    const ended = transitionOf(3, { is: 'ended', status: 'failed', stage: 'migrate', reason });
    expect(await announce(transitionOf(2), ended)).toBe('done');
    expect(recorded).toHaveLength(2);
    expect(published.map(({ topic }) => topic)).toEqual(['items-deploys', 'items-deploys']);
    const [, event] = published.map(({ message }) => JSON.parse(message.data) as Record<string, unknown>);
    expect(event).toMatchObject({
      specversion: '1.0',
      id: 'items-api-7f3k2/3',
      subject: 'items-api-7f3k2',
      time: '2026-03-02T09:00:03.000Z',
      traceparent: TRACE,
      data: {
        revision: 3,
        is: 'ended',
        status: 'failed',
        stage: { id: 'migrate', kind: 'deploy', target: 'jp' },
        reason,
        page: 'https://cd.example/executions/items-api-7f3k2',
      },
    });
  });

  it('tells only of the moments that were asked for', async () => {
    const { announce, published } = world([{ pubsub: 'items-deploys', when: ['failed'] }]);
    await announce(transitionOf(1), transitionOf(2, { is: 'ended', status: 'failed', reason }));
    expect(published).toHaveLength(1);
  });

  it('never speaks on the topics of the system', async () => {
    const { announce, published, log } = world([{ pubsub: 'transitions' }]);
    expect(await announce(transitionOf(1))).toBe('done');
    expect(published).toEqual([]);
    expect(log.lines).toMatchObject([{ fields: { problem: expect.stringContaining("system's own") } }]);
    for (const topic of ['work', 'work-jp', 'events', 'dead-letters', 'goog-x', 'ab', '1abc', 'a b c']) {
      expect(topicProblem(topic)).toBeDefined();
    }
    expect(topicProblem('items-deploys')).toBeUndefined();
  });

  it('tells the others when one channel fails, and comes again', async () => {
    const notify: NotifyPlan[] = [{ slack: '#a', when: ['started'] }, { pubsub: 'items-deploys' }];
    const { announce, published } = world(notify, { slack: () => Promise.reject(new Error('out of reach')) });
    expect(await announce(transitionOf(1))).toBe('later');
    expect(published).toHaveLength(1);
  });

  it('is done with what nobody can be told of', async () => {
    expect(await world([], { isKept: false }).announce(transitionOf(1))).toBe('done');
    const { announce, recorded } = world([], { plan: undefined });
    expect(await announce(transitionOf(1))).toBe('done');
    expect(recorded).toHaveLength(1);
  });

  it.each(['{', '{}', '{"specversion":"1.0","id":"a","source":"b","type":"other"}'])(
    'records and drops what it can never read: %s',
    async (data) => {
      const { deliver, log } = world([]);
      expect(await deliver({ data, attributes: {} })).toBe('done');
      expect(log.lines).toMatchObject([{ severity: 'ERROR' }]);
    },
  );
});
