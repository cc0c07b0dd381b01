/** How long an execution takes on Firestore and Pub/Sub, beside the bare calls that it cannot do without. */

import { once } from 'node:events';
import { http } from '@google-cloud/functions-framework';
import { getTestServer } from '@google-cloud/functions-framework/testing';
import { deployed as deployedAdvance } from '../../functions/advance-execution.ts';
import { type Container, containerOf } from '../../functions/container.ts';
import type { Handler } from '../../functions/push.ts';
import { deployed as deployedNotify } from '../../functions/send-notifications.ts';
import { deployed as deployedStart } from '../../functions/start-executions.ts';
import { noCredentials } from '../../shared/adapters/google/no-credentials.ts';
import { jsonLog } from '../../shared/adapters/json-log.ts';
import { systemClock } from '../../shared/adapters/system-clock.ts';
import { stageKinds } from '../../shared/stages/registry.ts';
import { manualEvent } from '../../shared/triggers/manual/source.ts';
import { applyByHand } from '../../shared/use-cases/apply-by-hand.ts';
import { executionIdOf } from '../../shared/use-cases/engine.ts';
import { parseAnnouncement, sourceEventMessage, TOPICS, workTopic } from '../../shared/use-cases/messages.ts';
import { planReader } from '../../shared/use-cases/plans.ts';
import {
  hasFirestoreEmulator,
  hasPubSubEmulator,
  startCloudTasksEmulator,
  startFirestoreEmulator,
  startPubSubEmulator,
} from '../support/emulators.ts';
import { withFaults } from '../support/faults.ts';
import { createSubscription, createTopic } from '../support/pubsub-admin.ts';
import { startPushProxy } from '../support/push-proxy.ts';
import { startPushPump } from '../support/push-pump.ts';
import { BARE_TOPICS, type BareChain, type BareMessage, type BareTopic, bareChain } from './bare-chain.ts';
import { languageOf } from './language.ts';
import { atMost, type Effort, type Measure, measureOf, type Section } from './section.ts';
import { counting, emptyTally, publicationsTo, type Tally } from './tally.ts';

const PROJECT = 'demo-bench';
const AUDIENCE = 'gennaker';
const PUSHER = 'pusher@demo-bench.iam.gserviceaccount.com';
const QUEUE = { projectId: PROJECT, region: 'asia-northeast1', queue: 'wake-ups' } as const;
const PIPELINE = 'bench';
const STAGES = 3;
const MOST_TIMES = 1.5;
const GIVE_UP_MS = 60_000;
const EFFORTS = { full: { warmUps: 3, rounds: 30 }, brief: { warmUps: 1, rounds: 2 } } as const;
/** An execution may meet a delivery twice, which costs a call more; a systematic difference is one call in each. */
const MAXIMUM_DIFFERENCE = 0.5;

/** Waits of no time: stages that every installation has, and that succeed at once. */
const FILE = `
pipeline: ${PIPELINE}
team: bench
concurrency: { limit: 100 }
stages:
  stage_0: { uses: wait, with: { for: 0s } }
  stage_1: { uses: wait, with: { for: 0s }, needs: stage_0 }
  stage_2: { uses: wait, with: { for: 0s }, needs: stage_1 }
`;

type World = AsyncDisposable & {
  /** What one function is given: caches of its own, as in a process of its own. */
  freshContainer(): Container;
  readonly tally: Tally;
  readonly bare: BareChain;
  /** Serves the handler, and pushes to it what comes on the topic. `seen` hears of each message before the handler. */
  subscribe(topic: string, handler: Handler, seen: (data: string) => void): Promise<void>;
};

/**
 * `deliveries`: `pushed` by the emulator, which has two pushes of a subscription under way and no more; or `pumped`,
 * many at once, as Pub/Sub pushes, and then with the emulator of Cloud Tasks for the wake-ups that a crowd brings.
 */
