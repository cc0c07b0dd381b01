/** What was written to a Kubernetes API server, and when, as its own watches tell it. */
import { FENCE_ANNOTATION, FIELD_MANAGER } from '../../shared/kubernetes/conditional-write.ts';
import type { Cluster, LiveObject } from '../../shared/ports/cluster.ts';

const KINDS = [
  { apiVersion: 'apps/v1', kind: 'Deployment' },
  { apiVersion: 'v1', kind: 'Service' },
  { apiVersion: 'v1', kind: 'ConfigMap' },
] as const;

/** One write by Gennaker: the API server notes who set which fields, and when. */
export type RecordedWrite = {
  /** `Deployment items/items-api` */
  readonly object: string;
  readonly namespace: string;
  readonly fence: string;
  /** By the API server's clock, in whole seconds (epoch ms). */
  readonly at: number;
};

export type WriteRecord = {
  writes(namespace: string): readonly RecordedWrite[];
  stop(): Promise<void>;
};

/** Resolves once nothing that is written from now on is missed. */
export async function recordWrites(cluster: Cluster): Promise<WriteRecord> {
  const over = new AbortController();
  const writes: RecordedWrite[] = [];
  const seen = new Map<string, string>();
  const note = (object: LiveObject): void => {
    const { uid, name, namespace = '', managedFields = [], annotations } = object.metadata;
    const ours = managedFields.filter(
      ({ manager, subresource }) => manager === FIELD_MANAGER && subresource === undefined,
    );
    const signature = JSON.stringify(ours);
    if (ours.length === 0 || seen.get(uid) === signature) return;
    seen.set(uid, signature);
    const at = Math.max(...ours.map(({ time = '' }) => Date.parse(time)));
    writes.push({
      object: `${object.kind} ${namespace}/${name}`,
      namespace,
      fence: annotations?.[FENCE_ANNOTATION] ?? '',
      at,
    });
  };
  const watches = await Promise.all(
    KINDS.map(async (selection) => {
      const { items, resourceVersion } = await cluster.list(selection);
      for (const item of items) note(item);
      return { ...selection, resourceVersion, signal: over.signal };
    }),
  );
  const watching = watches.map(async (query) => {
    for await (const event of cluster.watch(query)) if (event.type !== 'BOOKMARK') note(event.object);
  });
  return {
    writes: (namespace) => writes.filter((write) => write.namespace === namespace),
    async stop() {
      over.abort();
      await Promise.all(watching);
    },
  };
}
