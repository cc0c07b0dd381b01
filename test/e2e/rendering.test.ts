/** Manifests that the real kustomize and helm make, from the files that `apply` sends to the objects in the cluster. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Clusters } from '../../cli/system/clusters.ts';
import { endOf, executionOf, type Face, faceOf, stageOf } from '../support/face.ts';
import { startMemorySystem, TOKEN } from '../support/memory-system.ts';
import { RENDERER_ENVIRONMENT, requireRenderers } from '../support/renderers.ts';

const DIGEST = `sha256:${'9f3c'.repeat(16)}`;
const PATIENCE_MS = 90_000;

const PIPELINE = `pipeline: items-api
team: items
inputs: { replicas: { type: number, default: 2 } }
images: { api: { repository: acme.dev/items-api, tag: "*" } }
manifests: { kustomize: "k8s/\${{ target.name }}" }
stages:
  release: { uses: deploy, targets: [jp, us] }
  bake:
    needs: release
    uses: bake
    with: { helm: { chart: web, set: { image: "\${{ stages.release.jp.images.api }}", size: "\${{ inputs.replicas }}" } } }
  extra: { needs: bake, uses: deploy, target: jp, with: { manifests: "\${{ stages.bake.manifests }}" } }
`;

const DEPLOYMENT = `apiVersion: apps/v1
kind: Deployment
metadata: { name: items-api }
spec:
  replicas: 1
  selector: { matchLabels: { app: items-api } }
  template:
    metadata: { labels: { app: items-api } }
    spec: { containers: [{ name: api, image: acme.dev/items-api }] }
`;

const FILES = {
  'gennaker.yaml': PIPELINE,
  'k8s/base/kustomization.yaml': 'resources: [deployment.yaml]\n',
  'k8s/base/deployment.yaml': DEPLOYMENT,
  'k8s/jp/kustomization.yaml': 'resources: [../base]\nreplicas: [{ name: items-api, count: 3 }]\n',
  'k8s/us/kustomization.yaml': 'resources: [../base]\nreplicas: [{ name: items-api, count: 2 }]\n',
  'web/Chart.yaml': 'apiVersion: v2\nname: web\nversion: 1.0.0\n',
  'web/templates/settings.yaml': `apiVersion: v1
kind: ConfigMap
metadata: { name: "{{ .Release.Name }}-settings", namespace: {{ .Release.Namespace }} }
data: { image: {{ .Values.image | quote }}, size: {{ .Values.size | quote }} }
`,
};

describe.runIf(requireRenderers())('manifests from kustomize and helm', () => {
  const parts = new AsyncDisposableStack();
  let folder: string;
  let clusters: Clusters;
  let face: Face;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gennaker-rendering-'));
    parts.defer(() => rm(folder, { recursive: true, force: true }));
    for (const [path, text] of Object.entries(FILES)) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
    }
    const started = await startMemorySystem({
      environment: RENDERER_ENVIRONMENT,
      resolver: { resolve: async () => ({ digest: DIGEST }) },
    });
    const { system } = started;
    clusters = started.clusters;
    parts.defer(() => system.stop());
    face = faceOf({ url: system.url, token: TOKEN });
  });
  afterAll(() => parts.disposeAsync());

  it(
    'are for each target what its overlay says, and what a stage rendered later',
    async () => {
      const applied = await face.gennaker(['apply', 'gennaker.yaml'], folder);
      expect(applied, applied.stderr).toMatchObject({ exit: 0 });
      const started = await face.gennaker(['run', 'items-api', '--image', 'api=1.2.3'], folder);
      expect(started, started.stderr).toMatchObject({ exit: 0 });
      const ended = await endOf(face, (await executionOf(face, 'items-api')).id);
      expect(ended.status, JSON.stringify(ended.stages)).toBe('succeeded');
      expect(stageOf(ended, 'bake')).toMatchObject({ status: 'succeeded' });

      const find = async (target: string, apiVersion: string, kind: string, name: string) => {
        const cluster = await clusters.clusterOf(target);
        return cluster.get({ ref: { apiVersion, kind, namespace: 'items', name } });
      };
      const image = `acme.dev/items-api:1.2.3@${DIGEST}`;
      for (const [target, replicas] of [
        ['jp', 3],
        ['us', 2],
      ] as const) {
        expect(await find(target, 'apps/v1', 'Deployment', 'items-api')).toMatchObject({
          spec: { replicas, template: { spec: { containers: [{ image }] } } },
        });
      }
      expect(await find('jp', 'v1', 'ConfigMap', 'items-api-settings')).toMatchObject({ data: { image, size: '2' } });
    },
    PATIENCE_MS,
  );

  it('are refused when they are applied, where the real program cannot make them', async () => {
    await writeFile(join(folder, 'k8s/jp/kustomization.yaml'), 'resources: [../base]\npatches: [{ path: p.yaml }]\n');
    await writeFile(join(folder, 'k8s/jp/p.yaml'), 'apiVersion: v1\nkind: Service\nmetadata: { name: none }\n');
    await writeFile(join(folder, 'gennaker.yaml'), PIPELINE.replace(/kustomize: .*/, 'kustomize: k8s/jp }'));
    const applied = await face.gennaker(['apply', 'gennaker.yaml'], folder);
    expect(applied).toMatchObject({ exit: 1, stderr: expect.stringContaining('k8s/jp/kustomization.yaml') });
    expect(applied.stderr).toContain('no resource matches');
  });
});
