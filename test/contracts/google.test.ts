/** The contract suites on the Google adapters, against the emulators; and what only these adapters can do wrong. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { http } from '@google-cloud/functions-framework';
import { getTestServer } from '@google-cloud/functions-framework/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pushEndpoint, verifyOidc } from '../../functions/push.ts';
import { openFirestore } from '../../shared/adapters/google/firestore.ts';
import { type Google, openGoogle } from '../../shared/adapters/google/index.ts';
import { systemClock } from '../../shared/adapters/system-clock.ts';
import { documentParsers } from '../../shared/use-cases/documents.ts';
import {
  type CloudTasksEmulator,
  type Emulator,
  hasCloudTasksEmulator,
  hasFirestoreEmulator,
  hasPubSubEmulator,
  startCloudTasksEmulator,
  startFirestoreEmulator,
  startPubSubEmulator,
} from '../support/emulators.ts';
import { createSubscription, createTopic, deleteSubscription } from '../support/pubsub-admin.ts';
import { type PushProxy, startPushProxy } from '../support/push-proxy.ts';
import { describeBlobs } from './blobs.contract.ts';
import { DEAD_LETTER_AFTER, describeBus, type Handler } from './bus.contract.ts';
import { describeLocks, describeNotificationStates } from './cells.contract.ts';
import { describeExecutionStore } from './execution-store.contract.ts';
import { describeHistory } from './history.contract.ts';
import { describeInbox } from './inbox.contract.ts';
import { describePipelines } from './pipelines.contract.ts';
import { describeProgressBoard } from './progress.contract.ts';
import { type MakeAdapter, sampleExecution, sampleRun, unique } from './samples.ts';
import { describeWakeUps } from './wake-ups.contract.ts';

const NAME = 'google';
const PROJECT = 'demo-contracts';
const REGION = 'asia-northeast1';
const QUEUE = 'wake-ups';
const AUDIENCE = 'gennaker';
const PUSHER = 'pusher@demo-contracts.iam.gserviceaccount.com';
const FUNCTION = 'contract-push';

/** Everything that one run of this file shares. */
type World = {
  readonly firestore: Emulator;
  readonly pubsub: Emulator;
  readonly cloudTasks: CloudTasksEmulator;
  readonly proxy: PushProxy;
  /** Where the function under each path is. */
  readonly functionUrl: string;
  readonly wakeUpUrls: { [topic: string]: string };
  stop(): Promise<void>;
};

type Endpoint = ReturnType<typeof pushEndpoint>;
const endpoints = new Map<string, Endpoint>();
let world: World;

async function startWorld(): Promise<World> {
  const [firestore, pubsub, cloudTasks, proxy] = await Promise.all([
    startFirestoreEmulator(),
    startPubSubEmulator(),
    startCloudTasksEmulator({ queues: [{ projectId: PROJECT, region: REGION, queue: QUEUE }] }),
    startPushProxy({ routes: {}, audience: AUDIENCE, email: PUSHER }),
  ]);
  http(FUNCTION, (request, response) => {
    const endpoint = endpoints.get(request.path);
    if (endpoint === undefined) {
      response.status(404).end();
      return undefined;
    }
    return endpoint(request, response);
  });
  const server = getTestServer(FUNCTION).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the function has no port');
  return {
    firestore,
    pubsub,
    cloudTasks,
    proxy,
    functionUrl: `http://127.0.0.1:${address.port}`,
    wakeUpUrls: {},
    async stop() {
      server.closeAllConnections();
      server.close();
      await Promise.all([firestore, pubsub, cloudTasks, proxy].map((part) => part.stop()));
    },
  };
}

const of =
  <T>(pick: (google: Google) => T): MakeAdapter<T> =>
  async () => {
    const google = openGoogle({
      projectId: PROJECT,
      region: REGION,
      wakeUps: { queue: QUEUE, urls: world.wakeUpUrls, serviceAccount: PUSHER, audience: AUDIENCE },
      clock: systemClock,
      parse: documentParsers,
      emulators: {
        firestore: world.firestore.host,
        pubsub: world.pubsub.host,
        cloudTasks: world.cloudTasks.host,
      },
    });
    return { adapter: pick(google), close: () => google.close() };
  };

/** Serves `handler` under a path of its own, to senders that sign. Returns what ends that. */
function serve(path: string, handler: Handler): () => void {
  const verify = verifyOidc({
    issuers: [world.proxy, world.cloudTasks],
    audience: AUDIENCE,
    emails: [PUSHER],
    clock: systemClock,
  });
  const log = { write: () => {} };
  endpoints.set(path, pushEndpoint({ handle: handler, verify, log }));
  world.proxy.route(path, `${world.functionUrl}${path}`);
  return () => {
    endpoints.delete(path);
  };
}

