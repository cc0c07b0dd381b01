/** From a registry's push to a stable Deployment and a message, with every function served as it is deployed, on the emulators. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sourceEventMessage } from '../../shared/use-cases/messages.ts';
import { requireControlPlane } from '../support/control-plane.ts';
import { applyDelivery, deploymentOf, NOTIFY_TOPIC, SLACK_TOKEN } from '../support/delivery.ts';
import { endOf, executionOf } from '../support/face.ts';
import { type FunctionName, type GoogleSystem, hasEmulators, startGoogleSystem } from '../support/google-system.ts';
import { startPushProxy } from '../support/push-proxy.ts';
import { hasRegistry, startRegistry } from '../support/registry.ts';
import { until } from '../support/until.ts';
import { type DeliveryWorld, deliverDisturbed, describeDelivery, startSurroundings } from './delivery.cases.ts';

const isComplete = [requireControlPlane(), hasRegistry(), hasEmulators()].every(Boolean);

const KILLS = 20;
/** Counted from the moment before the push; until all is done it takes about 2 s. */
const LONGEST_LIFE_MS = 2_000;
/** Those that a delivery passes through. */
const KILLED: readonly FunctionName[] = [
  'receive-webhook',
  'start-executions',
  'advance-execution',
  'advance-execution',
  'send-notifications',
];

type World = DeliveryWorld & { readonly face: GoogleSystem };

async function startWorld(parts: AsyncDisposableStack): Promise<World> {
  const around = await startSurroundings();
  parts.defer(() => around.stop());
  const { plane, slack } = around;
  const face = await startGoogleSystem({
    targets: { jp: { kubeconfig: plane.kubeconfigPath, context: plane.contextName } },
    notifyTopic: NOTIFY_TOPIC,
    env: {
      GENNAKER_SECRET_SLACK_TOKEN: SLACK_TOKEN,
      GENNAKER_SLACK_API_URL: slack.url,
      GENNAKER_ALLOWED_HOSTS: '127.0.0.1',
    },
  });
  parts.defer(() => face.stop());
  const registry = await startRegistry(face.hook);
  parts.defer(() => registry.stop());
  return {
    ...around,
    face,
    registry,
    async killAndStart() {
      await face.kill('advance-execution');
      await face.start('advance-execution');
    },
    async announced({ id, revision }) {
      // A message that comes twice has the same id and the same content.
      const events = new Map<number, string>();
      const look = async () => {
        for (const { data } of await face.notified()) {
          const event = JSON.parse(data) as { id: string; subject: string };
          if (event.subject !== id) continue;
          const number = Number(event.id.split('/')[1]);
          expect(event.id).toBe(`${id}/${number}`);
          expect(events.get(number) ?? data).toBe(data);
          events.set(number, data);
        }
        return events.size >= revision ? true : undefined;
      };
      await until(`${revision} events of ${id}`, look, { state: () => [...events.keys()] });
      return [...events.keys()].toSorted((one, other) => one - other);
    },
  };
}

describe.skipIf(!isComplete)('a delivery on Pub/Sub and Firestore', () => {
  const parts = new AsyncDisposableStack();
  let world: World;
  beforeAll(async () => {
    world = await startWorld(parts);
  }, 300_000);
  afterAll(() => parts.disposeAsync());

  describeDelivery(() => world);

  it('starts an execution for a message of Artifact Registry', async () => {
    const { face, cluster, farEnd } = world;
    const repository = 'asia-northeast1-docker.pkg.dev/acme/items/items-api';
    const digest = `sha256:${'a1'.repeat(32)}`;
    await applyDelivery(face, { name: 'cloud', repository, farEnd: farEnd.url });
    await face.publishPush({ action: 'INSERT', digest: `${repository}@${digest}`, tag: `${repository}:2.0.0` });
    const execution = await endOf(face, (await executionOf(face, 'cloud')).id);
    expect(execution).toMatchObject({ status: 'succeeded', trigger: { source: 'artifact-registry' } });
    expect(await deploymentOf(cluster, 'cloud')).toMatchObject({ image: `${repository}:2.0.0@${digest}`, ready: 2 });
  });

  it('takes no push that is not signed for it, says so in the log, and does nothing', async () => {
    const { face, farEnd, registry } = world;
    const repository = `${registry.host}/items/forged`;
    await applyDelivery(face, { name: 'forged', repository, farEnd: farEnd.url });
    const image = { repository, tag: '1.0.0', digest: `sha256:${'b2'.repeat(32)}` };
    const event = {
      id: 'forged-1',
      type: 'image-pushed',
      source: 'docker-distribution',
      at: Date.now(),
      text: '',
      image,
    };
    const { data, attributes } = sourceEventMessage(event, event);
    const message = { data: Buffer.from(data).toString('base64'), attributes, messageId: 'forged-1' };
    const send = async (authorization: string | undefined): Promise<number> => {
      const response = await fetch(face.urlOf('start-executions'), {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...(authorization === undefined ? {} : { authorization }) },
        body: JSON.stringify({ subscription: 'gennaker-start-executions-events', message }),
      });
      return response.status;
    };
    const otherProxy = await startPushProxy({ routes: {}, audience: 'gennaker', email: 'pusher@elsewhere.test' });
    const refused = [
      undefined,
      `Bearer ${await face.proxy.sign({ aud: 'https://another.example.com' })}`,
      `Bearer ${await face.proxy.sign({ email: 'someone@demo-e2e.iam.gserviceaccount.com' })}`,
      `Bearer ${await otherProxy.sign({ iss: face.proxy.issuer })}`,
    ];
    await otherProxy.stop();
    for (const authorization of refused) expect(await send(authorization)).toBe(401);

    const reasons = () =>
      face
        .logOf('start-executions')
        .filter(({ message: said }) => said === 'A push was refused: its sender is not verified')
        .map(({ reason }) => String(reason));
    await until('the log of the refusals', () => (reasons().length >= refused.length ? true : undefined));
    expect(reasons()).toEqual([
      'no bearer token',
      expect.stringContaining('aud'),
      'someone@demo-e2e.iam.gserviceaccount.com may not send here',
      expect.any(String),
    ]);
    expect((await face.api.executions({ pipeline: 'forged' })).items).toEqual([]);
    expect(await face.api.event(event.id)).toBeUndefined();

    // The same message, signed as Pub/Sub signs: so it was the signature that was missing.
    expect(await send(`Bearer ${await face.proxy.sign()}`)).toBe(204);
    expect((await face.api.executions({ pipeline: 'forged' })).items).toHaveLength(1);
  });

  it(`loses nothing when single functions are killed at ${KILLS} random moments`, async () => {
    await deliverDisturbed(world, KILLS, async (next) => {
      const victim = KILLED[Math.floor(next() * KILLED.length)] ?? 'advance-execution';
      const afterMs = Math.floor(next() * LONGEST_LIFE_MS);
      await sleep(afterMs);
      await world.face.kill(victim);
      await world.face.start(victim);
      return `${victim} after ${afterMs} ms`;
    });
  }, 300_000);
});
