import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RENDERER_ENVIRONMENT, requireRenderers } from '../../../test/support/renderers.ts';
import { renderObjects } from '../../pipeline/render.ts';
import type { FileTexts, RenderRequest } from '../../ports/renderer.ts';
import type { ChildLimits } from './child.ts';
import { programRenderer, type RendererEnvironment } from './renderer.ts';

const NEVER = new AbortController().signal;
const CHART = { 'web/Chart.yaml': 'apiVersion: v2\nname: web\nversion: 1.0.0\n', 'web/values.yaml': 'size: 1\n' };
const HELM: RenderRequest = {
  program: 'helm',
  chart: 'web',
  values: [],
  set: {},
  release: 'items-api',
  namespace: 'items',
  apiVersions: [],
  checksSchema: true,
};
const KUSTOMIZE: RenderRequest = { program: 'kustomize', folder: 'k8s' };

let scratch: string;
let before: string | undefined;
beforeAll(async () => {
  before = process.env.TMPDIR;
  scratch = await mkdtemp(join(tmpdir(), 'gennaker-renderer-test-'));
  process.env.TMPDIR = scratch;
});
afterAll(async () => {
  if (before === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = before;
  await rm(scratch, { recursive: true, force: true });
});

function render(
  files: FileTexts,
  request: RenderRequest,
  more: { environment?: RendererEnvironment; limits?: Partial<ChildLimits>; signal?: AbortSignal } = {},
): Promise<string> {
  const { environment = RENDERER_ENVIRONMENT, limits = {}, signal = NEVER } = more;
  return programRenderer(environment, limits).render({ files, request, signal });
}

describe('a program that is not there', () => {
  it('is named, with the way on', async () => {
    await expect(render(CHART, HELM, { environment: { PATH: scratch } })).rejects.toMatchObject({
      code: 'missing-program',
      message:
        'helm is not on the PATH of the machine that renders; install it (https://helm.sh/docs/intro/install) or give its path in GENNAKER_HELM',
    });
    await expect(render({}, KUSTOMIZE, { environment: { GENNAKER_KUSTOMIZE: 'kustomize' } })).rejects.toMatchObject({
      code: 'missing-program',
      message: 'GENNAKER_KUSTOMIZE names "kustomize", which is not the absolute path of a program',
    });
  });
});

describe.runIf(requireRenderers())('the real programs', () => {
  it('render a kustomization that builds on another', async () => {
    const files = {
      'k8s/kustomization.yaml': 'resources: [../base]\nnamePrefix: jp-\n',
      'base/kustomization.yaml': 'resources: [s.yaml]\n',
      'base/s.yaml': 'apiVersion: v1\nkind: Service\nmetadata: { name: a }\n',
    };
    expect(await render(files, KUSTOMIZE)).toBe('apiVersion: v1\nkind: Service\nmetadata:\n  name: jp-a\n');
  });

  it('render a chart with its values, its definitions and without its tests', async () => {
    const files = {
      ...CHART,
      'a,"b.yaml': 'size: 2\nother: b\n',
      'web/crds/crd.yaml': 'apiVersion: v1\nkind: CustomResourceDefinition\nmetadata: { name: c }\n',
      'web/templates/tests/t.yaml': 'kind: Pod\nmetadata: { name: t, annotations: { helm.sh/hook: test } }\n',
      'web/templates/a.yaml': [
        'kind: ConfigMap',
        'metadata: { name: {{ .Release.Name }}, namespace: {{ .Release.Namespace }} }',
        'data: {{ .Values | toJson }}',
        'has: {{ .Capabilities.APIVersions.Has "acme.dev/v1" }}',
        'version: {{ .Capabilities.KubeVersion.Minor }}',
        '',
      ].join('\n'),
    };
    const request = {
      ...HELM,
      values: ['a,"b.yaml'],
      set: { size: 3 },
      kubeVersion: '1.31',
      apiVersions: ['acme.dev/v1'],
    };
    const text = await render(files, request);
    expect(text).toContain('name: items-api, namespace: items');
    expect(text).toContain('data: {"other":"b","size":3}\nhas: true\nversion: 31');
    expect(text).toContain('# Source: web/crds/crd.yaml');
    expect(text).not.toContain('kind: Pod');
  });

  it('see nothing of the environment, and the same folder every time', async () => {
    process.env.GENNAKER_TEST_CANARY = 'canary';
    const files = {
      'k8s/kustomization.yaml': 'configMapGenerator: [{ name: c, envs: [e] }]\n',
      'k8s/e': 'GENNAKER_TEST_CANARY\nPATH\nHOME\nTMPDIR\n',
    };
    const first = await render(files, KUSTOMIZE);
    delete process.env.GENNAKER_TEST_CANARY;
    expect(first).not.toMatch(/canary|\/root|\/home\/|\/usr|\/tmp/);
    expect(await render(files, KUSTOMIZE)).toBe(first);
  });

  it('fetch nothing, even where nobody has looked at the files before', async () => {
    const remote = { 'k8s/kustomization.yaml': 'resources: ["https://example.com/x.yaml"]\n' };
    await expect(render(remote, KUSTOMIZE)).rejects.toThrow('127.0.0.1:9: connect: connection refused');
    const git = { 'k8s/kustomization.yaml': 'resources: ["github.com/acme/k8s//jp"]\n' };
    await expect(render(git, KUSTOMIZE)).rejects.toThrow("no 'git' program on path");
    const outside = { 'k8s/kustomization.yaml': 'resources: [/etc/hostname]\n' };
    await expect(render(outside, KUSTOMIZE)).rejects.toMatchObject({ code: 'refused' });
  });

  it('are ended when they take too much time, memory or room', async () => {
    const template = (text: string) => ({ ...CHART, 'web/templates/a.yaml': text });
    const endless = '{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}';
    await expect(render(template(endless), HELM, { limits: { timeoutMs: 300 } })).rejects.toMatchObject({
      code: 'over-limit',
      message: 'helm did not end within 0.3 s and was ended',
    });
    await expect(render(template('a: {{ repeat 2000000000 "x" | len }}'), HELM)).rejects.toMatchObject({
      code: 'over-limit',
      message: 'helm needed more than 402653184 bytes of memory and was ended',
    });
    await expect(
      render(template('a: {{ repeat 200000 "x" }}'), HELM, { limits: { outputBytes: 1000 } }),
    ).rejects.toMatchObject({ code: 'over-limit', message: 'helm printed more than 1000 bytes and was ended' });
  });

  it('are ended when whoever asked gives up', async () => {
    const files = {
      ...CHART,
      'web/templates/a.yaml': '{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}',
    };
    const giveUp = new AbortController();
    const rendering = render(files, HELM, { signal: giveUp.signal });
    giveUp.abort(new Error('given up'));
    await expect(rendering).rejects.toThrow('given up');
  });

  it.each([['../a'], ['/etc/a'], ['a//b'], ['a\\b'], ['a\0b'], ['./a']])(
    'are given no file called %j',
    async (path) => {
      await expect(render({ ...CHART, [path]: '' }, HELM)).rejects.toMatchObject({ code: 'refused' });
    },
  );

  it.each<[string, object, FileTexts, object]>([
    [
      'a template',
      { helm: { chart: 'web' } },
      { ...CHART, 'web/templates/a.yaml': 'a: b\nc: {{ .Values.d.e }}\n' },
      { file: 'web/templates/a.yaml', line: 2, column: 13, message: expect.stringContaining('nil pointer') },
    ],
    [
      'a template that does not parse',
      { helm: { chart: 'web' } },
      { ...CHART, 'web/templates/a.yaml': 'a: b\nc: {{ nothing }}\n' },
      { file: 'web/templates/a.yaml', line: 2, message: expect.stringContaining('"nothing" not defined') },
    ],
    [
      'what a template makes',
      { helm: { chart: 'web' } },
      { ...CHART, 'web/templates/a.yaml': 'kind: a: b\n' },
      { file: 'web/templates/a.yaml', message: expect.stringContaining('mapping values are not allowed') },
    ],
    [
      'the values',
      { helm: { chart: 'web', set: { size: 'x' } } },
      { ...CHART, 'web/values.schema.json': '{ "properties": { "size": { "type": "number" } } }' },
      { file: 'web/Chart.yaml', message: expect.stringContaining("at '/size': got string, want number") },
    ],
    [
      'a resource',
      { kustomize: 'k8s' },
      { 'k8s/kustomization.yaml': 'resources: [d.yaml]\n', 'k8s/d.yaml': 'kind: Service\nmetadata: [\n' },
      { file: 'k8s/d.yaml', message: expect.stringContaining('MalformedYAMLError') },
    ],
    [
      'a patch without a target',
      { kustomize: 'k8s' },
      {
        'k8s/kustomization.yaml': 'patches: [{ path: p.yaml }]\n',
        'k8s/p.yaml': 'apiVersion: v1\nkind: A\nmetadata: { name: b }\n',
      },
      { file: 'k8s/kustomization.yaml', message: expect.stringContaining('no resource matches') },
    ],
  ])('say where %s is wrong', async (_what, source, files, expected) => {
    const renderer = programRenderer(RENDERER_ENVIRONMENT);
    const place = { pipelineFile: 'gennaker.yaml', pipeline: 'items-api', namespace: 'items', signal: NEVER };
    const result = await renderObjects({ ...place, source, files, renderer });
    expect('problems' in result ? result.problems : []).toEqual([expect.objectContaining(expected)]);
  });

  it('leave nothing behind', async () => {
    expect(await readdir(scratch)).toEqual([]);
  });
});
