import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { RENDERER_ENVIRONMENT, requireRenderers } from '../../../test/support/renderers.ts';
import { programRenderer } from '../../adapters/programs/renderer.ts';
import type { Blobs } from '../../ports/blobs.ts';
import { RenderError, type Renderer } from '../../ports/renderer.ts';
import { type ProofWorld, prove } from '../proofs.ts';
import { bake } from './index.ts';

const SERVICE = 'apiVersion: v1\nkind: Service\nmetadata: { name: items-api }\n';
const POD = `apiVersion: v1
kind: Pod
metadata: { name: items-api }
spec: { containers: [{ name: api, image: acme.dev/items-api }] }
`;
const IMAGES = { api: { repository: 'acme.dev/items-api', tag: '1.2.3', digest: `sha256:${'9f3c'.repeat(16)}` } };

function hashOf(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}

/** A world with these files, whose effects are the blobs beside them. */
function world(files: { [path: string]: string } | undefined, renderer?: Renderer): ProofWorld {
  const kept = new Map<string, string>();
  const text = JSON.stringify(files ?? {});
  const blobs: Blobs = {
    put: async (command) => {
      kept.set(hashOf(command.text), command.text);
      return hashOf(command.text);
    },
    get: async ({ hash }) => (hash === hashOf(text) ? text : kept.get(hash)),
  };
  return {
    blobs,
    ...(renderer === undefined ? {} : { renderer }),
    context: { images: IMAGES, ...(files === undefined ? {} : { files: hashOf(text) }) },
    effects: () => [...kept],
  };
}

prove({
  name: 'from files',
  kind: bake,
  parameters: { files: ['k8s/*.yaml'] },
  world: () => world({ 'k8s/a.yaml': SERVICE, 'k8s/b.yaml': POD }),
});

describe.runIf(requireRenderers())('with the real kustomize', () => {
  prove({
    name: 'from a kustomization',
    kind: bake,
    parameters: { kustomize: 'k8s' },
    world: () =>
      world(
        { 'k8s/kustomization.yaml': 'resources: [a.yaml]\n', 'k8s/a.yaml': SERVICE },
        programRenderer(RENDERER_ENVIRONMENT),
      ),
  });
});

const missing: Renderer = {
  render: async () => {
    throw new RenderError('missing-program', 'kustomize is not here');
  },
};

prove({
  name: 'of what is wrong',
  kind: bake,
  parameters: { files: ['k8s/*.yaml'] },
  ends: 'failed',
  world: () => world({ 'k8s/a.yaml': 'kind: Service\n' }),
});
prove({
  name: 'without the program',
  kind: bake,
  parameters: { kustomize: 'k8s' },
  ends: 'failed',
  world: () => world({ 'k8s/kustomization.yaml': 'resources: []\n' }, missing),
});
prove({
  name: 'without files',
  kind: bake,
  parameters: { files: ['a'] },
  ends: 'failed',
  world: () => world(undefined),
});

describe('bake', () => {
  it('keeps the objects with the images put in, and says how many they are', async () => {
    const { blobs, context } = world({ 'k8s/a.yaml': SERVICE, 'k8s/b.yaml': POD });
    const given = { blobs, ...context, pipeline: 'items-api', namespace: 'items', renderer: missing };
    const unused = async (): Promise<never> => {
      throw new Error('not used by bakes');
    };
    const outcome = await bake.step(
      bake.with.parse({ files: ['k8s/*.yaml'] }),
      { cursor: undefined, input: { by: 'begin' } },
      {
        ...given,
        blobs: given.blobs ?? { put: unused, get: unused },
        images: IMAGES,
        execution: 'e1',
        stage: 'bake',
        attempt: 1,
        step: 1,
        tries: 1,
        key: 'e1/bake/1/1',
        deadline: 50_000,
        signal: new AbortController().signal,
        mayWrite: () => true,
        clock: { now: () => 0, after: () => () => undefined },
        locks: { read: unused, write: unused },
        isAtWork: unused,
        cluster: unused,
        secrets: { get: unused },
        http: { request: unused },
        log: { write: () => undefined },
        report: () => undefined,
      },
    );
    if (outcome.is !== 'succeeded') throw new Error(`the bake ${outcome.is}`);
    expect(outcome.outputs.objects).toBe(2);
    const text = (await blobs?.get({ hash: outcome.outputs.manifests })) ?? '';
    expect(JSON.parse(text)).toMatchObject([
      { kind: 'Service' },
      { kind: 'Pod', spec: { containers: [{ image: `acme.dev/items-api:1.2.3@${IMAGES.api.digest}` }] } },
    ]);
  });
});