export async function openWorld({ deliveries }: { deliveries: 'pushed' | 'pumped' }): Promise<World> {
  const isPumped = deliveries === 'pumped';
  await using parts = new AsyncDisposableStack();
  const [firestore, pubsub, proxy] = await Promise.all([
    startFirestoreEmulator(),
    startPubSubEmulator(),
    startPushProxy({ routes: {}, audience: AUDIENCE, email: PUSHER }),
  ]);
  for (const part of [firestore, pubsub, proxy]) parts.defer(() => part.stop());
  const tasks = isPumped ? await startCloudTasksEmulator({ queues: [QUEUE] }) : undefined;
  if (tasks !== undefined) parts.defer(() => tasks.stop());
  const real = containerOf({
    GENNAKER_PROJECT: PROJECT,
    GENNAKER_REGION: QUEUE.region,
    GENNAKER_AUDIENCE: AUDIENCE,
    GENNAKER_PUSHER: PUSHER,
    GENNAKER_QUEUE: QUEUE.queue,
    GENNAKER_PUBLIC_URL: 'http://127.0.0.1:1',
    GENNAKER_WAKE_URLS: JSON.stringify({ work: `${proxy.url}/${workTopic(undefined)}` }),
    GENNAKER_ISSUERS: JSON.stringify([{ issuer: proxy.issuer, jwksUrl: proxy.jwksUrl }]),
    FIRESTORE_EMULATOR_HOST: firestore.host,
    PUBSUB_EMULATOR_HOST: pubsub.host,
    CLOUD_TASKS_EMULATOR_HOST: tasks?.host,
  });
  parts.defer(() => real.google.close());
  const tally = emptyTally();

  const [{ Firestore }, { PubSub }] = await Promise.all([
    import('@google-cloud/firestore'),
    import('@google-cloud/pubsub'),
  ]);
  const credentials = await noCredentials();
  const clients = {
    firestore: new Firestore({ projectId: PROJECT, host: firestore.host, ssl: false, ...credentials }),
    pubsub: new PubSub({ projectId: PROJECT, apiEndpoint: pubsub.host, emulatorMode: true, ...credentials }),
  };
  parts.defer(() => clients.firestore.terminate());
  parts.defer(() => clients.pubsub.close());

  const at = { host: pubsub.host, projectId: PROJECT };
  await createTopic({ ...at, topic: TOPICS.deadLetters });
  const served = parts.use(new AsyncDisposableStack());
  const world = {
    freshContainer: () => counted(real, tally),
    tally,
    bare: bareChain({ ...clients, stages: STAGES }),
    async subscribe(topic: string, handler: Handler, seen: (data: string) => void) {
      const name = `bench-${topic}`;
      http(name, async (request, response) => {
        seen(dataOf(request.rawBody));
        await handler(request, response);
      });
      const server = getTestServer(name).listen(0, '127.0.0.1');
      await once(server, 'listening');
      served.defer(() => {
        server.closeAllConnections();
        server.close();
      });
      const address = server.address();
      if (address === null || typeof address === 'string') throw new Error(`the function of ${topic} has no port`);
      const functionUrl = `http://127.0.0.1:${address.port}/`;
      proxy.route(`/${topic}`, functionUrl);
      await createTopic({ ...at, topic });
      await createSubscription({
        ...at,
        topic,
        subscription: topic,
        pushUrl: isPumped ? undefined : `${proxy.url}/${topic}`,
        ackDeadlineSeconds: 90,
      });
      if (!isPumped) return;
      const pump = startPushPump({ ...at, subscription: topic, functionUrl, sign: () => proxy.sign() });
      served.defer(() => pump.stop());
    },
  };
  const kept = parts.move();
  return { ...world, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

/** The container with every call of its adapters counted, and with its log written to nowhere. */
function counted(container: Container, tally: Tally): Container {
  const { state } = container;
  const { close, ...ports } = container.google;
  const google = { ...withFaults(ports, counting(tally)).ports, close };
  const log = jsonLog({ write: () => undefined, now: systemClock.now, projectId: PROJECT });
  const { executions, bus, wakeUps, blobs } = google;
  return { ...container, google, log, state: { ...state, executions, bus, wakeUps, log, plans: planReader(blobs) } };
}

/** The data of the message in a push's body. */
function dataOf(rawBody: Buffer | undefined): string {
  const { message } = JSON.parse(rawBody?.toString('utf8') ?? '{}') as { message?: { data?: string } };
  return Buffer.from(message?.data ?? '', 'base64').toString('utf8');
}

/** Resolves each run's promise when its end is seen. */
class Ends {
  readonly #waiting = new Map<string, () => void>();

  seen(run: string): void {
    this.#waiting.get(run)?.();
  }

  /** How long `start` and all that it causes took until the end of `run` was seen, in ms. */
  async time(run: string, start: () => Promise<void>): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.set(run, resolve);
    const cancel = systemClock.after(GIVE_UP_MS, () => reject(new Error(`${run} took longer than ${GIVE_UP_MS} ms`)));
    const startedAt = performance.now();
    try {
      await start();
      await promise;
      return performance.now() - startedAt;
    } finally {
      cancel();
      this.#waiting.delete(run);
    }
  }
}

/** The functions that an event goes through. `ends` hears of each execution that has ended, at least once. */
export async function subscribeOurs(
  { freshContainer, subscribe }: World,
  ends: { seen(execution: string): void },
): Promise<void> {
  const unseen = (): void => undefined;
  await subscribe(TOPICS.events, await deployedStart(freshContainer()), unseen);
  await subscribe(workTopic(undefined), await deployedAdvance(freshContainer()), unseen);
  await subscribe(TOPICS.transitions, await deployedNotify(freshContainer()), (data) => {
    const { execution, transitions } = parseAnnouncement({ data, attributes: {} });
    if (transitions.some(({ is }) => is === 'ended')) ends.seen(execution);
  });
  const { pipelines, blobs, templates, repositories } = freshContainer().google;
  const applied = await applyByHand(
    { pipelines, blobs, repositories, ...languageOf({ templates, blobs }), kinds: stageKinds(), clock: systemClock },
    { file: 'bench.yaml', text: FILE, files: {}, by: 'bench' },
  );
  if (applied.is === 'refused') throw new Error(applied.problems.map(({ message }) => message).join('; '));
}

async function subscribeBare({ bare, subscribe }: World, ends: Ends): Promise<void> {
  for (const [name, topic] of Object.entries(BARE_TOPICS) as [BareTopic, string][]) {
    const handler: Handler = async (request, response) => {
      await bare.take(name, JSON.parse(dataOf(request.rawBody)) as BareMessage);
      response.status(204).end();
    };
    await subscribe(topic, handler, (data) => {
      const { run, isEnd } = JSON.parse(data) as BareMessage;
      if (isEnd) ends.seen(run);
    });
  }
  await bare.prepare();
}

async function run(effort: Effort): Promise<readonly Measure[]> {
  const { warmUps, rounds } = EFFORTS[effort];
  await using world = await openWorld({ deliveries: 'pushed' });
  const ends = new Ends();
  await subscribeOurs(world, ends);
  await subscribeBare(world, ends);
  const { freshContainer, bare, tally } = world;
  const { bus } = freshContainer().google;
  const before = { ours: callsOf(tally), bare: { ...bare.calls } };

  const runOurs = (round: number): Promise<number> => {
    // A push brings a new image, and with it a new plan; so does an input that was never given before.
    const asked = { pipeline: PIPELINE, inputs: { round }, images: {} };
    const event = manualEvent({ asked, request: `bench-round-${round}`, by: 'bench', at: systemClock.now() });
    const start = () => bus.publish({ topic: TOPICS.events, messages: [sourceEventMessage(event, event)] });
    return ends.time(executionIdOf(PIPELINE, event.id), start);
  };
  const ours: number[] = [];
  const floor: number[] = [];
  for (let round = 0; round < warmUps + rounds; round += 1) {
    const own = await runOurs(round);
    const bareMs = await ends.time(`round-${round}`, () => bare.start(`round-${round}`));
    if (round < warmUps) continue;
    ours.push(own);
    floor.push(bareMs);
  }
  // What follows the last end is under way still.
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const perRun = (now: Calls, then: Calls): Calls => {
    const each = (key: keyof Calls): number => (now[key] - then[key]) / (warmUps + rounds);
    return { gets: each('gets'), commits: each('commits'), publications: each('publications') };
  };
  const counts = { ours: perRun(callsOf(tally), before.ours), bare: perRun(bare.calls, before.bare) };
  return [
    measureOf(`event published to end of ${STAGES} stages announced`, 'ms', ours),
    measureOf('the equal chain of bare calls', 'ms', floor),
    measureOf(
      'ours to the bare chain',
      '×',
      ours.map((own, index) => own / (floor[index] ?? Number.NaN)),
      atMost(MOST_TIMES),
    ),
    ...(['gets', 'commits', 'publications'] as const).map((call) => compared(call, counts.ours, counts.bare)),
  ];
}

type Calls = BareChain['calls'];

/** What of our adapters' calls is a get, a commit and a publication of the libraries. */
function callsOf(tally: Tally): Calls {
  const other = (...names: readonly string[]): number =>
    names.reduce((sum, name) => sum + (tally.others.get(name) ?? 0), 0);
  return {
    gets: tally.reads + other('pipelines.get', 'blobs.get'),
    commits: tally.commits + other('blobs.put', 'inbox.record', 'history.record'),
    publications: [...tally.topics.keys()].reduce((sum, topic) => sum + publicationsTo(tally, topic), 0),
  };
}

/** Throws where the chain has come to differ from what an execution asks: then the ratio would say nothing. */
function compared(call: keyof Calls, ours: Calls, bare: Calls): Measure {
  if (Math.abs(ours[call] - bare[call]) > MAXIMUM_DIFFERENCE) {
    throw new Error(
      `an execution makes ${ours[call]} ${call}, the bare chain ${bare[call]}; make the chain equal again`,
    );
  }
  return { name: `${call} of an execution (bare: ${bare[call].toFixed(1)})`, unit: call, value: ours[call] };
}

export const google: Section = {
  name: 'google',
  about: 'the deployed functions on the emulators of Firestore and Pub/Sub',
  needs: [
    { name: 'the Firestore emulator', isHere: hasFirestoreEmulator },
    { name: 'the Pub/Sub emulator', isHere: hasPubSubEmulator },
  ],
  run,
};
