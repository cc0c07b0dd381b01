import { describe, expect, it } from 'vitest';
import { checkKustomizations } from './kustomization.ts';

function problems(files: { [path: string]: string }, folder = 'k8s/jp'): string[] {
  return checkKustomizations({ files, folder, pipelineFile: 'gennaker.yaml' }).map(
    ({ file, line, column, message }) => `${file}:${line}:${column}  ${message}`,
  );
}
const one = (text: string) => problems({ 'k8s/jp/kustomization.yaml': text, 'k8s/jp/d.yaml': '' });

describe('checkKustomizations', () => {
  it('lets through what refers to files and folders that are there', () => {
    const files = {
      'k8s/jp/kustomization.yaml': [
        'resources: [../base, d.yaml]',
        'components: [../more]',
        'patches: [{ path: p.yaml }, { patch: "- op: remove", target: { kind: Deployment } }]',
        'patchesStrategicMerge: [p.yaml, "{ kind: Deployment }", "kind: Deployment\\nspec: {}\\n"]',
        'configMapGenerator: [{ name: c, files: [p.yaml, key=d.yaml], envs: [e], literals: [URL=https://example.com] }]',
        'commonAnnotations: { docs: https://example.com }',
      ].join('\n'),
      'k8s/jp/d.yaml': '',
      'k8s/jp/p.yaml': '',
      'k8s/jp/e': '',
      'k8s/base/kustomization.yml': 'resources: [../jp/d.yaml]\n',
      'k8s/more/Kustomization': 'kind: Component\n',
    };
    expect(problems(files)).toEqual([]);
  });

  const ADDRESS = 'is an address; nothing is fetched here: download it and commit it';
  it.each<[string, string[]]>([
    ['resources: ["https://example.com/x.yaml"]', [`1:13  resources[0]  "https://example.com/x.yaml" ${ADDRESS}`]],
    ['resources: ["HTTPS://example.com/x.yaml"]', [`1:13  resources[0]  "HTTPS://example.com/x.yaml" ${ADDRESS}`]],
    ['resources: [github.com/acme/k8s//jp]', [`1:13  resources[0]  "github.com/acme/k8s//jp" ${ADDRESS}`]],
    ['resources: ["git@github.com:acme/k8s"]', [`1:13  resources[0]  "git@github.com:acme/k8s" ${ADDRESS}`]],
    ['resources: ["gitlab.acme.dev/k8s?ref=main"]', [`1:13  resources[0]  "gitlab.acme.dev/k8s?ref=main" ${ADDRESS}`]],
    [
      'resources: [acme.dev/x.yaml]',
      [`1:13  resources[0]  "k8s/jp/acme.dev/x.yaml" is neither a file nor a folder of the pipeline's folder`],
    ],
    [
      'resources: [../../../other]',
      [
        `1:13  resources[0]  "../../../other" leads out of the pipeline's folder; move the pipeline file to a folder that holds both`,
      ],
    ],
    ['patches: [{ Path: "https://a.b/c" }]', [`1:19  patches[0].Path  "https://a.b/c" ${ADDRESS}`]],
    [
      'configMapGenerator: [{ name: c, fileſ: [k=https://a] }]',
      [`1:41  configMapGenerator[0].fileſ[0]  "https://a" ${ADDRESS}`],
    ],
    ['openapi: { path: https://a/b }', [`1:18  openapi.path  "https://a/b" ${ADDRESS}`]],
    ['Resources: [d.yaml]', ['1:1  Resources  is not a field of a kustomization; did you mean "resources"?']],
    [
      'generators: [g.yaml]',
      [
        '1:1  generators  configures plugins, which are not run here; use patches, replacements, labels or configMapGenerator',
      ],
    ],
    [
      'helmCharts: [{ name: redis }]',
      ['1:1  helmCharts  inflates charts, which is not done here; use manifests.helm, or commit what helm renders'],
    ],
    ['resources: [d.yaml]\n---\nresources: []', ['1:1  must be one map: a kustomization; it has 2 documents']],
    [
      'resources: [!!binary aHR0cHM6Ly9h]',
      ['1:22  resources[0]  is a kind of value that JSON does not have; write it in quotes'],
    ],
  ])('refuses %s', (text, expected) => {
    expect(one(text)).toEqual(expected.map((line) => `k8s/jp/kustomization.yaml:${line}`));
  });

  it('looks into every kustomization that the first builds on, each once', () => {
    const files = {
      'k8s/jp/kustomization.yaml': 'resources: [../base, ../base]\n',
      'k8s/base/kustomization.yaml': 'resources: [../jp, ftp://x]\n',
    };
    expect(problems(files)).toEqual([`k8s/base/kustomization.yaml:1:20  resources[1]  "ftp://x" ${ADDRESS}`]);
  });

  it('wants exactly one kustomization in the folder', () => {
    expect(problems({ 'k8s/jp/d.yaml': '' })).toEqual([
      'gennaker.yaml:1:1  manifests.kustomize  the folder "k8s/jp" has no kustomization.yaml',
    ]);
    expect(problems({ 'k8s/jp/Kustomization': '', 'k8s/jp/kustomization.yml': '' })[0]).toContain('has several: ');
    expect(problems({ 'k8s/jp': '' })).toEqual([
      'gennaker.yaml:1:1  manifests.kustomize  "k8s/jp" is a file; name the folder that it lies in',
    ]);
  });
});
