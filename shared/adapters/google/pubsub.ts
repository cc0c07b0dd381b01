/** The bus on Pub/Sub: each publication is one awaited request, because a function's CPU is taken away once it has answered. */
import type { Bus, Message } from '../../ports/bus.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Random } from '../../ports/random.ts';
import { emulatorAccessToken, googleAccessToken } from './access-token.ts';
import { GoogleApi, GoogleApiError } from './rest.ts';

/** Pub/Sub's own limits for one request are 1,000 messages and 10 MB; base64 and JSON take their part of those. */
const MAXIMUM_MESSAGES_IN_A_REQUEST = 1_000;
const MAXIMUM_BYTES_IN_A_REQUEST = 9_000_000;
const BYTES_AROUND_A_MESSAGE = 200;

type PubSubOptions = {
  readonly projectId: string;
  readonly clock: Clock;
  readonly random?: Random;
  /** `127.0.0.1:<port>` of an emulator that stands in for Google. */
  readonly emulator?: string | undefined;
};

type RawMessage = { readonly data: string; readonly attributes: Message['attributes'] };

export function openPubSub({ projectId, clock, random, emulator }: PubSubOptions): Bus {
  const api = new GoogleApi({
    token: emulator === undefined ? googleAccessToken({ clock }) : emulatorAccessToken,
    clock,
    ...(random === undefined ? {} : { random }),
  });
  const origin = emulator === undefined ? 'https://pubsub.googleapis.com' : `http://${emulator}`;
  return {
    async publish({ topic, messages }) {
      for (const batch of batchesOf(topic, messages)) {
        const url = `${origin}/v1/projects/${projectId}/topics/${topic}:publish`;
        try {
          await api.callRepeatedly({ doing: `publishing to topic ${topic}`, url, body: { messages: batch } });
        } catch (error) {
          if (!(error instanceof GoogleApiError && error.status === 'NOT_FOUND')) throw error;
          throw new Error(`there is no topic ${topic} in project ${projectId}; infra/terraform creates it`, {
            cause: error,
          });
        }
      }
    },
  };
}

function batchesOf(topic: string, messages: readonly Message[]): RawMessage[][] {
  const batches: RawMessage[][] = [];
  let batch: RawMessage[] = [];
  let bytes = 0;
  for (const { data, attributes } of messages) {
    const raw = { data: Buffer.from(data, 'utf8').toString('base64'), attributes };
    const size = raw.data.length + Buffer.byteLength(JSON.stringify(attributes)) + BYTES_AROUND_A_MESSAGE;
    if (size > MAXIMUM_BYTES_IN_A_REQUEST) {
      throw new Error(
        `a message to topic ${topic} takes ${size} bytes, over the limit of ${MAXIMUM_BYTES_IN_A_REQUEST}; put its content into a blob`,
      );
    }
    const isFull = batch.length === MAXIMUM_MESSAGES_IN_A_REQUEST || bytes + size > MAXIMUM_BYTES_IN_A_REQUEST;
    if (batch.length === 0 || isFull) {
      batch = [];
      bytes = 0;
      batches.push(batch);
    }
    batch.push(raw);
    bytes += size;
  }
  return batches;
}
