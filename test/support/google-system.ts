/** The whole system as it is deployed: every function served by functions-framework's own program, on the emulators. */
import { createRequire } from 'node:module';
import { TOPICS, workTopic } from '../../shared/use-cases/messages.ts';
import {
  freePort,
  hasCloudTasksEmulator,
  hasFirestoreEmulator,
  hasPubSubEmulator,
  startCloudTasksEmulator,
  startFirestoreEmulator,
  startPubSubEmulator,
} from './emulators.ts';
import { type Face, faceOf } from './face.ts';
import { type Environment, plainEnvironment, ROOT, type Started, startProcess } from './processes.ts';
import { createSubscription, createTopic } from './pubsub-admin.ts';
import { type PulledMessage, publishTo, pullFrom } from './pubsub-pull.ts';
import { type PushProxy, startPushProxy } from './push-proxy.ts';
import { until } from './until.ts';

export const FUNCTIONS = [
  'receive-webhook',
  'receive-message',
  'tick',
  'start-executions',
  'sync-repositories',
  'advance-execution',
  'send-notifications',
  'serve-api',
] as const;
export type FunctionName = (typeof FUNCTIONS)[number];

const PROJECT = 'demo-e2e';
const REGION = 'asia-northeast1';
const QUEUE = 'wake-ups';
const AUDIENCE = 'gennaker';
const PUSHER = 'pusher@demo-e2e.iam.gserviceaccount.com';
const API_TOKEN = 'api-token-of-the-test';
const HOOK_SECRET = 'hook-secret-of-the-test';
/** The topic on which Artifact Registry tells of images. */
const REGISTRY_TOPIC = 'gcr';

/** Shorter than deployed, so that what a killed function held is taken up in seconds. Pub/Sub's shortest deadline is 10 s. */
const TIMING: Environment = {
  GENNAKER_STEP_MS: '6000',
  GENNAKER_LEASE_MS: '8000',
  GENNAKER_ACKNOWLEDGEMENT_MS: '9500',
};
const ACK_DEADLINE_SECONDS = 10;
const MAXIMUM_DELIVERIES = 20;
/** The message of a sender that was killed waits for its lease of a minute, and refusals come back after a second here. */
const MAXIMUM_NOTIFICATION_DELIVERIES = 100;
/** Cloud Scheduler does so once a minute. */
const TICK_EVERY_MS = 3_000;
const READY_WITHIN_MS = 60_000;
const PROGRAM = createRequire(import.meta.url)
  .resolve('@google-cloud/functions-framework')
  .replace(/index\.js$/, 'main.js');

export type GoogleSystem = Face & {
  readonly hook: { readonly url: string; readonly secret: string };
  readonly proxy: PushProxy;
  urlOf(name: FunctionName): string;
  /** What the function's processes have logged, those that were killed included. */
  logOf(name: FunctionName): readonly { readonly [field: string]: unknown }[];
  kill(name: FunctionName): Promise<void>;
  start(name: FunctionName): Promise<void>;
  /** All that `notifyTopic` has carried. */
  notified(): Promise<readonly PulledMessage[]>;
  /** Publishes as Artifact Registry does. */
  publishPush(message: object): Promise<void>;
  stop(): Promise<void>;
};

/** Whether all three emulators can be started; where not, the reason is reported. */
export function hasEmulators(): boolean {
  return [hasFirestoreEmulator(), hasPubSubEmulator(), hasCloudTasksEmulator()].every(Boolean);
}