async function subscribe(topic: string, handler: Handler, deadLetterTopic?: string): Promise<() => Promise<void>> {
  const subscription = unique(topic);
  const path = `/${subscription}`;
  const end = serve(path, handler);
  const at = { host: world.pubsub.host, projectId: PROJECT };
  await createTopic({ ...at, topic });
  await createSubscription({
    ...at,
    topic,
    subscription,
    pushUrl: `${world.proxy.url}${path}`,
    ...(deadLetterTopic === undefined ? {} : { deadLetters: { topic: deadLetterTopic, after: DEAD_LETTER_AFTER } }),
  });
  return async () => {
    await deleteSubscription({ ...at, subscription });
    end();
  };
}

async function subscribeToWakeUps(topic: string, handler: Handler): Promise<() => Promise<void>> {
  const end = serve(`/${topic}`, handler);
  world.wakeUpUrls[topic] = `${world.functionUrl}/${topic}`;
  return async () => end();
}

const isComplete = [hasFirestoreEmulator(), hasPubSubEmulator(), hasCloudTasksEmulator()].every(Boolean);

describe.skipIf(!isComplete)('on the emulators', () => {
  beforeAll(async () => {
    world = await startWorld();
  }, 200_000);
  afterAll(() => world?.stop());

  describeExecutionStore(
    NAME,
    of(({ executions }) => executions),
  );
  describeLocks(
    NAME,
    of(({ locks }) => locks),
  );
  describeNotificationStates(
    NAME,
    of(({ notifications }) => notifications),
  );
  describeBlobs(
    NAME,
    of(({ blobs }) => blobs),
  );
  describePipelines(
    NAME,
    of(({ pipelines }) => pipelines),
  );
  describeInbox(
    NAME,
    of(({ inbox }) => inbox),
  );
  describeProgressBoard(
    NAME,
    of(({ progress }) => progress),
  );
  describeHistory(
    NAME,
    of(({ history }) => history),
  );
  describeBus(
    NAME,
    of(({ bus }) => ({ bus, subscribe, subscribeWithDeadLetters: subscribe })),
  );
  describeWakeUps(
    NAME,
    of(({ wakeUps }) => ({ wakeUps, subscribe: subscribeToWakeUps })),
  );

  describe('a connection to Firestore that breaks', () => {
    /** Loses the answer to the commits whose numbers are given, from 1; the request itself arrives. */
    const behind = async (losesAnswerTo: readonly number[]) => {
      const line = await unreliableLine({ to: world.firestore.host, losesAnswerTo });
      const firestore = openFirestore({
        projectId: PROJECT,
        clock: systemClock,
        parse: documentParsers,
        emulator: line.host,
      });
      return { line, executions: firestore.executions };
    };

    it('is not taken for a conflict where the commit took effect', async () => {
      const { line, executions } = await behind([1, 2]);
      const id = unique('lost');
      const created = await executions.commit({
        writes: [
          { document: 'execution', value: sampleExecution(id), expected: 'absent' },
          { document: 'run', value: sampleRun(id, 'release-jp'), expected: 'absent' },
        ],
      });
      const version = (await executions.readExecution({ id }))?.version;
      const runVersion = (await executions.readRun({ execution: id, stage: 'release-jp' }))?.version;
      expect(created).toEqual({ is: 'committed', versions: [version, runVersion] });

      const value = sampleExecution(id, { revision: 2 });
      const updated = await executions.commit({
        writes: [{ document: 'execution', value, expected: version ?? 'absent' }],
      });
      expect(updated).toMatchObject({ is: 'committed', versions: [(await executions.readExecution({ id }))?.version] });
      await line.stop();
    });

    it('is taken for a conflict where another commit came first', async () => {
      const { line, executions } = await behind([2]);
      const id = unique('beaten');
      const commit = () =>
        executions.commit({ writes: [{ document: 'execution', value: sampleExecution(id), expected: 'absent' }] });
      expect((await commit()).is).toBe('committed');
      expect(await commit()).toEqual({ is: 'conflict' });
      await line.stop();
    });
  });
});

/** A TCP proxy that cuts the connection in place of the answer to some of the commits that pass through it. */
async function unreliableLine(options: { to: string; losesAnswerTo: readonly number[] }) {
  const [address = '', port] = options.to.split(':');
  let commits = 0;
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(Number(port), address);
    let loses = false;
    near.on('data', (chunk) => {
      if (/^POST \S+:commit /.test(chunk.toString('latin1'))) {
        commits += 1;
        loses = options.losesAnswerTo.includes(commits);
      }
      far.write(chunk);
    });
    far.on('data', (chunk) => (loses ? near.destroy() : near.write(chunk)));
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => other.destroy());
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('the line has no port');
  return {
    host: `127.0.0.1:${bound.port}`,
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
