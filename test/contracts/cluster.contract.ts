/** What every cluster adapter must do, told once for the sandbox and for a real API server. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Deployment, Job, Pod, ReplicaSet } from '../../shared/kubernetes/objects.ts';
import { LOG_ANNOTATION, TERMINATION_MESSAGE_ANNOTATION } from '../../shared/kubernetes/sandbox-pods.ts';
import {
  type Cluster,
  isClusterError,
  type LiveObject,
  type Manifest,
  type ObjectReference,
  referenceOf,
  type WatchEvent,
} from '../../shared/ports/cluster.ts';
import { CONTAINER_LOG } from '../support/control-plane.ts';

export const NAMESPACE = 'contract';
const MANAGER = 'gennaker';
const PATIENCE_MS = 30_000;
const POLL_MS = 20;

type Opened = { cluster: Cluster; close(): Promise<void> };

/** Declares the suite. `open` gives a cluster that has the namespace `contract`. */
export function clusterContract(name: string, open: () => Promise<Opened>): void {
  describe(`cluster contract: ${name}`, () => {
    let opened: Opened | undefined;
    let cluster: Cluster;
    beforeAll(async () => {
      opened = await open();
      cluster = opened.cluster;
    });
    afterAll(() => opened?.close());

    const create = (manifest: Manifest) => cluster.create({ manifest, fieldManager: MANAGER });
    const read = async (ref: ObjectReference): Promise<LiveObject> => {
      const object = await cluster.get({ ref });
      if (object === undefined) throw new Error(`${ref.kind} ${ref.name} is not there`);
      return object;
    };
    const apply = async (manifest: Manifest) =>
      cluster.apply({ manifest, expected: (await read(referenceOf(manifest))).metadata, fieldManager: MANAGER });

    it('knows no object before its creation, nor one of an unknown kind', async () => {
      expect(await cluster.get({ ref: referenceOf(configMap('absent', {})) })).toBeUndefined();
      const ref = { apiVersion: 'example.com/v1', kind: 'Sail', name: 'none', namespace: NAMESPACE };
      expect(await cluster.get({ ref })).toBeUndefined();
    });

    it('tells kinds that live in namespaces from those of the whole cluster', async () => {
      const of = (apiVersion: string, kind: string) => cluster.isNamespaced({ apiVersion, kind });
      expect(await of('apps/v1', 'Deployment')).toBe(true);
      expect(await of('v1', 'Namespace')).toBe(false);
      expect(await of('rbac.authorization.k8s.io/v1', 'ClusterRoleBinding')).toBe(false);
    });

    it('creates an object once', async () => {
      const manifest = configMap('once', { sail: 'jib' });
      const created = await create(manifest);
      expect(created.metadata.uid).not.toBe('');
      expect(created.metadata.resourceVersion).not.toBe('');
      expect(Date.parse(created.metadata.creationTimestamp)).toBeGreaterThan(0);
      expect(await read(referenceOf(manifest))).toEqual(created);
      await expect(create(manifest)).rejects.toMatchObject({
        code: 'alreadyExists',
        message: expect.stringContaining('create ConfigMap contract/once'),
      });
    });

    it('takes names as they are, capitals and colons included', async () => {
      const role = {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'Role',
        metadata: { name: 'Team:Deployer', namespace: NAMESPACE },
        rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }],
      };
      await create(role);
      expect((await read(referenceOf(role))).metadata.name).toBe('Team:Deployer');
      expect((await apply(role)).metadata.name).toBe('Team:Deployer');
    });

    it('applies over a first write by POST, and removes what later manifests no longer have', async () => {
      const container = (env: { name: string; value: string }[]) => ({
        name: 'app',
        image: 'registry.test/app:1',
        env,
      });
      const a = { name: 'A', value: '1' };
      const b = { name: 'B', value: '2' };
      const c = { name: 'C', value: '3' };
      const first = deployment('removal', { containers: [container([a, b, c]), { name: 'side', image: 'side:1' }] });
      await create({ ...first, metadata: { ...first.metadata, labels: { one: '1', two: '2' } } });
      const second = deployment('removal', { containers: [container([a, b])] });
      await settled(() => apply({ ...second, metadata: { ...second.metadata, labels: { one: '1' } } }));
      const afterSecond = (await read(referenceOf(second))) as Deployment;
      expect(envOf(afterSecond)).toEqual([['A', 'B']]);
      expect(afterSecond.metadata.labels).toEqual({ one: '1' });
      const third = deployment('removal', { containers: [container([b])] });
      await settled(() => apply(third));
      const afterThird = (await read(referenceOf(third))) as Deployment;
      expect(envOf(afterThird)).toEqual([['B']]);
      expect(afterThird.metadata.labels ?? {}).toEqual({});
      const ours = afterThird.metadata.managedFields?.filter(({ manager }) => manager === MANAGER);
      expect(ours?.map(({ operation }) => operation)).toEqual(['Apply']);
    });

    it('leaves to others what they wrote and the manifest does not have', async () => {
      const manifest = configMap('shared', { ours: '1' });
      await create(manifest);
      const expected = (await read(referenceOf(manifest))).metadata;
      await cluster.apply({ manifest: configMap('shared', { theirs: '2' }), expected, fieldManager: 'someone' });
      await apply(configMap('shared', { ours: '3' }));
      expect((await read(referenceOf(manifest))).data).toEqual({ ours: '3', theirs: '2' });
      await apply(configMap('shared', {}));
      expect((await read(referenceOf(manifest))).data).toEqual({ theirs: '2' });
    });

    it('counts a new specification as a new generation, and the same one not', async () => {
      const manifest = deployment('generations', { containers: [{ name: 'app', image: 'registry.test/app:1' }] });
      expect((await create(manifest)).metadata.generation).toBe(1);
      expect((await settled(() => apply(manifest))).metadata.generation).toBe(1);
      const changed = deployment('generations', { containers: [{ name: 'app', image: 'registry.test/app:2' }] });
      expect((await settled(() => apply(changed))).metadata.generation).toBe(2);
    });

    it('refuses a write to a state that has passed', async () => {
      const manifest = configMap('stale', { turn: '1' });
      const old = await create(manifest);
      await apply(configMap('stale', { turn: '2' }));
      const late = { manifest: configMap('stale', { turn: '0' }), expected: old.metadata, fieldManager: MANAGER };
      await expect(cluster.apply(late)).rejects.toMatchObject({
        code: 'conflict',
        retryable: true,
        message: expect.stringContaining('ConfigMap contract/stale'),
      });
      expect((await read(referenceOf(manifest))).data).toEqual({ turn: '2' });
    });

    it('does not bring back what was deleted, nor write to what was created anew', async () => {
      const manifest = configMap('reborn', { life: '1' });
      const ref = referenceOf(manifest);
      const old = await create(manifest);
      await apply(manifest);
      const { metadata } = await read(ref);
      await cluster.delete({ ref, expected: metadata, propagation: 'background' });
      const late = { manifest, expected: metadata, fieldManager: MANAGER };
      await expect(cluster.apply(late)).rejects.toMatchObject({ code: 'conflict' });
      expect(await cluster.get({ ref })).toBeUndefined();
      const reborn = await create(manifest);
      const { resourceVersion } = reborn.metadata;
      const expected = { uid: old.metadata.uid, resourceVersion, managedFields: [] };
      await expect(cluster.apply({ ...late, expected })).rejects.toMatchObject({ code: 'conflict' });
    });

    it('deletes only the state that was meant', async () => {
      const manifest = configMap('deletion', {});
      const ref = referenceOf(manifest);
      const old = await create(manifest);
      await apply(configMap('deletion', { newer: 'yes' }));
      const command = { ref, propagation: 'background' } as const;
      await expect(cluster.delete({ ...command, expected: old.metadata })).rejects.toMatchObject({ code: 'conflict' });
      await cluster.delete({ ...command, expected: (await read(ref)).metadata });
      await expect(cluster.delete({ ...command, expected: old.metadata })).rejects.toMatchObject({ code: 'notFound' });
    });

    it('lists by kind, namespace, labels and name', async () => {
      for (const [name, tier] of [
        ['list-a', 'front'],
        ['list-b', 'back'],
        ['list-c', 'back'],
      ] as const) {
        const manifest = configMap(name, {});
        await create({ ...manifest, metadata: { ...manifest.metadata, labels: { suite: 'list', tier } } });
      }
      const names = async (more: { labelSelector?: string; name?: string }) => {
        const { items } = await cluster.list({ apiVersion: 'v1', kind: 'ConfigMap', namespace: NAMESPACE, ...more });
        expect(items.every((item) => item.kind === 'ConfigMap' && item.apiVersion === 'v1')).toBe(true);
        return items.map((item) => item.metadata.name).sort();
      };
      expect(await names({ labelSelector: 'suite=list' })).toEqual(['list-a', 'list-b', 'list-c']);
      expect(await names({ labelSelector: 'suite=list,tier!=back' })).toEqual(['list-a']);
      expect(await names({ labelSelector: 'suite=list,tier in (back,side)' })).toEqual(['list-b', 'list-c']);
      expect(await names({ labelSelector: 'suite=list,!tier' })).toEqual([]);
      expect(await names({ name: 'list-b' })).toEqual(['list-b']);
    });

    it('shows each change from a list on, in order, until it is aborted', async () => {
      const selection = { apiVersion: 'v1', kind: 'ConfigMap', namespace: NAMESPACE, labelSelector: 'suite=watch' };
      const named = (name: string, data: { [key: string]: string }, suite = 'watch') => {
        const manifest = configMap(name, data);
        return { ...manifest, metadata: { ...manifest.metadata, labels: { suite } } };
      };
      await create(named('watched-before', {}));
      const { items, resourceVersion } = await cluster.list(selection);
      expect(items.map((item) => item.metadata.name)).toEqual(['watched-before']);
      await create(named('watched', { step: '1' }));
      const stop = new AbortController();
      const seen: string[] = [];
      const watching = (async () => {
        for await (const event of cluster.watch({ ...selection, resourceVersion, signal: stop.signal })) {
          if (event.type !== 'BOOKMARK') seen.push(nameEvent(event));
        }
        return 'ended';
      })();
      await apply(named('watched', { step: '2' }));
      await apply(named('watched', { step: '2' }, 'other'));
      const before = await read(referenceOf(named('watched-before', {})));
      await cluster.delete({ ref: referenceOf(before), expected: before.metadata, propagation: 'background' });
      await until(() => seen.at(-1) === 'DELETED watched-before');
      stop.abort();
      expect(await watching).toBe('ended');
      // Taking a first write over to apply may show as a change of its own.
      expect(seen.filter((event, index) => event !== seen[index - 1])).toEqual([
        'ADDED watched',
        'MODIFIED watched',
        'DELETED watched',
        'DELETED watched-before',
      ]);
    });

    it('ends a watch at once when its signal has aborted already', async () => {
      const query = { apiVersion: 'v1', kind: 'ConfigMap', namespace: NAMESPACE, resourceVersion: '1' };
      for await (const _ of cluster.watch({ ...query, signal: AbortSignal.abort() })) throw new Error('an event');
    });

    it('rolls a Deployment out through ReplicaSets and Pods, and on to the next version', async () => {
      const manifest = deployment('rolling', { containers: [{ name: 'app', image: 'registry.test/app:1' }] }, 2);
      const created = await create(manifest);
      const isStable = async () => {
        const { metadata, spec, status } = (await read(referenceOf(manifest))) as Deployment;
        if (status?.observedGeneration !== metadata.generation || status?.updatedReplicas !== 2) return false;
        return status?.availableReplicas === 2 && status?.replicas === spec?.replicas;
      };
      await until(isStable);
      const sets = async () => {
        const query = { apiVersion: 'apps/v1', kind: 'ReplicaSet', namespace: NAMESPACE, labelSelector: 'app=rolling' };
        return (await cluster.list(query)).items as ReplicaSet[];
      };
      const [first] = await sets();
      expect(first?.metadata.ownerReferences?.[0]?.uid).toBe(created.metadata.uid);
      expect(first?.metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('1');
      const pods = await podsOf(cluster, 'rolling');
      expect(pods).toHaveLength(2);
      for (const pod of pods) expect(pod.metadata.ownerReferences?.[0]?.uid).toBe(first?.metadata.uid);
      expect(pods[0]?.metadata.labels?.['pod-template-hash']).toBe(first?.metadata.labels?.['pod-template-hash']);
      await settled(() =>
        apply(deployment('rolling', { containers: [{ name: 'app', image: 'registry.test/app:2' }] }, 2)),
      );
      await until(isStable);
      await until(async () => (await podsOf(cluster, 'rolling')).length === 2);
      const replicas = (await sets()).map((set) => [
        set.metadata.annotations?.['deployment.kubernetes.io/revision'],
        set.spec?.replicas,
      ]);
      expect(replicas.sort()).toEqual([
        ['1', 0],
        ['2', 2],
      ]);
      const events = await cluster.events({
        ref: { ...referenceOf(manifest), uid: first?.metadata.ownerReferences?.[0]?.uid ?? '' },
      });
      expect(events.map((event) => event.reason)).toContain('ScalingReplicaSet');
      const live = await read(referenceOf(manifest));
      await cluster.delete({
        ref: referenceOf(manifest),
        expected: (await fresh(live)).metadata,
        propagation: 'foreground',
      });
      await until(async () => (await cluster.get({ ref: referenceOf(manifest) })) === undefined);
      expect((await podsOf(cluster, 'rolling')).filter((pod) => !pod.metadata.deletionTimestamp)).toEqual([]);
    });

    it('tells of an image that cannot be pulled', async () => {
      await create(deployment('pulling', { containers: [{ name: 'app', image: 'registry.test/app:broken' }] }));
      await until(async () => {
        const [pod] = await podsOf(cluster, 'pulling');
        const reason = pod?.status?.containerStatuses?.[0]?.state?.waiting?.reason ?? '';
        return ['ErrImagePull', 'ImagePullBackOff'].includes(reason);
      });
    });

    it('tells of a container that crashes again and again', async () => {
      await create(deployment('crashing', { containers: [{ name: 'app', image: 'registry.test/app:crash' }] }));
      await until(async () => {
        const [pod] = await podsOf(cluster, 'crashing');
        return (pod?.status?.containerStatuses?.[0]?.restartCount ?? 0) >= 2;
      });
    });

    it('tells of a pod that fits no node, in its conditions and in its events', async () => {
      const spec = { nodeSelector: { disk: 'none' }, containers: [{ name: 'app', image: 'registry.test/app:1' }] };
      await create(deployment('homeless', spec));
      await until(async () => {
        const [pod] = await podsOf(cluster, 'homeless');
        return pod?.status?.conditions?.some((condition) => condition.reason === 'Unschedulable') === true;
      });
      const [pod] = await podsOf(cluster, 'homeless');
      if (pod === undefined) throw new Error('the pod is gone');
      const ref = { ...referenceOf(pod), uid: pod.metadata.uid };
      await until(async () =>
        (await cluster.events({ ref })).some(({ type, reason }) => type === 'Warning' && reason === 'FailedScheduling'),
      );
    });

    it('completes a Job, and fails one whose pod fails', async () => {
      const ended = async (name: string, type: string) => {
        const ref = { apiVersion: 'batch/v1', kind: 'Job', name, namespace: NAMESPACE };
        const { status } = (await read(ref)) as Job;
        return status?.conditions?.some((condition) => condition.type === type && condition.status === 'True') === true;
      };
      await create(job('job-good', 'registry.test/migrate:1'));
      await create(job('job-bad', 'registry.test/migrate:fail'));
      await until(() => ended('job-good', 'Complete'));
      await until(() => ended('job-bad', 'Failed'));
    });

    it('says that a quota is used up', async () => {
      const quota = { hard: { pods: '0' } };
      await create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'contract-full' } });
      const metadata = { name: 'quota', namespace: 'contract-full' };
      await create({ apiVersion: 'v1', kind: 'ResourceQuota', metadata, spec: quota });
      const manifest = deployment('full', { containers: [{ name: 'app', image: 'registry.test/app:1' }] });
      const elsewhere = { ...manifest, metadata: { ...manifest.metadata, namespace: 'contract-full' } };
      const { ref } = { ref: referenceOf(await create(elsewhere)) };
      await until(async () => {
        const { status } = (await read(ref)) as Deployment;
        const failure = status?.conditions?.find((condition) => condition.type === 'ReplicaFailure');
        return failure?.status === 'True' && failure.message?.includes('exceeded quota') === true;
      });
    });

    it('refuses a change of what cannot change', async () => {
      const manifest = job('immutable', 'registry.test/migrate:1');
      await create(manifest);
      const changed = job('immutable', 'registry.test/migrate:2');
      await expect(settled(() => apply(changed))).rejects.toMatchObject({ code: 'invalid', retryable: false });
    });

    it('keeps what the container of a Job leaves behind, in its state and in its log', async () => {
      const manifest = job('job-telling', 'registry.test/migrate:1');
      const spec = manifest.spec as { template: object };
      const annotations = {
        [TERMINATION_MESSAGE_ANNOTATION]: '{"rows":3}',
        [LOG_ANNOTATION]: CONTAINER_LOG.map((line) => `${line}\n`).join(''),
      };
      const metadata = { labels: { app: 'job-telling' }, annotations };
      await create({ ...manifest, spec: { ...spec, template: { ...spec.template, metadata } } });
      await until(async () => (await podsOf(cluster, 'job-telling'))[0]?.status?.phase === 'Succeeded');
      const [pod] = await podsOf(cluster, 'job-telling');
      const terminated = pod?.status?.containerStatuses?.[0]?.state?.terminated;
      expect(terminated).toMatchObject({ exitCode: 0, message: '{"rows":3}' });
      const query = { pod: { name: pod?.metadata.name ?? '', namespace: NAMESPACE }, container: 'job' };
      expect(await cluster.logs({ ...query, lines: 10 })).toEqual(CONTAINER_LOG);
      expect(await cluster.logs({ ...query, lines: 2 })).toEqual(CONTAINER_LOG.slice(-2));
      const nobody = { name: 'nobody', namespace: NAMESPACE };
      expect(await cluster.logs({ ...query, pod: nobody, lines: 2 })).toBeUndefined();
    });

    it('has no log yet of a container that has not started', async () => {
      const spec = { nodeSelector: { disk: 'none' }, containers: [{ name: 'app', image: 'registry.test/app:1' }] };
      await create(deployment('silent', spec));
      await until(async () => (await podsOf(cluster, 'silent')).length === 1);
      const [pod] = await podsOf(cluster, 'silent');
      const query = { pod: { name: pod?.metadata.name ?? '', namespace: NAMESPACE }, container: 'app', lines: 5 };
      expect(await cluster.logs(query)).toEqual([]);
    });

    const tried = async (manifest: Manifest) => {
      const live = await cluster.get({ ref: referenceOf(manifest) });
      return cluster.dryRun({ manifest, fieldManager: MANAGER, ...(live === undefined ? {} : { live }) });
    };

    it('tells what a first write would make, and writes nothing', async () => {
      const manifest = configMap('tried-first', { sail: 'jib' });
      expect(await tried(manifest)).toMatchObject({ kind: 'ConfigMap', data: { sail: 'jib' } });
      expect(await cluster.get({ ref: referenceOf(manifest) })).toBeUndefined();
      await create(manifest);
      const late = cluster.dryRun({ manifest, fieldManager: MANAGER });
      await expect(late).rejects.toMatchObject({ code: 'alreadyExists' });
    });

    it('tells what an apply would make of the object, right after its creation and later', async () => {
      const container = (names: string[]) => ({
        name: 'app',
        image: 'registry.test/app:1',
        env: names.map((name) => ({ name, value: '1' })),
      });
      const first = deployment('tried', { containers: [container(['A', 'B'])] }, 0);
      await create({ ...first, metadata: { ...first.metadata, labels: { one: '1', two: '2' } } });
      const second = deployment('tried', { containers: [container(['B', 'C'])] }, 0);
      const labelled = { ...second, metadata: { ...second.metadata, labels: { one: '1' } } };
      for (const round of ['after the creation', 'after an apply']) {
        const before = await read(referenceOf(first));
        const planned = (await settled(() => tried(labelled))) as Deployment;
        expect([round, envOf(planned), planned.metadata.labels]).toEqual([round, [['B', 'C']], { one: '1' }]);
        expect((await read(referenceOf(first))).spec).toEqual(before.spec);
        await settled(() => apply({ ...first, metadata: { ...first.metadata, labels: { one: '1', two: '2' } } }));
      }
      await settled(() => apply(labelled));
      expect((await settled(() => tried(labelled))).spec).toEqual((await read(referenceOf(first))).spec);
    });

    it('leaves to others what they wrote when it tries an apply', async () => {
      await create(configMap('tried-shared', { ours: '1' }));
      const expected = (await read(referenceOf(configMap('tried-shared', {})))).metadata;
      const theirs = configMap('tried-shared', { theirs: '2' });
      await cluster.apply({ manifest: theirs, expected, fieldManager: 'someone' });
      expect((await tried(configMap('tried-shared', { ours: '3' }))).data).toEqual({ ours: '3', theirs: '2' });
      expect((await tried(configMap('tried-shared', {}))).data).toEqual({ theirs: '2' });
    });

    it('refuses to try a change of what cannot change, or of a state that has passed', async () => {
      const manifest = job('tried-immutable', 'registry.test/migrate:1');
      await create(manifest);
      const changed = job('tried-immutable', 'registry.test/migrate:2');
      await expect(settled(() => tried(changed))).rejects.toMatchObject({ code: 'invalid', retryable: false });
      const live = await create(configMap('tried-stale', { turn: '1' }));
      await apply(configMap('tried-stale', { turn: '2' }));
      const late = cluster.dryRun({ manifest: configMap('tried-stale', {}), live, fieldManager: MANAGER });
      await expect(late).rejects.toMatchObject({ code: 'conflict', retryable: true });
    });

    async function fresh(object: LiveObject): Promise<LiveObject> {
      return read(referenceOf(object));
    }
  });
}

