import { describe, expect, it } from 'vitest';
import type { Renderer } from '../ports/renderer.ts';
import { readManifests, renderManifests, renderObjects } from './render.ts';

const DEPLOYMENT = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: items-api
  labels: { app: items-api }
spec:
  template:
    spec:
      volumes:
        - name: keys
          secret: { defaultMode: 0644 }
`;
const SERVICE = 'apiVersion: v1\nkind: Service\nmetadata: { name: items-api }\n';

function read(files: { [path: string]: string }, patterns = ['**/*.yaml']) {
  return readManifests({ files, patterns, pipelineFile: 'gennaker.yaml' });
}
function problems(files: { [path: string]: string }, patterns?: string[]): string[] {
  const result = read(files, patterns);
  return 'problems' in result
    ? result.problems.map(({ file, line, column, message }) => `${file}:${line}:${column}  ${message}`)
    : [];
}

describe('readManifests', () => {
  it('reads every object of every file, in the order of the patterns', () => {
    const files = {
      'k8s/b.yaml': `${SERVICE}---\n---\n${DEPLOYMENT}`,
      'k8s/a.json': '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"}}',
      'other.yaml': 'not: used',
    };
    const result = read(files, ['k8s/*.json', './k8s/*.yaml']);
    expect('objects' in result && result.objects.map(({ kind }) => kind)).toEqual([
      'ConfigMap',
      'Service',
      'Deployment',
    ]);
  });

  it('reads scalars as kubectl does', () => {
    const text = `${SERVICE}spec: { mode: 0644, flag: yes, when: 2026-05-01, span: 1:30, name: "0644" }\n`;
    const result = read({ 'a.yaml': text });
    expect('objects' in result && result.objects[0]?.spec).toEqual({
      mode: 420,
      flag: true,
      when: '2026-05-01',
      span: '1:30',
      name: '0644',
    });
  });

  it('merges "<<", what stands in the map itself winning', () => {
    const text = `${SERVICE}base: &base { a: 1, b: 2 }\nspec: { <<: *base, b: 3 }\n`;
    const result = read({ 'a.yaml': text });
    expect('objects' in result && result.objects[0]?.spec).toEqual({ a: 1, b: 3 });
  });

  it('takes lists apart', () => {
    const list = {
      apiVersion: 'v1',
      kind: 'List',
      items: [
        { apiVersion: 'v1', kind: 'Service', metadata: { name: 'a' } },
        { apiVersion: 'v1', kind: 'Service', metadata: { name: 'b' } },
      ],
    };
    const result = read({ 'a.yaml': JSON.stringify(list) });
    expect('objects' in result && result.objects.map(({ metadata }) => metadata.name)).toEqual(['a', 'b']);
  });

  it.each<[string, { [path: string]: string }, string[] | undefined, string[]]>([
    [
      'a pattern without a file',
      {},
      ['k8s/*.yaml'],
      ['gennaker.yaml:1:1  manifests.files[0]  "k8s/*.yaml" names no file'],
    ],
    [
      'a way out',
      { a: SERVICE },
      ['../a'],
      ['gennaker.yaml:1:1  manifests.files[0]  "../a" leads out of the pipeline\'s folder'],
    ],
    [
      'no kind',
      { 'a.yaml': `${SERVICE}---\napiVersion: v1\nmetadata: { name: a }\n` },
      undefined,
      ['a.yaml:5:1  kind  is missing; every Kubernetes object has one'],
    ],
    [
      'no name',
      { 'a.yaml': 'apiVersion: v1\nkind: Service\nmetadata: {}\n' },
      undefined,
      ['a.yaml:3:11  metadata.name  is missing; every Kubernetes object has one'],
    ],
    [
      'a label that is a number',
      { 'a.yaml': `apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n  labels: { build: 7 }\n` },
      undefined,
      ['a.yaml:5:20  metadata.labels.build  must be text; write it in quotes'],
    ],
    ['no map', { 'a.yaml': '- a\n' }, undefined, ['a.yaml:1:1  the object  must be a map: a Kubernetes object']],
    [
      'an object twice',
      { 'a.yaml': SERVICE, 'b.yaml': `\n${SERVICE}` },
      undefined,
      ['b.yaml:2:1  Service items-api is given twice; first in a.yaml'],
    ],
    [
      'broken YAML',
      { 'a.yaml': 'a: [\n' },
      undefined,
      ['a.yaml:2:1  is not YAML: flow sequence in block collection must be sufficiently indented and end with a ]'],
    ],
    ['a key twice', { 'a.yaml': `${SERVICE}kind: Service\n` }, undefined, ['a.yaml:4:1  kind  is given twice']],
  ])('refuses %s, naming the place', (_what, files, patterns, expected) => {
    expect(problems(files, patterns)).toEqual(expected);
  });
});

const NEVER = new AbortController().signal;
const PLACE = { pipelineFile: 'gennaker.yaml', pipeline: 'items-api', namespace: 'items', signal: NEVER };
const noProgram: Renderer = {
  render: async ({ request }) => {
    throw new Error(`${request.program} was run`);
  },
};

describe('renderManifests', () => {
  const digest = `sha256:${'9f3c'.repeat(16)}`;
  const images = { api: { repository: 'pkg.dev/acme/items-api', tag: '1.2.3', digest } };
  const pod = (image: string, data = '') =>
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'a' },
      spec: { containers: [{ name: 'a', image }] },
      data,
    });
  const render = (text: string, source: unknown = { files: ['a.json'] }) =>
    renderManifests({ ...PLACE, files: { 'a.json': text }, source, images, renderer: noProgram });

  it('puts the images in by digest', async () => {
    const rendered = await render(pod('pkg.dev/acme/items-api:old'));
    expect('text' in rendered && JSON.parse(rendered.text)).toMatchObject([
      { kind: 'Pod', spec: { containers: [{ image: `pkg.dev/acme/items-api:1.2.3@${digest}` }] } },
    ]);
  });

  it('refuses an image that no manifest uses', async () => {
    expect(await render(pod('pkg.dev/acme/item-api:old'))).toMatchObject({
      problems: [{ message: 'images.api  is used by no manifest; the images in them are pkg.dev/acme/item-api' }],
    });
  });

  it('refuses what no blob can hold', async () => {
    const data = 'x'.repeat(900 * 1024);
    const files = Object.fromEntries(
      Array.from({ length: 10 }, (_, index) => [
        `${index}.json`,
        pod('pkg.dev/acme/items-api', data).replace('"a"', `"a${index}"`),
      ]),
    );
    const source = { files: ['*.json'] };
    expect(await renderManifests({ ...PLACE, files, source, images, renderer: noProgram })).toMatchObject({
      problems: [
        { message: expect.stringMatching(/^manifests {2}come to \d+ bytes as JSON; at most 8388608 are kept$/) },
      ],
    });
  });

  it.each<[unknown, string]>([
    [{}, 'manifests  takes exactly one of files, kustomize and helm, not none'],
    [
      { files: ['a'], kustomize: 'k' },
      'manifests  takes exactly one of files, kustomize and helm, not files and kustomize',
    ],
    [
      { kustomize: '../k' },
      `manifests.kustomize  "../k" leads out of the pipeline's folder; only what lies beside or below the pipeline file is taken`,
    ],
    [
      { helm: { chart: 'oci://ghcr.io/acme/web' } },
      'manifests.helm.chart  must be a path beside or below the pipeline file, not the address "oci://ghcr.io/acme/web": download it and commit it',
    ],
    [
      { helm: { chart: 'web', release: '--post-renderer' } },
      'manifests.helm.release  must be the name of a release: at most 53 lower-case letters, digits and "-", not "--post-renderer"',
    ],
    [
      { helm: { chart: 'web', 'kube-version': '1' } },
      'manifests.helm.kube-version  must be a version of Kubernetes, as in "1.34", not "1"',
    ],
    [{ helm: { chart: 'web' } }, 'manifests.helm.chart  the folder "web" has no Chart.yaml'],
    [{ kustomize: 'web' }, `manifests.kustomize  "web" is neither a file nor a folder of the pipeline's folder`],
  ])('refuses %j before any program runs', async (source, message) => {
    expect(await render(pod('a'), source)).toMatchObject({ problems: [{ file: 'gennaker.yaml', message }] });
  });
});

