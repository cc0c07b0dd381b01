/** The contract suites on the Google adapters, against the emulators; and what only these adapters can do wrong. */
import { once } from 'node:events';
import { connect, constants, createServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { http } from '@google-cloud/functions-framework';
import { getTestServer } from '@google-cloud/functions-framework/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pushEndpoint, verifyOidc } from '../../functions/push.ts';
import { openFirestore } from '../../shared/adapters/google/firestore.ts';
import { type Google, openGoogle } from '../../shared/adapters/google/index.ts';
import { systemClock } from '../../shared/adapters/system-clock.ts';
import type { Bus } from '../../shared/ports/bus.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { ActiveRollout } from '../../shared/ports/templates.ts';
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
import { describeListedCells, describeLocks, describeNotificationStates } from './cells.contract.ts';
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
  describeListedCells<ActiveRollout>(
    NAME,
    [
      { format: 1, version: '2.1.0', since: 1 },
      { format: 1, version: '2.2.0', since: 2 },
    ],
    of(({ rollouts }) => rollouts),
  );
  describeBlobs(
    NAME,
    of(({ blobs }) => blobs),
  );
  describePipelines(
    NAME,
    of(({ pipelines, schedules }) => ({ pipelines, schedules })),
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
    const behind = async (faults: Faults, clock = systemClock) => {
      const line = await unreliableLine({ to: world.firestore.host, faults });
      const { executions, close } = openFirestore({
        projectId: PROJECT,
        clock,
        parse: documentParsers,
        emulator: line.host,
      });
      const stop = async () => {
        await close();
        await line.stop();
      };
      return { executions, stop, commits: () => line.commits() };
    };

    // The library sends the commit again after the first; the second comes to the adapter.
    it.each(['connection', 'stream'] as const)(
      'is not taken for a conflict where the commit took effect: the %s ends',
      async (ends) => {
        const { executions, stop } = await behind([
          { ends, having: 'committed' },
          { ends, having: 'committed' },
        ]);
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
        const { version: newVersion } = (await executions.readExecution({ id })) ?? {};
        expect(newVersion).not.toBe(version);
        expect(updated).toEqual({ is: 'committed', versions: [newVersion] });
        await stop();
      },
    );

    it.each(['connection', 'stream'] as const)(
      'is asked again where the commit took no effect: the %s ends',
      async (ends) => {
        const { executions, stop, commits } = await behind([{ ends, having: 'done nothing' }]);
        const id = unique('unsent');
        const created = await executions.commit({
          writes: [{ document: 'execution', value: sampleExecution(id), expected: 'absent' }],
        });
        const { version } = (await executions.readExecution({ id })) ?? {};
        expect(created).toEqual({ is: 'committed', versions: [version] });
        expect(commits()).toBe(2);
        await stop();
      },
    );

    it('is taken for a conflict where another commit came first', async () => {
      const { executions, stop } = await behind([undefined, { ends: 'stream', having: 'committed' }]);
      const id = unique('beaten');
      const commit = () =>
        executions.commit({ writes: [{ document: 'execution', value: sampleExecution(id), expected: 'absent' }] });
      expect((await commit()).is).toBe('committed');
      expect(await commit()).toEqual({ is: 'conflict' });
      await stop();
    });

    it('that never answers is given up, with a sentence that says what was being done', async () => {
      const hasty: Clock = { ...systemClock, after: (ms, run) => systemClock.after(ms / 20, run) };
      const silent: Fault = { ends: 'never', having: 'done nothing' };
      const { executions, stop } = await behind([silent, silent], hasty);
      const id = unique('silent');
      const writes = [{ document: 'execution', value: sampleExecution(id), expected: 'absent' }] as const;
      await expect(executions.commit({ writes })).rejects.toThrow(
        new RegExp(`^writing executions/${id}: Firestore did not answer within \\d+ ms$`),
      );
      await stop();
    });
  });

  describe('a publication to Pub/Sub', () => {
    let bus: Bus;
    let close: () => Promise<void>;
    beforeAll(async () => {
      ({ adapter: bus, close } = await of((google) => google.bus)());
    });
    afterAll(() => close());

    const messagesOf = (count: number, bytes: number) =>
      Array.from({ length: count }, () => ({ data: 'x'.repeat(bytes), attributes: {} }));

    it.each([
      { what: 'messages', count: 1_001, bytes: 10 },
      { what: 'bytes', count: 3, bytes: 4_000_000 },
    ])('may have more $what than a request may', async ({ count, bytes }) => {
      const topic = unique('large');
      await createTopic({ host: world.pubsub.host, projectId: PROJECT, topic });
      await bus.publish({ topic, messages: messagesOf(count, bytes) });
    });

    it('of a message that no request can carry says what to do', async () => {
      const messages = messagesOf(1, 10_000_000);
      await expect(bus.publish({ topic: unique('huge'), messages })).rejects.toThrow('put its content into a blob');
    });

    it('to a topic that is missing names it', async () => {
      const topic = unique('missing');
      await expect(bus.publish({ topic, messages: messagesOf(2, 10) })).rejects.toThrow(
        `there is no topic ${topic} in project ${PROJECT}`,
      );
    });
  });
});

/** What goes wrong with a commit: what ends in place of its answer, and what it has done by then. */
type Fault = { readonly ends: 'connection' | 'stream' | 'never'; readonly having: 'committed' | 'done nothing' };
/** That of the first commit, of the second, and so on. */
type Faults = readonly (Fault | undefined)[];

/** A gRPC proxy that breaks off some of the commits that pass through it. */
async function unreliableLine({ to, faults }: { to: string; faults: Faults }) {
  let commits = 0;
  const far = connect(`http://${to}`);
  const sessions = new Set<ServerHttp2Session>();

  const breakOff = (near: ServerHttp2Stream, { ends }: Fault) => {
    if (ends === 'connection') near.session?.destroy();
    if (ends === 'stream') near.close(constants.NGHTTP2_INTERNAL_ERROR);
  };

  const server = createServer()
    .on('session', (session) => sessions.add(session))
    .on('stream', (near, headers) => {
      const fault = headers[':path']?.endsWith('/Commit') ? faults[commits++] : undefined;
      near.on('error', () => near.destroy());
      if (fault?.having === 'done nothing') return breakOff(near, fault);
      const request = far.request(headers);
      request.on('error', () => near.destroy());
      near.on('close', () => request.close());
      near.pipe(request);
      request.on('response', (answer, flags) => {
        if (fault !== undefined) return breakOff(near, fault);
        const endStream = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
        near.respond(answer, { endStream, waitForTrailers: !endStream });
        if (!endStream) request.pipe(near);
      });
      request.on('trailers', (trailers) => near.on('wantTrailers', () => near.sendTrailers(trailers)));
    })
    .listen(0, '127.0.0.1');
  await once(server, 'listening');
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('the line has no port');
  return {
    host: `127.0.0.1:${bound.port}`,
    commits: () => commits,
    async stop() {
      for (const session of sessions) session.destroy();
      far.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