/** `env` goes to every function, beside what says where its ports are. */
export async function startGoogleSystem(options: {
  readonly targets: { readonly [name: string]: { readonly kubeconfig: string; readonly context: string } };
  readonly notifyTopic: string;
  readonly env: Environment;
}): Promise<GoogleSystem> {
  await using parts = new AsyncDisposableStack();
  const [firestore, pubsub, cloudTasks, proxy] = await Promise.all([
    startFirestoreEmulator(),
    startPubSubEmulator(),
    startCloudTasksEmulator({ queues: [{ projectId: PROJECT, region: REGION, queue: QUEUE }] }),
    startPushProxy({ routes: {}, audience: AUDIENCE, email: PUSHER }),
  ]);
  for (const part of [firestore, pubsub, cloudTasks, proxy]) parts.defer(() => part.stop());

  const ports = new Map<FunctionName, number>();
  for (const name of FUNCTIONS) ports.set(name, await freePort());
  const urlOf = (name: FunctionName): string => `http://127.0.0.1:${ports.get(name)}`;
  for (const name of FUNCTIONS) proxy.route(`/${name}`, urlOf(name));
  const env = plainEnvironment({
    ...TIMING,
    FIRESTORE_EMULATOR_HOST: firestore.host,
    PUBSUB_EMULATOR_HOST: pubsub.host,
    CLOUD_TASKS_EMULATOR_HOST: cloudTasks.host,
    GENNAKER_PROJECT: PROJECT,
    GENNAKER_REGION: REGION,
    GENNAKER_AUDIENCE: AUDIENCE,
    GENNAKER_PUSHER: PUSHER,
    GENNAKER_QUEUE: QUEUE,
    GENNAKER_PUBLIC_URL: urlOf('serve-api'),
    GENNAKER_WAKE_URLS: JSON.stringify({ work: urlOf('advance-execution') }),
    GENNAKER_ISSUERS: JSON.stringify([proxy, cloudTasks].map(({ issuer, jwksUrl }) => ({ issuer, jwksUrl }))),
    GENNAKER_TARGETS: JSON.stringify(options.targets),
    GENNAKER_SECRET_API_TOKEN: API_TOKEN,
    GENNAKER_SECRET_DOCKER_DISTRIBUTION_WEBHOOK: HOOK_SECRET,
    ...options.env,
  });

  const at = { host: pubsub.host, projectId: PROJECT };
  await subscribe({ at, proxy, targets: Object.keys(options.targets) });
  const notified = await pullFrom({ ...at, topic: options.notifyTopic });

  const running = new Map<FunctionName, Started>();
  const before = new Map<FunctionName, string[]>();
  const start = async (name: FunctionName): Promise<void> => {
    const args = [PROGRAM, `--target=${name}`, `--source=${ROOT}`, `--port=${ports.get(name)}`];
    const started = startProcess(process.execPath, args, { env: { ...env, FUNCTION_TARGET: name } });
    running.set(name, started);
    await ready(name, started, urlOf(name));
  };
  const kill = async (name: FunctionName): Promise<void> => {
    const killed = running.get(name);
    await killed?.kill();
    before.set(name, [...(before.get(name) ?? []), ...(killed?.lines() ?? [])]);
    running.delete(name);
  };
  parts.defer(async () => {
    await Promise.all([...running.values()].map((one) => one.kill()));
  });
  await Promise.all(FUNCTIONS.map(start));
  parts.use(ticking(proxy));

  const kept = parts.move();
  return {
    ...faceOf({ url: urlOf('serve-api'), token: API_TOKEN }),
    hook: { url: `${urlOf('receive-webhook')}/hooks/docker-distribution`, secret: HOOK_SECRET },
    proxy,
    urlOf,
    logOf: (name) => [...(before.get(name) ?? []), ...(running.get(name)?.lines() ?? [])].flatMap(parsed),
    kill,
    start,
    notified,
    publishPush: (message) => publishTo({ ...at, topic: REGISTRY_TOPIC, data: JSON.stringify(message) }),
    stop: () => kept.disposeAsync(),
  };
}

/** The topics and subscriptions that infra/terraform makes. */
async function subscribe(command: {
  at: { readonly host: string; readonly projectId: string };
  proxy: PushProxy;
  targets: readonly string[];
}): Promise<void> {
  const { at, proxy, targets } = command;
  const work = [undefined, ...targets].map(workTopic);
  for (const topic of [...Object.values(TOPICS), ...work, REGISTRY_TOPIC]) await createTopic({ ...at, topic });
  const push = (topic: string, to: FunctionName, name: string) =>
    createSubscription({
      ...at,
      topic,
      subscription: `gennaker-${name}`,
      pushUrl: `${proxy.url}/${to}`,
      ackDeadlineSeconds: ACK_DEADLINE_SECONDS,
      ...(topic === TOPICS.deadLetters
        ? {}
        : {
            deadLetters: {
              topic: TOPICS.deadLetters,
              after: topic === TOPICS.transitions ? MAXIMUM_NOTIFICATION_DELIVERIES : MAXIMUM_DELIVERIES,
            },
          }),
    });
  await push(TOPICS.events, 'start-executions', 'start-executions-events');
  await push(TOPICS.events, 'sync-repositories', 'sync-repositories-events');
  await push(TOPICS.transitions, 'send-notifications', 'send-notifications-transitions');
  await push(TOPICS.transitions, 'start-executions', 'start-executions-transitions');
  await push(TOPICS.deadLetters, 'advance-execution', 'dead-letters');
  await push(REGISTRY_TOPIC, 'receive-message', 'artifact-registry');
  for (const topic of work) await push(topic, 'advance-execution', topic);
}

/** What Cloud Scheduler does. A tick that fails is followed by another. */
function ticking(proxy: PushProxy): Disposable {
  const tick = async (): Promise<void> => {
    const body = JSON.stringify({ message: { messageId: 'tick' }, subscription: 'tick' });
    await fetch(`${proxy.url}/tick`, { method: 'POST', body }).catch(() => undefined);
  };
  const timer = setInterval(tick, TICK_EVERY_MS);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

async function ready(name: FunctionName, started: Started, url: string): Promise<void> {
  const look = async (): Promise<boolean | undefined> => {
    if (started.end() !== undefined) return false;
    // Any answer will do: no function takes a GET of this path.
    const response = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(10_000) });
    return response.status > 0;
  };
  const state = () => started.lines().join('\n');
  if (await until(name, look, { withinMs: READY_WITHIN_MS, state })) return;
  throw new Error(`${name} has ended while it started:\n${state()}`);
}

function parsed(line: string): { [field: string]: unknown }[] {
  return line.startsWith('{') ? [JSON.parse(line) as { [field: string]: unknown }] : [];
}
