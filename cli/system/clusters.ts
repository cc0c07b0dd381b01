/** The clusters of a local system: the sandbox's three regions, or contexts of a kubeconfig file. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../shared/ports/clock.ts';
import type { Cluster } from '../../shared/ports/cluster.ts';
import { TerminalError } from '../../shared/stages/kind.ts';
import type { ClusterContext } from '../commands/up-options.ts';

/** The regions of the sandbox. */
export const SANDBOX_TARGETS = ['jp', 'us', 'uk'] as const;
const SANDBOX_LABELS = {
  jp: { env: 'prod', region: 'asia-northeast1' },
  us: { env: 'prod', region: 'us-central1' },
  uk: { env: 'prod', region: 'europe-west2' },
};

export type Clusters = {
  readonly targets: readonly string[];
  /** By target, what selectors of labels go by. */
  readonly labels: { readonly [target: string]: { readonly [label: string]: string } };
  readonly isSandbox: boolean;
  /** Throws TerminalError where no target has the name. */
  clusterOf(target: string): Promise<Cluster>;
  stop(): void;
};

/** `folder` keeps the sandbox's state; without one it lives as long as the process. */
export async function openClusters(options: {
  readonly kubeconfig?: string | undefined;
  readonly contexts: readonly ClusterContext[];
  readonly folder?: string | undefined;
  readonly clock: Clock;
}): Promise<Clusters> {
  const { kubeconfig } = options;
  if (kubeconfig === undefined) return openSandbox(options);
  // The library that reads kubeconfig files takes a second or more to load, in which no request would be answered.
  const [{ openCluster }] = await Promise.all([
    import('../../shared/kubernetes/client.ts'),
    import('@kubernetes/client-node'),
  ]);
  const clusters = new Map(
    options.contexts.map(({ name, target }) => [
      target,
      openCluster({ access: { kubeconfigPath: kubeconfig, contextName: name } }),
    ]),
  );
  return {
    targets: [...clusters.keys()],
    labels: {},
    isSandbox: false,
    clusterOf: async (target) => known(clusters, target),
    stop: () => {
      for (const cluster of clusters.values()) cluster.close();
    },
  };
}

async function openSandbox(options: {
  readonly folder?: string | undefined;
  readonly clock: Clock;
}): Promise<Clusters> {
  const { SandboxCluster } = await import('../../shared/kubernetes/sandbox.ts');
  const { clock, folder } = options;
  const clusters = new Map(
    SANDBOX_TARGETS.map((target) => {
      const store = folder === undefined ? undefined : fileStore(join(folder, `sandbox-${target}.json`));
      return [target as string, new SandboxCluster({ clock, ...(store === undefined ? {} : { store }) })];
    }),
  );
  return {
    targets: SANDBOX_TARGETS,
    labels: SANDBOX_LABELS,
    isSandbox: true,
    clusterOf: async (target) => known(clusters, target),
    stop: () => {
      for (const cluster of clusters.values()) cluster.stop();
    },
  };
}

function known<C>(clusters: ReadonlyMap<string, C>, target: string): C {
  const cluster = clusters.get(target);
  if (cluster !== undefined) return cluster;
  throw new TerminalError(`No target is called ${target}; there are ${[...clusters.keys()].join(', ')}.`);
}

/** One cluster's state in a file that is replaced whole, so that a kill leaves the old one or the new one. */
function fileStore(path: string): { load(): string | undefined; save(json: string): void } {
  return {
    load() {
      try {
        return readFileSync(path, 'utf8');
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
        throw error;
      }
    },
    save(json) {
      writeFileSync(`${path}.new`, json);
      renameSync(`${path}.new`, path);
    },
  };
}
