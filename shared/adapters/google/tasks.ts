/** Wake-ups on Cloud Tasks: one named task each, which arrives at a function in the shape of a Pub/Sub push. */
import type { Clock } from '../../ports/clock.ts';
import type { WakeUps } from '../../ports/wake-ups.ts';
import { hashedId } from './document-id.ts';
import { lazily } from './lazily.ts';
import { noCredentials } from './no-credentials.ts';
import { failureOf, STATUS, statusOf, TRANSIENT } from './status.ts';

const DAY_MS = 24 * 60 * 60_000;
/** Cloud Tasks takes up to 30 days. A wake-up that comes earlier than asked for finds nothing to do and asks again. */
const MAXIMUM_DELAY_MS = 29 * DAY_MS;
/** As long as Pub/Sub waits for an acknowledgement of the same work. */
const DISPATCH_DEADLINE_SECONDS = 90;
/** For the request and its repetitions together. */
const SCHEDULE_TIMEOUT_MS = 20_000;
/** Stands in the push body where Pub/Sub names its subscription. */
const SUBSCRIPTION = 'wake-ups';
const LANE_PREFIX = 'work-';

export type WakeUpTargets = {
  readonly queue: string;
  /** The URL of the function that subscribes to each topic. That of `work` serves every lane `work-<target>` too. */
  readonly urls: { readonly [topic: string]: string };
  /** As whom the tasks call: an OIDC token of this service account for this audience. */
  readonly serviceAccount: string;
  readonly audience: string;
};

type CloudTasksOptions = {
  readonly projectId: string;
  readonly region: string;
  readonly targets: WakeUpTargets;
  readonly clock: Clock;
  /** `127.0.0.1:<port>` of an emulator that stands in for Google. */
  readonly emulator?: string | undefined;
};

export function openCloudTasks(options: CloudTasksOptions): WakeUps & { close(): Promise<void> } {
  const { projectId, region, targets, clock, emulator } = options;
  const queue = `projects/${projectId}/locations/${region}/queues/${targets.queue}`;
  const client = lazily({
    async make() {
      const { CloudTasksClient } = await import('@google-cloud/tasks');
      return new CloudTasksClient({ projectId, ...(emulator === undefined ? {} : await emulated(emulator)) });
    },
    end: (tasks) => tasks.close(),
  });
  return {
    async schedule({ name, at, topic, message }) {
      const messageId = hashedId(name);
      const now = clock.now();
      const push = {
        message: {
          data: Buffer.from(message.data, 'utf8').toString('base64'),
          attributes: message.attributes,
          messageId,
        },
        subscription: SUBSCRIPTION,
      };
      const task = {
        name: `${queue}/tasks/${messageId}`,
        ...(at <= now ? {} : { scheduleTime: timestampOf(Math.min(at, now + MAXIMUM_DELAY_MS)) }),
        dispatchDeadline: { seconds: DISPATCH_DEADLINE_SECONDS },
        httpRequest: {
          httpMethod: 'POST' as const,
          url: urlOf(targets, topic),
          headers: { 'content-type': 'application/json' },
          body: Buffer.from(JSON.stringify(push), 'utf8'),
          oidcToken: { serviceAccountEmail: targets.serviceAccount, audience: targets.audience },
        },
      };
      const tasks = await client.get();
      try {
        // The library repeats no creation by itself, because it cannot know that this task has a name.
        const retry = { retryCodes: [...TRANSIENT] };
        await tasks.createTask({ parent: queue, task }, { timeout: SCHEDULE_TIMEOUT_MS, retry });
      } catch (error) {
        // The name was used before: the wake-up is scheduled, or was delivered.
        if (statusOf(error) === STATUS.ALREADY_EXISTS) return;
        throw failureOf(`scheduling wake-up ${name} for topic ${topic}`, error);
      }
    },
    close: () => client.close(),
  };
}

async function emulated(host: string) {
  const { grpc } = await import('google-gax');
  const [apiEndpoint = '', port] = host.split(':');
  return {
    apiEndpoint,
    port: Number(port),
    sslCreds: grpc.credentials.createInsecure(),
    ...(await noCredentials()),
  };
}

function timestampOf(at: number): { seconds: number; nanos: number } {
  const ms = Math.ceil(at);
  return { seconds: Math.floor(ms / 1000), nanos: (ms % 1000) * 1_000_000 };
}

function urlOf({ urls }: WakeUpTargets, topic: string): string {
  const url = urls[topic] ?? (topic.startsWith(LANE_PREFIX) ? urls.work : undefined);
  if (url !== undefined) return url;
  throw new Error(
    `no URL is configured for wake-ups of topic ${topic}; there are those of ${Object.keys(urls).join(', ')}`,
  );
}
