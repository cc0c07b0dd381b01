/** Delivers the messages of a subscription as Pub/Sub pushes them, many at once: its emulator has two pushes under way and no more. */
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';

/**
 * Pushes of one subscription that are under way at once. Pub/Sub itself begins with few and goes up to thousands; the
 * Firestore emulator answers more than these no sooner, and on a busy machine not within the time of a request.
 */
const PUSHES_AT_ONCE = 8;
/** As long as a subscription of infra/terraform waits for an answer. */
const ANSWER_WITHIN_MS = 90_000;
/** Google makes no new token for each push either. */
const TOKEN_KEPT_MS = 60_000;
/** Between two looks at a subscription that had nothing. */
const LOOK_AGAIN_MS = 20;

const pulled = z.object({
  receivedMessages: z
    .array(
      z.object({
        ackId: z.string(),
        message: z.object({
          messageId: z.string(),
          data: z.base64().default(''),
          attributes: z.record(z.string(), z.string()).default({}),
        }),
      }),
    )
    .default([]),
});
type Received = z.infer<typeof pulled>['receivedMessages'][number];

/** Where one subscription's messages go. */
type PumpRoute = {
  /** `127.0.0.1:<port>` of the emulator. */
  readonly host: string;
  readonly projectId: string;
  /** One without a push endpoint, of which nobody else takes messages. */
  readonly subscription: string;
  readonly functionUrl: string;
  /** A bearer token that the function takes. */
  sign(): Promise<string>;
};

type PushPump = {
  /** Resolves when nothing is under way. Throws what kept the pump from going on, where something did. */
  stop(): Promise<void>;
};

/** Any answer of 2xx acknowledges; every other, and none in time, has the message come again. */
export function startPushPump({ host, projectId, subscription, functionUrl, sign }: PumpRoute): PushPump {
  const place = `http://${host}/v1/projects/${projectId}/subscriptions/${subscription}`;
  const underWay = new Set<Promise<void>>();
  let isStopped = false;
  let failure: unknown;
  let token: { readonly text: Promise<string>; readonly madeAt: number } | undefined;
  const bearer = (): Promise<string> => {
    const now = performance.now();
    if (token === undefined || now - token.madeAt > TOKEN_KEPT_MS) token = { text: sign(), madeAt: now };
    return token.text;
  };
  const isTaken = async ({ message }: Received): Promise<boolean> => {
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${await bearer()}` };
    const body = JSON.stringify({ subscription, message });
    const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
    try {
      const answer = await fetch(functionUrl, { method: 'POST', headers, body, signal });
      await answer.arrayBuffer();
      return answer.ok;
    } catch {
      // The function is not there, or was too slow.
      return false;
    }
  };
  const deliver = async (received: Received): Promise<void> => {
    const ackIds = [received.ackId];
    if (await isTaken(received)) await call(`${place}:acknowledge`, { ackIds });
    else await call(`${place}:modifyAckDeadline`, { ackIds, ackDeadlineSeconds: 0 });
  };
  const pump = async (): Promise<void> => {
    while (!isStopped) {
      const maxMessages = PUSHES_AT_ONCE - underWay.size;
      if (maxMessages === 0) {
        await Promise.race(underWay);
        continue;
      }
      const answer = await call(`${place}:pull`, { maxMessages, returnImmediately: true });
      const { receivedMessages } = pulled.parse(answer);
      for (const received of receivedMessages) {
        const delivery = deliver(received).finally(() => underWay.delete(delivery));
        underWay.add(delivery);
      }
      if (receivedMessages.length === 0) await sleep(LOOK_AGAIN_MS);
    }
    await Promise.all(underWay);
  };
  const pumping = pump().catch((error: unknown) => {
    failure = error;
  });
  return {
    async stop() {
      isStopped = true;
      await pumping;
      if (failure !== undefined) throw new Error(`pushing from ${subscription} failed`, { cause: failure });
    },
  };
}

async function call(url: string, body: unknown): Promise<unknown> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`POST ${url}: the Pub/Sub emulator answered ${response.status} ${text}`);
  return JSON.parse(text);
}
