/** The cluster contract on the sandbox, and what only the sandbox has: its state outlives the process. */
import { describe, expect, it } from 'vitest';
import type { Deployment } from '../../shared/kubernetes/objects.ts';
import { SandboxCluster } from '../../shared/kubernetes/sandbox.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import { referenceOf } from '../../shared/ports/cluster.ts';
import { handClock, wallClock } from '../support/clocks.ts';
import { clusterContract, configMap, deployment, NAMESPACE } from './cluster.contract.ts';

const MANAGER = 'gennaker';

clusterContract('sandbox', async () => {
  const cluster = new SandboxCluster({ clock: wallClock() });
  return { cluster, close: async () => cluster.stop() };
});

describe('the sandbox', () => {
  const web = deployment('web', { containers: [{ name: 'app', image: 'registry.test/web:1' }] }, 3);

  it('rolls in about two seconds, keeping as many pods available as the strategy says', async () => {
    const clock = handClock();
    const cluster = new SandboxCluster({ clock });
    const expected = (await cluster.create({ manifest: web, fieldManager: MANAGER })).metadata;
    clock.advance(1_000);
    const ready = (await cluster.get({ ref: referenceOf(web) })) as Deployment;
    expect(ready.status?.availableReplicas).toBe(3);
    expect(expected.uid).toBe(ready.metadata.uid);
    const next = deployment('web', { containers: [{ name: 'app', image: 'registry.test/web:2' }] }, 3);
    await cluster.apply({ manifest: next, expected: ready.metadata, fieldManager: MANAGER });
    let ms = 0;
    for (; ms < 10_000; ms += 50) {
      clock.advance(50);
      const { status } = (await cluster.get({ ref: referenceOf(web) })) as Deployment;
      expect(status?.availableReplicas).toBeGreaterThanOrEqual(3);
      if (status?.updatedReplicas === 3 && status.replicas === 3 && status.availableReplicas === 3) break;
    }
    expect(ms).toBeGreaterThan(1_500);
    expect(ms).toBeLessThan(3_000);
  });

  it('goes on where it was after a kill -9, at each moment of a rollout', async () => {
    for (let killedAfter = 0; killedAfter <= 1_000; killedAfter += 100) {
      const clock = handClock();
      let saved: string | undefined;
      const store = {
        load: () => saved,
        save: (json: string) => {
          saved = json;
        },
      };
      const first = new SandboxCluster({ clock, store });
      await first.create({ manifest: web, fieldManager: MANAGER });
      clock.advance(killedAfter);
      first.stop();
      const second = new SandboxCluster({ clock, store });
      clock.advance(2_000);
      const { status } = (await second.get({ ref: referenceOf(web) })) as Deployment;
      expect(status?.availableReplicas).toBe(3);
      const pods = await second.list({ apiVersion: 'v1', kind: 'Pod', namespace: NAMESPACE });
      expect(pods.items).toHaveLength(3);
    }
  });

  it('comes to rest: nothing asks for time when nothing will change', async () => {
    const clock = handClock();
    let asked = 0;
    const counting: Clock = { now: clock.now, after: (ms, run) => clock.after(ms, () => run()) };
    const cluster = new SandboxCluster({
      clock: {
        ...counting,
        after: (ms, run) => {
          asked += 1;
          return counting.after(ms, run);
        },
      },
    });
    for (const tag of ['1', 'broken', 'crash', 'slow']) {
      const manifest = deployment(`rest-${tag}`, { containers: [{ name: 'app', image: `registry.test/web:${tag}` }] });
      await cluster.create({ manifest, fieldManager: MANAGER });
    }
    clock.advance(20 * 60_000);
    asked = 0;
    clock.advance(60 * 60_000);
    expect(asked).toBe(0);
  });

  it('gives a load balancer its address after a while, and binds a claim', async () => {
    const clock = handClock();
    const cluster = new SandboxCluster({ clock });
    const metadata = { name: 'edge', namespace: NAMESPACE };
    const service = { apiVersion: 'v1', kind: 'Service', metadata, spec: { type: 'LoadBalancer' } };
    const claim = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata, spec: {} };
    for (const manifest of [service, claim]) await cluster.create({ manifest, fieldManager: MANAGER });
    expect((await cluster.get({ ref: referenceOf(service) }))?.status).toBeUndefined();
    clock.advance(3_000);
    expect((await cluster.get({ ref: referenceOf(service) }))?.status).toEqual({
      loadBalancer: { ingress: [{ ip: expect.any(String) }] },
    });
    expect((await cluster.get({ ref: referenceOf(claim) }))?.status).toEqual({ phase: 'Bound' });
  });

  it('lets a watch expire when it starts before what is remembered', async () => {
    const cluster = new SandboxCluster({ clock: handClock() });
    const query = { apiVersion: 'v1', kind: 'ConfigMap', namespace: NAMESPACE };
    const { resourceVersion } = await cluster.list(query);
    const manifest = configMap('busy', { turn: '0' });
    let { metadata } = await cluster.create({ manifest, fieldManager: MANAGER });
    for (let turn = 1; turn < 2_100; turn++) {
      const next = configMap('busy', { turn: String(turn) });
      ({ metadata } = await cluster.apply({ manifest: next, expected: metadata, fieldManager: MANAGER }));
    }
    const { signal } = new AbortController();
    const watch = cluster.watch({ ...query, resourceVersion, signal })[Symbol.asyncIterator]();
    await expect(watch.next()).rejects.toMatchObject({ code: 'expired' });
  });

  it('fails every call and every watch while it cannot be reached', async () => {
    const cluster = new SandboxCluster({ clock: handClock() });
    const query = { apiVersion: 'v1', kind: 'ConfigMap', namespace: NAMESPACE };
    const { resourceVersion } = await cluster.list(query);
    const { signal } = new AbortController();
    const next = cluster
      .watch({ ...query, resourceVersion, signal })
      [Symbol.asyncIterator]()
      .next();
    cluster.setReachable(false);
    await expect(next).rejects.toMatchObject({ code: 'unreachable', retryable: true });
    await expect(cluster.list(query)).rejects.toMatchObject({ code: 'unreachable' });
    cluster.setReachable(true);
    await expect(cluster.list(query)).resolves.toMatchObject({ items: [] });
  });
});
