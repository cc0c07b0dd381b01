import { expect, it } from 'vitest';
import { recordingLog } from '../../test/support/execution-fixtures.ts';
import type { Message } from '../ports/bus.ts';
import type { InboxEntry } from '../ports/inbox.ts';
import { BadPayload, type HttpSource, type SourceEvent } from '../triggers/source.ts';
import { type ReceivePorts, receiveWebhook } from './receive-event.ts';

const SECRET = 'the-secret-of-the-hook';
const event: SourceEvent = {
  id: 'strange-1',
  type: 'message-arrived',
  source: 'pubsub',
  at: 1,
  text: `a message with ${SECRET}`,
  message: {
    id: '1',
    subscription: 'orders',
    data: '{"tag":"1.0","password":"hunter2"}',
    attributes: { 'x-api-key': 'abc', kind: 'order' },
  },
};

function world(parse: HttpSource['parse']) {
  const published: Message[] = [];
  const entries: InboxEntry[] = [];
  let now = 1;
  const source: HttpSource = {
    name: 'strange',
    path: 'strange',
    mediaTypes: ['application/json'],
    secretName: 'strange-webhook',
    verify: () => 'ok',
    parse,
  };
  const ports: ReceivePorts = {
    bus: {
      async publish({ messages }) {
        published.push(...messages);
      },
    },
    inbox: {
      record: async ({ entry }) => void entries.push(entry),
    },
    secrets: { get: async () => SECRET },
    knownSecrets: [SECRET],
    clock: { now: () => now, after: () => () => undefined },
    log: recordingLog(),
    repositories: { read: async () => undefined },
    httpSources: new Map([[source.path, source]]),
    messageSources: new Map(),
  };
  const headers = { 'content-type': 'application/json' };
  const call = () =>
    receiveWebhook(ports, { path: 'strange', request: { headers, rawBody: Buffer.from('{}'), pathSecret: '' } });
  const later = (milliseconds: number) => {
    now += milliseconds;
  };
  return { call, published, entries, later };
}

it('publishes an event without the secrets that came in it', async () => {
  const { call, published } = world(() => ({ events: [event], ignored: 0 }));
  expect(await call()).toMatchObject({ is: 'taken', events: ['strange-1'] });
  const sent = published.map(({ data }) => data).join('');
  expect(sent).toContain('order');
  for (const secret of [SECRET, 'hunter2', 'abc']) expect(sent).not.toContain(secret);
});

it('records what strangers send once a minute, however often they call', async () => {
  const { call, entries, later } = world(() => {
    throw new BadPayload('the field "a" is missing');
  });
  for (let times = 0; times < 5; times += 1) expect(await call()).toMatchObject({ is: 'bad-body' });
  expect(entries).toHaveLength(1);
  later(60_000);
  await call();
  expect(new Set(entries.map(({ id }) => id)).size).toBe(2);
});

it('records a refusal without them', async () => {
  const { call, entries } = world(() => {
    throw new BadPayload(`the field "a" is ${SECRET}`);
  });
  expect(await call()).toMatchObject({ is: 'bad-body' });
  expect(entries).toMatchObject([{ refused: 'the field "a" is [masked]' }]);
});

it('keeps the events of a body that can be kept, and refuses the others one by one', async () => {
  const wrong = { ...event, id: 'strange-2', message: { ...event.message, subscription: 'x'.repeat(300) } };
  const large = { ...event, id: 'strange-3', message: { ...event.message, data: '\u0001'.repeat(200_000) } };
  const { call, published, entries } = world(() => ({ events: [wrong, event, large], ignored: 0 }));
  expect(await call()).toEqual({ is: 'taken', events: ['strange-1'], ignored: 0 });
  expect(published).toHaveLength(1);
  expect(entries.map(({ refused }) => refused)).toEqual([
    expect.stringContaining('message.subscription: Too big'),
    expect.stringContaining('bytes; at most 614400 are kept'),
  ]);
});

it('refuses a body of which no event can be kept', async () => {
  const wrong = { ...event, message: { ...event.message, subscription: 'x'.repeat(300) } };
  const { call, published } = world(() => ({ events: [wrong], ignored: 0 }));
  expect(await call()).toMatchObject({ is: 'bad-body', text: expect.stringContaining('message.subscription') });
  expect(published).toEqual([]);
});
