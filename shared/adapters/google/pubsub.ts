/** The bus on Pub/Sub: each publication is sent at once and awaited, because a function's CPU is taken away once it has answered. */
import type { Bus } from '../../ports/bus.ts';
import { lazily } from './lazily.ts';
import { noCredentials } from './no-credentials.ts';
import { failureOf, STATUS, statusOf } from './status.ts';

/** Pub/Sub takes 10 MB in a request; a margin for what stands around the data. */
const MAXIMUM_BYTES_IN_A_REQUEST = 9_000_000;
/** For the request and its repetitions together. */
const PUBLISH_TIMEOUT_MS = 20_000;

type PubSubOptions = {
  readonly projectId: string;
  /** `127.0.0.1:<port>` of an emulator that stands in for Google. */
  readonly emulator?: string | undefined;
};

export function openPubSub({ projectId, emulator }: PubSubOptions): Bus & { close(): Promise<void> } {
  const client = lazily({
    async make() {
      const { PubSub } = await import('@google-cloud/pubsub');
      const place =
        emulator === undefined ? {} : { apiEndpoint: emulator, emulatorMode: true, ...(await noCredentials()) };
      return new PubSub({ projectId, ...place });
    },
    end: (pubsub) => pubsub.close(),
  });
  return {
    async publish({ topic, messages }) {
      if (messages.length === 0) return;
      const encoded = messages.map(({ data, attributes }) => ({ data: Buffer.from(data, 'utf8'), attributes }));
      for (const { data } of encoded) checkSize(topic, data.length);
      const publisher = (await client.get()).topic(topic, {
        // The last of the messages makes the batch full, and a full batch does not wait for more.
        batching: { maxMessages: messages.length, maxBytes: MAXIMUM_BYTES_IN_A_REQUEST, maxMilliseconds: 0 },
        gaxOpts: { timeout: PUBLISH_TIMEOUT_MS },
      });
      try {
        await Promise.all(encoded.map((message) => publisher.publishMessage(message)));
      } catch (error) {
        if (statusOf(error) !== STATUS.NOT_FOUND) throw failureOf(`publishing to topic ${topic}`, error);
        throw new Error(`there is no topic ${topic} in project ${projectId}; infra/terraform creates it`, {
          cause: error,
        });
      }
    },
    close: () => client.close(),
  };
}

function checkSize(topic: string, bytes: number): void {
  if (bytes <= MAXIMUM_BYTES_IN_A_REQUEST) return;
  throw new Error(
    `a message to topic ${topic} has ${bytes} bytes, over the limit of ${MAXIMUM_BYTES_IN_A_REQUEST}; put its content into a blob`,
  );
}
