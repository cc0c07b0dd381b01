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
      get: async () => undefined,
      list: async () => [],
    },
    secrets: { get: async () => SECRET },
    knownSecrets: [SECRET],
    clock: { now: () => 1, after: () => () => undefined },
    log: recordingLog(),
    repositories: { read: async () => undefined },
    httpSources: new Map([[source.path, source]]),
    messageSources: new Map(),
  };
  const headers = { 'content-type': 'application/json' };
  const call = () =>
    receiveWebhook(ports, { path: 'strange', request: { headers, rawBody: Buffer.from('{}'), pathSecret: '' } });
  return { call, published, entries };
}

it('publishes an event without the secrets that came in it', async () => {
  const { call, published } = world(() => ({ events: [event], ignored: 0 }));
  expect(await call()).toMatchObject({ is: 'taken', events: ['strange-1'] });
  const sent = published.map(({ data }) => data).join('');
  expect(sent).toContain('order');
  for (const secret of [SECRET, 'hunter2', 'abc']) expect(sent).not.toContain(secret);
});

it('records a refusal without them', async () => {
  const { call, entries } = world(() => {
    throw new BadPayload(`the field "a" is ${SECRET}`);
  });
  expect(await call()).toMatchObject({ is: 'bad-body' });
  expect(entries).toMatchObject([{ refused: 'the field "a" is [masked]' }]);
});
