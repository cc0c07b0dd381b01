/** A subscriber from outside: pulls what a topic of the Pub/Sub emulator carries, and keeps it. */
import { z } from 'zod';
import { createTopic } from './pubsub-admin.ts';

const MAXIMUM_PULLED = 100;
const ACK_DEADLINE_SECONDS = 60;

const pulled = z.object({
  receivedMessages: z
    .array(z.object({ ackId: z.string(), message: z.object({ data: z.base64(), messageId: z.string() }) }))
    .default([]),
});

export type PulledMessage = { readonly data: string; readonly messageId: string };

/** Makes the topic and a subscription of it. What the returned function resolves to are all messages so far, oldest first. */
export async function pullFrom(place: {
  readonly host: string;
  readonly projectId: string;
  readonly topic: string;
}): Promise<() => Promise<readonly PulledMessage[]>> {
  const { host, projectId, topic } = place;
  await createTopic(place);
  const subscription = `http://${host}/v1/projects/${projectId}/subscriptions/${topic}-pulled`;
  await call('PUT', subscription, {
    topic: `projects/${projectId}/topics/${topic}`,
    ackDeadlineSeconds: ACK_DEADLINE_SECONDS,
  });
  const all: PulledMessage[] = [];
  return async () => {
    const answer = await call('POST', `${subscription}:pull`, { maxMessages: MAXIMUM_PULLED, returnImmediately: true });
    const { receivedMessages } = pulled.parse(answer);
    if (receivedMessages.length > 0) {
      await call('POST', `${subscription}:acknowledge`, { ackIds: receivedMessages.map(({ ackId }) => ackId) });
    }
    for (const { message } of receivedMessages) {
      all.push({ data: Buffer.from(message.data, 'base64').toString('utf8'), messageId: message.messageId });
    }
    return all;
  };
}

/** Publishes one message, as a system from outside would. */
export async function publishTo(place: {
  readonly host: string;
  readonly projectId: string;
  readonly topic: string;
  readonly data: string;
}): Promise<void> {
  const { host, projectId, topic, data } = place;
  await call('POST', `http://${host}/v1/projects/${projectId}/topics/${topic}:publish`, {
    messages: [{ data: Buffer.from(data, 'utf8').toString('base64') }],
  });
}

async function call(method: 'PUT' | 'POST', url: string, body: unknown): Promise<unknown> {
  const response = await fetch(url, {
    method,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${url}: the Pub/Sub emulator answered ${response.status} ${text}`);
  return JSON.parse(text);
}
