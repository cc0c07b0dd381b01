/** The whole system in this process: kept in memory, and delivering to the sandbox. */
import { type Clusters, openClusters } from '../../cli/system/clusters.ts';
import { type System, type SystemOptions, startSystem } from '../../cli/system/system.ts';
import { IN_MEMORY } from '../../shared/adapters/embedded/index.ts';
import { systemClock } from '../../shared/adapters/system-clock.ts';

export const TOKEN = 'the-api-token-of-this-test';
export const HOOK_SECRET = 'the-hook-secret-of-this-test';

/** `clusters` end with the system. It logs nothing where no log is given. */
export async function startMemorySystem(
  options: Partial<Pick<SystemOptions, 'log' | 'environment' | 'resolver' | 'wrap'>> = {},
): Promise<{ readonly system: System; readonly clusters: Clusters }> {
  const clusters = await openClusters({ contexts: [], clock: systemClock });
  const system = await startSystem({
    path: IN_MEMORY,
    clusters,
    port: 0,
    token: TOKEN,
    hookSecret: HOOK_SECRET,
    log: { write: () => undefined },
    environment: {},
    ...options,
  });
  return { system, clusters };
}
