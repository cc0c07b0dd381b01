/** Wake-ups on Cloud Tasks: one named task each, which arrives at a function in the shape of a Pub/Sub push. */
import type { Clock } from '../../ports/clock.ts';
import type { Random } from '../../ports/random.ts';
import type { WakeUps } from '../../ports/wake-ups.ts';
import { type AccessToken, emulatorAccessToken, googleAccessToken } from './access-token.ts';
import { hashedId } from './document-id.ts';
import { GoogleApi, hasStatus } from './rest.ts';

const DAY_MS = 24 * 60 * 60_000;
/** Cloud Tasks takes up to 30 days. A wake-up that comes earlier than asked for finds nothing to do and asks again. */
const MAXIMUM_DELAY_MS = 29 * DAY_MS;
/** As long as Pub/Sub waits for an acknowledgement of the same work. */
const DISPATCH_DEADLINE = '90s';
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
  readonly random?: Random;
  /** `127.0.0.1:<port>` of an emulator that stands in for Google. */
  readonly emulator?: string | undefined;
};

export function openCloudTasks(options: CloudTasksOptions): WakeUps {
  const { projectId, region, targets, clock, random, emulator } = options;
  const token: AccessToken = emulator === undefined ? googleAccessToken({ clock }) : emulatorAccessToken;
  const api = new GoogleApi({ token, clock, ...(random === undefined ? {} : { random }) });
  const origin = emulator === undefined ? 'https://cloudtasks.googleapis.com' : `http://${emulator}`;
  const queue = `projects/${projectId}/locations/${region}/queues/${targets.queue}`;
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
        ...(at <= now ? {} : { scheduleTime: new Date(Math.min(at, now + MAXIMUM_DELAY_MS)).toISOString() }),
        dispatchDeadline: DISPATCH_DEADLINE,
        httpRequest: {
          httpMethod: 'POST',
          url: urlOf(targets, topic),
          headers: { 'content-type': 'application/json' },
          body: Buffer.from(JSON.stringify(push), 'utf8').toString('base64'),
          oidcToken: { serviceAccountEmail: targets.serviceAccount, audience: targets.audience },
        },
      };
      try {
        await api.callRepeatedly({
          doing: `scheduling wake-up ${name} for topic ${topic}`,
          url: `${origin}/v2/${queue}/tasks`,
          body: { task },
        });
      } catch (error) {
        if (!hasStatus(error, TAKEN)) throw error;
      }
    },
  };
}

/** The name was used before: the wake-up is scheduled, or was delivered. */
const TAKEN: ReadonlySet<string> = new Set(['ALREADY_EXISTS']);

function urlOf({ urls }: WakeUpTargets, topic: string): string {
  const url = urls[topic] ?? (topic.startsWith(LANE_PREFIX) ? urls.work : undefined);
  if (url !== undefined) return url;
  throw new Error(
    `no URL is configured for wake-ups of topic ${topic}; there are those of ${Object.keys(urls).join(', ')}`,
  );
}
