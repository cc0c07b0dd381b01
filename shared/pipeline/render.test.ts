import { describe, expect, it } from 'vitest';
import { readManifests, renderManifests } from './render.ts';

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
  const render = (text: string) =>
    renderManifests({ files: { 'a.json': text }, patterns: ['a.json'], pipelineFile: 'gennaker.yaml', images });

  it('puts the images in by digest', () => {
    const rendered = render(pod('pkg.dev/acme/items-api:old'));
    expect('text' in rendered && JSON.parse(rendered.text)).toMatchObject([
      { kind: 'Pod', spec: { containers: [{ image: `pkg.dev/acme/items-api:1.2.3@${digest}` }] } },
    ]);
  });

  it('refuses an image that no manifest uses', () => {
    expect(render(pod('pkg.dev/acme/item-api:old'))).toMatchObject({
      problems: [{ message: 'images.api  is used by no manifest; the images in them are pkg.dev/acme/item-api' }],
    });
  });

  it('refuses what no blob can hold', () => {
    const data = 'x'.repeat(900 * 1024);
    const files = Object.fromEntries(
      Array.from({ length: 10 }, (_, index) => [
        `${index}.json`,
        pod('pkg.dev/acme/items-api', data).replace('"a"', `"a${index}"`),
      ]),
    );
    expect(renderManifests({ files, patterns: ['*.json'], pipelineFile: 'gennaker.yaml', images })).toMatchObject({
      problems: [
        { message: expect.stringMatching(/^manifests\.files {2}come to \d+ bytes as JSON; at most 8388608 are kept$/) },
      ],
    });
  });
});
