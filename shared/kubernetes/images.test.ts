import { describe, expect, it } from 'vitest';
import type { Manifest } from '../ports/cluster.ts';
import { parseImage, pinnedReference, substituteImages } from './images.ts';
import { podTemplateOf } from './objects.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const pinned = (repository: string, tag = '1.2.3') => ({ repository, tag, digest });

const podSpec = (images: string[], init: string[] = []) => ({
  initContainers: init.map((image, index) => ({ name: `init-${index}`, image })),
  containers: images.map((image, index) => ({ name: `main-${index}`, image, env: [{ name: 'KEEP', value: 'me' }] })),
});

function manifest(kind: string, spec: object): Manifest {
  return { apiVersion: 'apps/v1', kind, metadata: { name: 'items' }, spec };
}

function imagesOf(object: Manifest | undefined): (string | undefined)[] {
  const spec = object && podTemplateOf(object)?.spec;
  return [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])].map(({ image }) => image);
}

describe('images in manifests', () => {
  it('reads the parts of a reference', () => {
    expect(parseImage('registry.test:5000/team/app')).toEqual({ repository: 'registry.test:5000/team/app' });
    expect(parseImage(`registry.test:5000/team/app:1@${digest}`)).toEqual({
      repository: 'registry.test:5000/team/app',
      tag: '1',
      digest,
    });
  });

  it('knows a repository by every name that a pipeline may give it', () => {
    const before = manifest('Deployment', { template: { spec: podSpec(['registry-1.docker.io/acme/items-api:1']) } });
    const images = { api: pinned('docker.io/acme/items-api') };
    expect(substituteImages({ manifests: [before], images }).unused).toEqual([]);
  });

  it('pins containers and init containers of the repository, whatever their tag or digest', () => {
    const repository = 'registry.test:5000/items/api';
    const template = { spec: podSpec([repository, `${repository}:old`, 'sidecar:1'], [`${repository}@${digest}`]) };
    const before = manifest('Deployment', { replicas: 2, template });
    const { manifests, unused } = substituteImages({ manifests: [before], images: { api: pinned(repository) } });
    const wanted = `${repository}:1.2.3@${digest}`;
    expect(pinnedReference(pinned(repository))).toBe(wanted);
    expect(imagesOf(manifests[0])).toEqual([wanted, wanted, wanted, 'sidecar:1']);
    expect(manifests[0]?.spec).toMatchObject({
      replicas: 2,
      template: { spec: { containers: [{ env: [{}] }, {}, {}] } },
    });
    expect(unused).toEqual([]);
    expect(imagesOf(before)[3]).toBe('sidecar:1');
    expect(imagesOf(before)[1]).toBe(repository);
  });

  it.each([
    ['Pod', podSpec(['items/api:1'])],
    ['CronJob', { schedule: '* * * * *', jobTemplate: { spec: { template: { spec: podSpec(['items/api:1']) } } } }],
    ['Job', { template: { spec: podSpec(['items/api:1']) } }],
  ])('finds the pods of a %s', (kind, spec) => {
    const { manifests } = substituteImages({
      manifests: [manifest(kind, spec)],
      images: { api: pinned('docker.io/items/api') },
    });
    expect(imagesOf(manifests[0])).toEqual([`docker.io/items/api:1.2.3@${digest}`]);
  });

  it('knows the short names of Docker Hub', () => {
    const deployment = manifest('Deployment', { template: { spec: podSpec(['nginx']) } });
    const images = { web: pinned('docker.io/library/nginx') };
    expect(substituteImages({ manifests: [deployment], images }).unused).toEqual([]);
  });

  it('tells which declared image no manifest uses, and which repositories there are', () => {
    const deployment = manifest('Deployment', { template: { spec: podSpec(['registry.test/items/ap:1']) } });
    const manifests = [deployment, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'plain' } }];
    const result = substituteImages({ manifests, images: { api: pinned('registry.test/items/api') } });
    expect(result).toEqual({ manifests, unused: ['api'], repositories: ['registry.test/items/ap'] });
  });
});
