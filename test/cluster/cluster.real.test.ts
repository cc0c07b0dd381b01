/** The cluster contract on a real kube-apiserver, and what only a real one can show. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type KubernetesCluster, openCluster } from '../../shared/kubernetes/client.ts';
import { raiseFence, writeFenced } from '../../shared/kubernetes/conditional-write.ts';
import { referenceOf } from '../../shared/ports/cluster.ts';
import { clusterContract, configMap, NAMESPACE } from '../contracts/cluster.contract.ts';
import { type ControlPlane, requireControlPlane, startControlPlane } from '../support/control-plane.ts';

const MANAGER = 'gennaker';

describe.skipIf(!requireControlPlane())('on a real control plane', () => {
  let plane: ControlPlane;
  beforeAll(async () => {
    plane = await startControlPlane();
    plane.kubectl(['create', 'namespace', NAMESPACE]);
  });
  afterAll(() => plane?.stop());

  const open = (contextName: string, requestTimeoutMs?: number): KubernetesCluster =>
    openCluster({
      access: { kubeconfigPath: plane.kubeconfigPath, contextName },
      ...(requestTimeoutMs === undefined ? {} : { requestTimeoutMs }),
    });

  clusterContract('kube-apiserver', async () => {
    const cluster = open(plane.contextName);
    return { cluster, close: async () => cluster.close() };
  });

  it('tells a person without rights and a wrong token apart', async () => {
    const nobody = open(plane.nobodyContextName);
    const manifest = configMap('rights', {});
    await expect(nobody.create({ manifest, fieldManager: MANAGER })).rejects.toMatchObject({ code: 'forbidden' });
    nobody.close();
    const certificateAuthority = Buffer.from(
      JSON.parse(plane.kubectl(['config', 'view', '--raw', '-o', 'json'])).clusters[0].cluster[
        'certificate-authority-data'
      ],
      'base64',
    ).toString();
    const access = { server: plane.server, certificateAuthority };
    const stranger = openCluster({ access: { ...access, token: async () => 'wrong' } });
    await expect(stranger.get({ ref: referenceOf(manifest) })).rejects.toMatchObject({ code: 'unauthorized' });
    stranger.close();
    let asked = 0;
    const token = async () => (asked++ === 0 ? 'expired' : plane.tokens.admin);
    const renewed = openCluster({ access: { ...access, token } });
    expect(await renewed.get({ ref: referenceOf(manifest) })).toBeUndefined();
    renewed.close();
  });

  it('raises a fence beside the fields of a delivery, which the next may still remove', async () => {
    const cluster = open(plane.contextName);
    const shared = { cluster, execution: 'e1', mayWrite: () => true };
    const fence = (step: number) => ({ lock: 'jp/items/items-api', turn: 1, attempt: 1, step });
    const first = await writeFenced({ ...shared, manifest: configMap('raised', { a: '1', b: '2' }), fence: fence(1) });
    if (first.is !== 'written') throw new Error(`it was ${first.is}`);
    const ref = referenceOf(first.object);
    expect(await raiseFence({ ...shared, ref, fence: fence(2) })).toEqual({ is: 'raised' });
    const late = { manifest: configMap('raised', { a: '9' }), expected: first.object.metadata, fieldManager: MANAGER };
    await expect(cluster.apply(late)).rejects.toMatchObject({ code: 'conflict' });
    const stale = await writeFenced({ ...shared, manifest: late.manifest, fence: fence(1) });
    expect(stale).toMatchObject({ is: 'fenced-off', by: '1.1.2' });
    expect((await cluster.get({ ref }))?.data).toEqual({ a: '1', b: '2' });
    const next = await writeFenced({ ...shared, manifest: configMap('raised', { a: '3' }), fence: fence(3) });
    expect(next).toMatchObject({ is: 'written', object: { data: { a: '3' } } });
    expect((await cluster.get({ ref }))?.data).toEqual({ a: '3' });
    cluster.close();
  });

  it('says that an unknown field is wrong, at the first write and at a later one', async () => {
    const cluster = open(plane.contextName);
    const manifest = { ...configMap('typing-error', {}), dta: { a: '1' } };
    await expect(cluster.create({ manifest, fieldManager: MANAGER })).rejects.toMatchObject({ code: 'invalid' });
    const { metadata } = await cluster.create({ manifest: configMap('typing-error', {}), fieldManager: MANAGER });
    const applied = cluster.apply({ manifest, expected: metadata, fieldManager: MANAGER });
    await expect(applied).rejects.toMatchObject({ code: 'invalid', message: expect.stringContaining('dta') });
    cluster.close();
  });

  it('takes custom resources as soon as their definition is established', async () => {
    const cluster = open(plane.contextName);
    const sail = {
      apiVersion: 'example.com/v1',
      kind: 'Sail',
      metadata: { name: 'jib', namespace: NAMESPACE },
      spec: { area: 12 },
    };
    const refused = cluster.create({ manifest: sail, fieldManager: MANAGER });
    await expect(refused).rejects.toMatchObject({ code: 'notFound', message: expect.stringContaining('Sail') });
    await cluster.create({ manifest: SAIL_DEFINITION, fieldManager: MANAGER });
    plane.kubectl(['wait', '--for=condition=Established', 'crd/sails.example.com', '--timeout=20s']);
    await expect
      .poll(() => cluster.create({ manifest: sail, fieldManager: MANAGER }).catch(() => undefined), { timeout: 10_000 })
      .toMatchObject({ spec: { area: 12 } });
    cluster.close();
  });

  it('notices a server that does not answer, and goes on when it does', async () => {
    const cluster = open(plane.contextName, 500);
    const ref = referenceOf(configMap('frozen', {}));
    expect(await cluster.get({ ref })).toBeUndefined();
    plane.freeze();
    try {
      await expect(cluster.get({ ref })).rejects.toMatchObject({ code: 'unreachable', retryable: true });
      await expect(cluster.get({ ref, signal: AbortSignal.timeout(100) })).rejects.toMatchObject({
        name: 'TimeoutError',
      });
    } finally {
      plane.thaw();
    }
    await expect.poll(() => cluster.get({ ref }).then(() => 'answered', String), { timeout: 10_000 }).toBe('answered');
    cluster.close();
  });

  it('names a context that the kubeconfig does not have', async () => {
    const query = { ref: referenceOf(configMap('any', {})) };
    await expect(open('elsewhere').get(query)).rejects.toThrow(/has no context elsewhere, only admin, nobody/);
  });
});

const SAIL_DEFINITION = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'sails.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { kind: 'Sail', plural: 'sails', singular: 'sail', listKind: 'SailList' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
};
