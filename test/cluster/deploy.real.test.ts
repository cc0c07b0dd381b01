/** The stage kind `deploy` on a real control plane: what rolls, what fails, and how soon its end is noticed. */
import { spawn } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Outcome } from '../../shared/core/run.ts';
import { type KubernetesCluster, openCluster } from '../../shared/kubernetes/client.ts';
import type { Manifest } from '../../shared/ports/cluster.ts';
import { deploy } from '../../shared/stages/deploy/index.ts';
import { type DeployCursor, type DeployOutputs, deployParameters } from '../../shared/stages/deploy/schema.ts';
import { wallClock } from '../support/clocks.ts';
import { type ControlPlane, requireControlPlane, startControlPlane } from '../support/control-plane.ts';
import { contextOf, type DeployOptions, type DeployWorld, lockCells } from '../support/deploy-context.ts';

const REPOSITORY = 'registry.test/shop/items';
const DIGEST = `sha256:${'d'.repeat(64)}`;
const NAMESPACE = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'items' } };
const MAXIMUM_STEPS = 10;

const images = (tag: string) => ({ api: { repository: REPOSITORY, tag, digest: DIGEST } });

function manifests(name: string, more: { replicas?: number; minReadySeconds?: number } = {}): Manifest[] {
  const labels = { app: name };
  const containers = [{ name: 'app', image: REPOSITORY, ports: [{ containerPort: 8080 }] }];
  const spec = {
    replicas: 2,
    ...more,
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: { containers } },
  };
  return [
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name }, spec },
    { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { selector: labels, ports: [{ port: 80 }] } },
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { mode: 'a' } },
    NAMESPACE,
  ];
}

describe.skipIf(!requireControlPlane())('deploy on a real control plane', () => {
  let plane: ControlPlane;
  let cluster: KubernetesCluster;
  let world: DeployWorld;
  beforeAll(async () => {
    plane = await startControlPlane();
    const access = { kubeconfigPath: plane.kubeconfigPath, contextName: plane.contextName };
    cluster = openCluster({ access, requestTimeoutMs: 2_000 });
    world = { cluster, locks: lockCells(), clock: wallClock() };
  });
  afterAll(async () => {
    cluster?.close();
    await plane?.stop();
  });

  const run = async (all: Manifest[], tag: string, options: DeployOptions = {}) => {
    let cursor: DeployCursor | undefined;
    const seen: Outcome<DeployCursor, DeployOutputs>[] = [];
    for (let steps = 0; steps < MAXIMUM_STEPS; steps++) {
      const context = contextOf(world, all, images(tag), options);
      const input = { by: steps === 0 ? 'begin' : 'again' } as const;
      const outcome = await deploy.step(deployParameters.parse({}), { cursor, input }, context);
      seen.push(outcome);
      if (outcome.is === 'waiting' && outcome.for.until !== undefined) {
        await new Promise((resolve) => setTimeout(resolve, (outcome.for.until ?? 0) - Date.now()));
      }
      if (!('cursor' in outcome)) break;
      cursor = outcome.cursor;
    }
    return { seen, outcome: seen.at(-1) };
  };

  it('rolls out, and rolls on to the next version with what the manifest no longer has removed', async () => {
    const first = await run(manifests('web'), '1');
    expect(first.outcome).toMatchObject({ is: 'succeeded', outputs: { images: { api: `${REPOSITORY}:1@${DIGEST}` } } });
    const next = manifests('web').map((manifest) =>
      manifest.kind === 'ConfigMap' ? { ...manifest, data: {} } : manifest,
    );
    const second = await run(next, '2', { execution: 'e2' });
    expect(second.outcome).toMatchObject({ is: 'succeeded' });
    const query = { ref: { apiVersion: 'v1', kind: 'ConfigMap', name: 'web', namespace: 'items' } };
    expect((await cluster.get(query))?.data ?? {}).toEqual({});
  });

  it.each([
    ['broken', 'image-not-pullable'],
    ['crash', 'crash-loop'],
  ])('fails fast for an image that is %s', async (tag, code) => {
    const startedAt = performance.now();
    const { outcome } = await run(manifests(`fails-${tag}`), tag);
    expect(outcome).toMatchObject({ is: 'failed', reason: { code } });
    expect(performance.now() - startedAt).toBeLessThan(20_000);
  });

  it('names what a manifest gets wrong', async () => {
    const wrong = manifests('wrong').map((manifest) =>
      manifest.kind === 'Service' ? { ...manifest, spce: {} } : manifest,
    );
    const { outcome } = await run(wrong, '1');
    expect(outcome).toMatchObject({
      is: 'failed',
      then: 'giveUp',
      reason: { code: 'manifest-refused', text: expect.stringContaining('spce') },
    });
  });

  it('waits out an API server that does not answer in mid-rollout', async () => {
    let frozen = false;
    const report = () => {
      if (frozen) return;
      frozen = true;
      plane.freeze();
      setTimeout(() => plane.thaw(), 4_000);
    };
    const { seen, outcome } = await run(manifests('outage'), 'slow', { report });
    expect(seen.some((each) => each.is === 'waiting' && each.reason.code === 'cluster-unreachable')).toBe(true);
    expect(outcome).toMatchObject({ is: 'succeeded' });
  });

  it('notices the end of a rollout about when kubectl rollout status does', async () => {
    // Long enough that kubectl has started before the rollout ends.
    const noticed = manifests('noticed', { replicas: 1, minReadySeconds: 2 });
    await run(noticed, '0');
    const differences: number[] = [];
    for (let round = 1; round <= 5; round++) {
      let watching: Promise<number> | undefined;
      // From the moment at which the new version is applied, both wait for the same end.
      const report = (lines: readonly string[]) => {
        if (lines[0]?.startsWith('applied 4 of 4')) watching ??= rolloutStatusEnds(plane, 'noticed');
      };
      const { outcome } = await run(noticed, String(round), { report });
      const ours = performance.now();
      expect(outcome).toMatchObject({ is: 'succeeded' });
      differences.push(ours - ((await watching) ?? Number.NaN));
    }
    const median = differences.sort((one, other) => one - other)[2] ?? Number.NaN;
    console.info(`noticed after kubectl, median of 5: ${Math.round(median)} ms (${differences.map(Math.round)})`);
    expect(median).toBeLessThan(1_000);
  });
});

/** When `kubectl rollout status` says that the rollout has ended, by performance.now(). */
function rolloutStatusEnds(plane: ControlPlane, name: string): Promise<number> {
  const args = ['--kubeconfig', plane.kubeconfigPath, '-n', 'items', 'rollout', 'status', `deployment/${name}`];
  return new Promise((resolve, reject) => {
    const child = spawn('kubectl', [...args, '--timeout=60s'], { stdio: 'ignore' });
    child.once('error', reject);
    child.once('exit', (code) => {
      if (code === 0) resolve(performance.now());
      else reject(new Error(`kubectl rollout status ended with ${code}`));
    });
  });
}
