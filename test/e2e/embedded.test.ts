/** From a registry's push to a stable Deployment on a real API server and a message in Slack, in one process. */
import { afterAll, beforeAll, describe } from 'vitest';
import { requireControlPlane } from '../support/control-plane.ts';
import { SLACK_TOKEN } from '../support/delivery.ts';
import { startLocalSystem } from '../support/local-system.ts';
import { hasRegistry, startRegistry } from '../support/registry.ts';
import { type DeliveryWorld, describeDelivery, startSurroundings } from './delivery.cases.ts';

const isComplete = [requireControlPlane(), hasRegistry()].every(Boolean);

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
});
