/** From a registry's push to a stable Deployment on a real API server and a message in Slack, in one process. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { requireControlPlane } from '../support/control-plane.ts';
import { SLACK_TOKEN } from '../support/delivery.ts';
import { startLocalSystem } from '../support/local-system.ts';
import { hasRegistry, startRegistry } from '../support/registry.ts';
import { type DeliveryWorld, deliverDisturbed, describeDelivery, startSurroundings } from './delivery.cases.ts';

const isComplete = [requireControlPlane(), hasRegistry()].every(Boolean);

const DELIVERIES = 10;
const KILLS_EACH = 2;
/** A delivery takes about 1.5 s where nothing disturbs it. */
const LONGEST_LIFE_MS = 1_200;

async function startWorld(parts: AsyncDisposableStack): Promise<DeliveryWorld> {
  const around = await startSurroundings();
  parts.defer(() => around.stop());
  const { plane, slack } = around;
  const face = await startLocalSystem({
    args: ['--kubeconfig', plane.kubeconfigPath, '--context', `${plane.contextName}=jp`],
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
      await face.kill();
      await face.start();
    },
  };
}

describe.skipIf(!isComplete)('a delivery on the embedded adapters', () => {
  const parts = new AsyncDisposableStack();
  let world: DeliveryWorld;
  beforeAll(async () => {
    world = await startWorld(parts);
  }, 200_000);
  afterAll(() => parts.disposeAsync());

  describeDelivery(() => world);

  it(`loses nothing when the process is killed at ${DELIVERIES * KILLS_EACH} random moments`, async () => {
    await deliverDisturbed(world, DELIVERIES, async (next) => {
      const lives = Array.from({ length: KILLS_EACH }, () => Math.floor(next() * LONGEST_LIFE_MS));
      for (const lifeMs of lives) {
        await sleep(lifeMs);
        await world.killAndStart();
      }
      return `after ${lives.join(' and ')} ms`;
    });
  }, 300_000);
});
