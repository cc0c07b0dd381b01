/** Topics of the user's own, Cloud Build's and Cloud Storage's, on the real Pub/Sub emulator: what comes of what is published. */
import type { AddressInfo } from 'node:net';
import { http } from '@google-cloud/functions-framework';
import { getTestServer } from '@google-cloud/functions-framework/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pushEndpoint, verifyOidc } from '../../functions/push.ts';
import { messageSubscriber } from '../../functions/receive-message.ts';
import { systemClock } from '../../shared/adapters/system-clock.ts';
import { contentOf } from '../../shared/triggers/content.ts';
import { messageSources } from '../../shared/triggers/registry.ts';
import { type SourceEvent, sourceEvent } from '../../shared/triggers/source.ts';
import { SAMPLES } from '../../shared/triggers/testing-samples.ts';
import { hasPubSubEmulator, startPubSubEmulator } from '../support/emulators.ts';
import { recordingLog } from '../support/execution-fixtures.ts';
import { createSubscription, createTopic } from '../support/pubsub-admin.ts';
import { type PushProxy, startPushProxy } from '../support/push-proxy.ts';

const FUNCTION = 'receive-message-of-the-test';
const PROJECT = 'demo-topics';
const AUDIENCE = 'gennaker';
const EMAIL = 'pusher@demo-topics.iam.gserviceaccount.com';
const PATIENCE = { timeout: 30_000, interval: 50 };

describe.skipIf(!hasPubSubEmulator())("messages of others' topics", () => {
  const parts = new AsyncDisposableStack();
  const taken: SourceEvent[] = [];
  let proxy: PushProxy;
  let host = '';

  beforeAll(async () => {
    const emulator = await startPubSubEmulator();
    parts.defer(() => emulator.stop());
    host = emulator.host;
    proxy = await startPushProxy({ routes: {}, audience: AUDIENCE, email: EMAIL });
    parts.defer(() => proxy.stop());
    const log = recordingLog();
    const handle = messageSubscriber({
      bus: {
        async publish({ messages }) {
          for (const { data } of messages) taken.push(sourceEvent.parse(JSON.parse(data).data));
        },
      },
      inbox: { record: async () => undefined },
      secrets: { get: async () => undefined },
      repositories: { read: async () => undefined },
      clock: systemClock,
      log,
      httpSources: new Map(),
      messageSources: messageSources(),
    });
    const verify = verifyOidc({ issuers: [proxy], audience: AUDIENCE, emails: [EMAIL], clock: systemClock });
    http(FUNCTION, pushEndpoint({ handle, verify, log }));
    const server = getTestServer(FUNCTION).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    parts.defer(() => new Promise<void>((resolve) => server.close(() => resolve())));
    proxy.route('/receive-message', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  }, 120_000);
  afterAll(() => parts.disposeAsync());

  async function publish(name: string, attributes: { [name: string]: string }, data: string): Promise<void> {
    const at = { host, projectId: PROJECT };
    const topic = `topic-of-${name}`;
    await createTopic({ ...at, topic });
    await createSubscription({ ...at, topic, subscription: name, pushUrl: `${proxy.url}/receive-message` });
    const response = await fetch(`http://${host}/v1/projects/${PROJECT}/topics/${topic}:publish`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ messages: [{ data: Buffer.from(data).toString('base64'), attributes }] }),
    });
    expect(response.status).toBe(200);
  }

  const samples = SAMPLES.filter(({ source }) => messageSources().has(source));

  it.each(samples)('$source: $what', async ({ source, attributes = {}, subscription, body, event }) => {
    const name = subscription?.split('/').at(-1) ?? `gennaker-${source}`;
    const before = taken.length;
    await publish(name, attributes, JSON.stringify(body));
    const arrived = () => taken.slice(before).filter((one) => one.source === source);
    await expect.poll(arrived, PATIENCE).toMatchObject([event]);
  });

  it('a CloudEvent in binary mode, whose fields are attributes', async () => {
    const attributes = {
      'ce-specversion': '1.0',
      'ce-id': '1',
      'ce-source': '/builds',
      'ce-type': 'com.example.built',
      'ce-datacontenttype': 'application/json',
    };
    await publish('gennaker-pubsub-built', attributes, '{"tag":"1.2.3"}');
    const of = () => taken.filter((one) => one.type === 'message-arrived' && one.message.subscription === 'built');
    await expect.poll(of, PATIENCE).toHaveLength(1);
    const [event] = of();
    if (event?.type !== 'message-arrived') throw new Error('there is no message');
    expect(contentOf('cloudevents', event.message.data, event.message.attributes)).toMatchObject({
      data: { tag: '1.2.3' },
      attributes: { 'ce-type': 'com.example.built' },
    });
  });
});
