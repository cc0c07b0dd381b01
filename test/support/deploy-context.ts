/** The context of a deploy step for tests that call the kind directly, with locks and blobs in memory. */
import type { Cells, Lock } from '../../shared/ports/cells.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { Cluster, Manifest } from '../../shared/ports/cluster.ts';
import type { StageContext } from '../../shared/stages/kind.ts';

export type LockCells = Cells<Lock> & { content(): unknown };
export type DeployWorld = { cluster: Cluster; locks: LockCells; clock: Clock };
export type DeployOptions = {
  execution?: string;
  /** What it is held to. */
  namespaces?: readonly string[];
  isAtWork?: () => Promise<boolean>;
  /** How long a step may take. */
  sliceMs?: number;
  report?: (lines: readonly string[]) => void;
};

export function contextOf(
  world: DeployWorld,
  manifests: Manifest[],
  pinned: StageContext['images'],
  options: DeployOptions = {},
): StageContext {
  const unused = (what: string) => async (): Promise<never> => {
    throw new Error(`a deploy used ${what}`);
  };
  return {
    execution: options.execution ?? 'e1',
    pipeline: 'items-api',
    stage: 'release',
    attempt: 1,
    step: 1,
    tries: 1,
    key: 'key',
    namespace: 'items',
    ...(options.namespaces === undefined ? {} : { namespaces: options.namespaces }),
    target: 'jp',
    images: pinned,
    manifests: 'sha256:manifests',
    deadline: world.clock.now() + (options.sliceMs ?? 50_000) + 3_000,
    signal: new AbortController().signal,
    mayWrite: () => true,
    clock: world.clock,
    blobs: blobsOf(manifests),
    locks: world.locks,
    isAtWork: options.isAtWork ?? (async () => false),
    cluster: async (): Promise<Cluster> => world.cluster,
    secrets: { get: unused('secrets') },
    http: { request: unused('HTTP') },
    renderer: { render: unused('a renderer') },
    log: { write: () => undefined },
    report: options.report ?? (() => undefined),
  };
}

export function blobsOf(manifests: Manifest[]): StageContext['blobs'] {
  const get = async () => JSON.stringify(manifests);
  return { get, put: async () => 'sha256:unused' };
}

export function lockCells(): LockCells {
  const cells = new Map<string, { value: Lock; version: string }>();
  let writes = 0;
  return {
    read: async ({ key }) => structuredClone(cells.get(key)),
    write: async ({ key, value, expected }) => {
      if ((cells.get(key)?.version ?? 'absent') !== expected) return 'conflict';
      writes += 1;
      cells.set(key, { value, version: String(writes) });
      return String(writes);
    },
    content: () => [...cells].map(([key, { value }]) => [key, value]),
  };
}