/** Controllers write statuses meanwhile: a write is tried again on the newest state. */
async function settled<T>(write: () => Promise<T>): Promise<T> {
  for (let tried = 1; ; tried++) {
    try {
      return await write();
    } catch (error) {
      if (!isClusterError(error, 'conflict') || tried >= 20) throw error;
      await sleep(POLL_MS);
    }
  }
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`not so within ${PATIENCE_MS} ms: ${isSo}`);
    await sleep(POLL_MS);
  }
}

async function podsOf(cluster: Cluster, app: string): Promise<Pod[]> {
  const query = { apiVersion: 'v1', kind: 'Pod', namespace: NAMESPACE, labelSelector: `app=${app}` };
  return (await cluster.list(query)).items as Pod[];
}

function nameEvent(event: Exclude<WatchEvent, { type: 'BOOKMARK' }>): string {
  return `${event.type} ${event.object.metadata.name}`;
}

function envOf(object: Deployment): (string[] | undefined)[] | undefined {
  const containers = object.spec?.template?.spec?.containers as readonly { env?: { name: string }[] }[] | undefined;
  return containers?.map((container) => container.env?.map(({ name }) => name));
}

export function configMap(name: string, data: { [key: string]: string }): Manifest {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: NAMESPACE }, data };
}

export function deployment(name: string, podSpec: object, replicas = 1): Manifest {
  const labels = { app: name };
  const template = { metadata: { labels }, spec: podSpec };
  const spec = { replicas, selector: { matchLabels: labels }, template };
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, namespace: NAMESPACE }, spec };
}

export function job(name: string, image: string): Manifest {
  const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'job', image }] } };
  const spec = { backoffLimit: 0, template };
  return { apiVersion: 'batch/v1', kind: 'Job', metadata: { name, namespace: NAMESPACE }, spec };
}
