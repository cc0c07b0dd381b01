import { describe, expect, it } from 'vitest';
import type { DeliveryContext } from '../kind.ts';
import { deploy } from './index.ts';
import { deliversThePlans, manifestsToApply } from './manifests.ts';
import { deployParameters } from './schema.ts';

const PLANNED = `sha256:${'a'.repeat(64)}`;
const BAKED = `sha256:${'b'.repeat(64)}`;
const DIGEST = `sha256:${'9f3c'.repeat(16)}`;
const configMap = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } });
const POD = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', labels: { app: 'web' } },
  spec: { containers: [{ name: 'web', image: 'acme.dev/web' }] },
};

function context(more: Partial<DeliveryContext> = {}): DeliveryContext {
  const blobs: { [hash: string]: unknown } = { [PLANNED]: [configMap('planned'), POD], [BAKED]: [configMap('baked')] };
  return {
    pipeline: 'web',
    namespace: 'shop',
    images: { web: { repository: 'acme.dev/web', tag: '1.0.0', digest: DIGEST } },
    manifests: PLANNED,
    blobs: {
      put: async () => PLANNED,
      get: async ({ hash }) => (Object.hasOwn(blobs, hash) ? JSON.stringify(blobs[hash]) : undefined),
    },
    ...more,
  };
}
const names = async (parameters: object, more?: Partial<DeliveryContext>) =>
  (await manifestsToApply(deployParameters.parse(parameters), context(more))).map(({ metadata }) => metadata.name);

describe('what a deploy applies', () => {
  it("is the plan's, or what a bake gave, or its own objects, or both of these", async () => {
    expect(await names({})).toEqual(['planned', 'web']);
    expect(await names({ manifests: BAKED })).toEqual(['baked']);
    expect(await names({ objects: [configMap('own')] })).toEqual(['own']);
    expect(await names({ manifests: BAKED, objects: [configMap('own')] })).toEqual(['baked', 'own']);
  });

  it('has the images and the namespace put in, wherever it comes from', async () => {
    const [pod] = await manifestsToApply(deployParameters.parse({ objects: [POD] }), context());
    expect(pod).toEqual({
      ...POD,
      metadata: { ...POD.metadata, namespace: 'shop' },
      spec: { containers: [{ name: 'web', image: `acme.dev/web:1.0.0@${DIGEST}` }] },
    });
  });

  it('leaves out what is not for now', async () => {
    const objects = [
      { when: false, object: configMap('no') },
      { when: true, object: configMap('yes') },
    ];
    expect(await names({ objects })).toEqual(['yes']);
    await expect(names({ objects: objects.slice(0, 1) })).rejects.toThrow('no manifest fits');
  });

  it('has no object twice', async () => {
    const again = { ...configMap('baked'), metadata: { name: 'baked', namespace: 'shop' } };
    await expect(names({ manifests: BAKED, objects: [again] })).rejects.toThrow(
      'choosing the manifests: ConfigMap shop/baked is given twice',
    );
  });

  it('needs not every image of the pipeline, where the stage says itself what it applies', async () => {
    expect(await names({ objects: [configMap('own')] })).toEqual(['own']);
    const images = { other: { repository: 'acme.dev/other', tag: '1', digest: DIGEST } };
    await expect(names({}, { images })).rejects.toThrow('none uses other (acme.dev/other)');
  });

  it('needs a blob that is there', async () => {
    await expect(names({ manifests: `sha256:${'c'.repeat(64)}` })).rejects.toThrow('is not there');
  });
});

describe('the parameters of deploy', () => {
  it("ask for the pipeline's manifests only where they give none, expressions or not", () => {
    expect(deploy.manifests).toBe(deliversThePlans);
    expect(deliversThePlans({})).toBe(true);
    expect(deliversThePlans({ manifests: 'an expression' })).toBe(false);
    expect(deliversThePlans({ objects: [] })).toBe(false);
  });

  it('are valid input again', () => {
    const given = { objects: [POD, { when: true, object: configMap('a') }], manifests: BAKED };
    const once = deployParameters.parse(given);
    expect(deployParameters.parse(JSON.parse(JSON.stringify(once)))).toEqual(once);
  });

  it.each([
    [{ manifests: 'sha256:1' }, 'must be what a bake stage gave, the output "manifests" of it, not "sha256:1"'],
    [{ objects: [{ when: 'yes', object: configMap('a') }] }, expect.any(String)],
    [{ objects: [{ kind: 'ConfigMap' }] }, expect.any(String)],
  ])('refuse %j', (given, message) => {
    expect(deployParameters.safeParse(given).error?.issues[0]?.message).toEqual(message);
  });
});

describe('a deploy that is held to namespaces', () => {
  const held = (parameters: object, baked: readonly object[] = []) =>
    names(parameters, {
      namespaces: ['shop', 'shop-*'],
      blobs: { put: async () => BAKED, get: async () => JSON.stringify(baked) },
      images: {},
    });
  const secret = (namespace: string) => ({
    ...configMap('keys'),
    kind: 'Secret',
    metadata: { name: 'keys', namespace },
  });
  const binding = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'all' },
  };
  const namespace = (name: string) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });

  it('applies what lies in them, and these themselves', async () => {
    expect(await held({ objects: [namespace('shop-eu'), secret('shop-eu'), configMap('own')] })).toEqual([
      'shop-eu',
      'own',
      'keys',
    ]);
  });

  it.each([
    [
      'an object elsewhere',
      secret('kube-system'),
      /Secret keys: "kube-system" is not among the namespaces of its team/,
    ],
    ['an object of the cluster', binding, /ClusterRoleBinding all: .* objects of a whole cluster/],
    ['another namespace', namespace('kube-system'), /"kube-system" is not among/],
    [
      'what only has the name of a kind',
      { ...secret('kube-system'), apiVersion: 'x.dev/v1', kind: 'Namespace' },
      /a whole cluster/,
    ],
  ])('refuses %s, given inline or baked', async (_, object, message) => {
    await expect(held({ objects: [object] })).rejects.toThrow(message);
    await expect(held({ manifests: BAKED }, [object])).rejects.toThrow(message);
    await expect(held({}, [object])).rejects.toThrow(message);
  });
});