describe('what a program printed', () => {
  const CHART = 'apiVersion: v2\nname: web\nversion: 1.0.0\n';
  const service = (name: string, more = '') => `apiVersion: v1\nkind: Service\nmetadata: { name: ${name}${more} }\n`;
  const helm = (printed: string, options: object = {}) =>
    renderObjects({
      ...PLACE,
      files: { 'charts/web/Chart.yaml': CHART },
      source: { helm: { chart: 'charts/web', ...options } },
      renderer: { render: async () => printed },
    });
  const from = (file: string, text: string) => `---\n# Source: web/templates/${file}\n${text}`;

  it('is held to the same rules as a file, and told with the template', async () => {
    expect(await helm(from('a.yaml', service('a')) + from('b.yaml', 'kind: Service\nmetadata: {}\n'))).toEqual({
      problems: [
        {
          file: 'charts/web/templates/b.yaml',
          line: 1,
          column: 1,
          message: 'apiVersion  is missing; every Kubernetes object has one (line 3 of what helm makes of it)',
        },
        {
          file: 'charts/web/templates/b.yaml',
          line: 1,
          column: 1,
          message: 'metadata.name  is missing; every Kubernetes object has one (line 4 of what helm makes of it)',
        },
      ],
    });
  });

  it('may not have an object twice, in whichever words', async () => {
    const printed = from('a.yaml', service('a')) + from('b.yaml', service('a', ', namespace: items'));
    expect(await helm(printed)).toMatchObject({
      problems: [
        {
          file: 'charts/web/templates/b.yaml',
          message: 'Service items/a is given twice; first in charts/web/templates/a.yaml',
        },
      ],
    });
  });

  const hook = (when: string) =>
    from(
      'hook.yaml',
      `apiVersion: batch/v1\nkind: Job\nmetadata: { name: j, annotations: { helm.sh/hook: "${when}" } }\n`,
    );

  it('may not have hooks that would run, unless they are left out', async () => {
    const printed = from('a.yaml', service('a')) + hook('pre-install, post-delete');
    expect(await helm(printed)).toMatchObject({
      problems: [
        {
          file: 'charts/web/templates/hook.yaml',
          message:
            'metadata.annotations  Job j is a hook (pre-install), and hooks are not run; make it a stage of its own, switch it off by a value, or say hooks: leave-out',
        },
      ],
    });
    expect(await helm(printed, { hooks: 'leave-out' })).toMatchObject({ objects: [{ kind: 'Service' }] });
  });

  it('loses the hooks that no delivery runs', async () => {
    expect(await helm(from('a.yaml', service('a')) + hook('test') + hook('post-delete'))).toMatchObject({
      objects: [{ kind: 'Service' }],
    });
  });
});
