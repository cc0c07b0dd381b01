/** How soon the system knows that a rollout has ended, beside `kubectl rollout status` on the same rollout. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { openClusters } from '../../cli/system/clusters.ts';
import { systemClock } from '../../shared/adapters/system-clock.ts';
import type { Cluster, Manifest } from '../../shared/ports/cluster.ts';
import { type ControlPlane, requireControlPlane, startControlPlane } from '../support/control-plane.ts';
import { startBenchSystem } from './embedded-system.ts';
import { atMost, type Effort, type Measure, measureOf, type Section } from './section.ts';

const MOST_MS_AFTER_KUBECTL = 100;
const EFFORTS = { full: { rounds: 20 }, brief: { rounds: 2 } } as const;
const TARGET = 'jp';
const NAME = 'bench';
const REPOSITORY = 'registry.example.com/bench/app';
/** How long a rollout takes, so that kubectl watches it before its end. */
const READY_SECONDS = 4;
const LOOK_MS = 20;
const GIVE_UP_MS = 60_000;
/** A kubectl that began to watch after the end has noticed nothing; its round is taken again, so often in all. */
const MAXIMUM_LATE_ROUNDS = 10;

const PIPELINE = `
pipeline: ${NAME}
team: ${NAME}
images: { app: { repository: ${REPOSITORY}, tag: "*" } }
manifests: { files: [k8s/*.json] }
stages: { release: { uses: deploy, target: ${TARGET} } }
`;

const labels = { app: NAME };
const DEPLOYMENT = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: NAME },
  spec: {
    replicas: 1,
    minReadySeconds: READY_SECONDS,
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: { containers: [{ name: 'app', image: REPOSITORY }] } },
  },
} satisfies Manifest & { readonly spec: object };
const NAMESPACE = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAME } };

/** When kubectl says that the rollout has ended, by performance.now(); undefined where it came too late to see it. */
async function kubectlNotices(plane: ControlPlane): Promise<number | undefined> {
  const args = ['--kubeconfig', plane.kubeconfigPath, '-n', NAME, 'rollout', 'status', `deployment/${NAME}`];
  const child = spawn('kubectl', [...args, `--timeout=${GIVE_UP_MS / 1000}s`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return untilSaid(child);
}

async function untilSaid(child: ChildProcess): Promise<number | undefined> {
  let isWatching = false;
  let noticedAt: number | undefined;
  child.stdout?.on('data', (chunk: Buffer) => {
    const now = performance.now();
    const text = chunk.toString('utf8');
    if (text.includes('successfully rolled out')) noticedAt ??= isWatching ? now : undefined;
    if (text.includes('Waiting for')) isWatching = true;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`kubectl rollout status ended with ${code}`);
  return noticedAt;
}

/** Resolves when the Deployment has the image of that tag. */
async function applied(cluster: Cluster, tag: string): Promise<void> {
  const ref = { apiVersion: 'apps/v1', kind: 'Deployment', name: NAME, namespace: NAME };
  const giveUpAt = performance.now() + GIVE_UP_MS;
  while (performance.now() < giveUpAt) {
    const live = await cluster.get({ ref });
    if (JSON.stringify(live?.spec ?? {}).includes(`${REPOSITORY}:${tag}@`)) return;
    await sleep(LOOK_MS);
  }
  throw new Error(`the deployment did not get the tag ${tag} within ${GIVE_UP_MS} ms`);
}

async function run(effort: Effort): Promise<readonly Measure[]> {
  const { rounds } = EFFORTS[effort];
  const plane = await startControlPlane();
  try {
    const clusters = await openClusters({
      kubeconfig: plane.kubeconfigPath,
      contexts: [{ name: plane.contextName, target: TARGET }],
      clock: systemClock,
    });
    await using bench = await startBenchSystem({ clusters, digest: `sha256:${'d'.repeat(64)}` });
    await bench.apply(PIPELINE, {
      'k8s/deployment.json': JSON.stringify(DEPLOYMENT),
      'k8s/namespace.json': JSON.stringify(NAMESPACE),
    });
    const cluster = await clusters.clusterOf(TARGET);
    await bench.run(NAME, { app: 'v0' });
    const differences: number[] = [];
    let late = 0;
    for (let round = 1; differences.length < rounds; round += 1) {
      const tag = `v${round}`;
      const running = bench.run(NAME, { app: tag });
      const noticing = applied(cluster, tag).then(() => kubectlNotices(plane));
      const [{ endedAt }, noticedAt] = await Promise.all([running, noticing]);
      if (noticedAt !== undefined) differences.push(endedAt - noticedAt);
      else if (++late > MAXIMUM_LATE_ROUNDS) throw new Error(`kubectl came too late to ${late} rollouts`);
    }
    return [measureOf('end of the stage after kubectl', 'ms', differences, atMost(MOST_MS_AFTER_KUBECTL))];
  } finally {
    await plane.stop();
  }
}

export const rollout: Section = {
  name: 'rollout',
  about: 'the end of a rollout, noticed by the stage and by kubectl rollout status',
  needs: [{ name: 'a Kubernetes control plane', isHere: requireControlPlane }],
  run,
};
