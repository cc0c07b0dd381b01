import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stageKinds } from '../shared/stages/registry.ts';
import { readManifestFiles, readPipelineFiles } from './pipeline-files.ts';

let root: string;
let folder: string;
let file: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'gennaker-files-'));
  folder = join(root, 'items');
  file = join(folder, 'gennaker.yaml');
  await mkdir(join(folder, 'deploy', 'more'), { recursive: true });
  await writeFile(join(root, 'secret.yaml'), 'token: secret');
  await writeFile(join(folder, 'deploy', 'service.yaml'), 'kind: Service');
  await writeFile(join(folder, 'deploy', 'more', 'deployment.yaml'), 'kind: Deployment');
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function manifests(...patterns: readonly string[]): Promise<{ [path: string]: string }> {
  const text = `pipeline: items-api\nmanifests:\n  files: ${JSON.stringify(patterns)}\nstages:\n  pause: { uses: wait, with: { for: 1s } }\n`;
  await writeFile(file, text);
  const [read] = await readPipelineFiles([file], stageKinds());
  expect(read?.problems).toEqual([]);
  return readManifestFiles(file, read?.pipelines ?? [], stageKinds());
}

describe('the manifests that a pipeline names', () => {
  it('are read by their paths from the pipeline file', async () => {
    expect(await manifests('./deploy/service.yaml')).toEqual({ 'deploy/service.yaml': 'kind: Service' });
  });

  it('are found by patterns, each once and in order', async () => {
    const found = await manifests('deploy/**/*.yaml', 'deploy/*.yaml');
    expect(Object.keys(found)).toEqual(['deploy/more/deployment.yaml', 'deploy/service.yaml']);
  });

  it.each(['../secret.yaml', '/etc/hostname', 'deploy/../../secret.yaml', '../*.yaml'])(
    'are not taken from outside the folder: %s',
    async (path) => {
      await expect(manifests(path)).rejects.toThrow("lies outside the pipeline's folder");
    },
  );

  it('are not taken from outside through a link', async () => {
    await symlink(join(root, 'secret.yaml'), join(folder, 'deploy', 'link.yaml'));
    await expect(manifests('deploy/*.yaml')).rejects.toThrow(
      `deploy/link.yaml is a link to what lies outside the pipeline's folder`,
    );
  });

  it('have to be there', async () => {
    await expect(manifests('deploy/servce.yaml', 'other/*.yaml')).rejects.toThrow(
      [
        `${file}:1:1  manifests.files  names "deploy/servce.yaml", and there is no such file`,
        `${file}:1:1  manifests.files  names "other/*.yaml", and no file matches it.`,
      ].join('\n'),
    );
  });
});

describe('what kustomize and helm render', () => {
  async function files(manifests: string, more = ''): Promise<string[]> {
    const stages = `stages:\n  pause: { uses: wait, with: { for: 1s } }\n${more}`;
    await writeFile(file, `pipeline: items-api\nmanifests: ${manifests}\n${stages}`);
    const [read] = await readPipelineFiles([file], stageKinds());
    expect(read?.problems).toEqual([]);
    return Object.keys(await readManifestFiles(file, read?.pipelines ?? [], stageKinds()));
  }
  async function write(path: string, content: string | Uint8Array): Promise<void> {
    await mkdir(join(folder, path, '..'), { recursive: true });
    await writeFile(join(folder, path), content);
  }

  beforeEach(async () => {
    await write('k8s/jp/kustomization.yaml', 'resources: [../base]\npatches: [{ path: p.yaml }]\n');
    await write('k8s/jp/p.yaml', '');
    await write('k8s/us/kustomization.yaml', 'resources: [../base, s.yaml]\n');
    await write('k8s/us/s.yaml', '');
    await write('k8s/base/kustomization.yml', 'resources: [../../deploy/service.yaml, missing.yaml]\n');
    await write('k8s/base/unused.yaml', '');
    await write('web/Chart.yaml', 'name: web\n');
    await write('web/charts/redis-1.0.0.tgz', Uint8Array.from([0x1f, 0x8b, 0xff]));
    await write('values-jp.yaml', '');
    await write('values-us.yaml', '');
    await write('other.yaml', '');
  });

  const BASE = ['deploy/service.yaml', 'k8s/base/kustomization.yml'];
  const JP = ['k8s/jp/kustomization.yaml', 'k8s/jp/p.yaml'];

  it('is what the kustomization and those that it builds on name', async () => {
    expect(await files('{ kustomize: k8s/jp }')).toEqual([...BASE, ...JP]);
  });

  it('is everything that an expression may stand for', async () => {
    const us = ['k8s/us/kustomization.yaml', 'k8s/us/s.yaml'];
    expect(await files(`{ kustomize: "k8s/\${{ pipeline.team }}" }`)).toEqual([...BASE, ...JP, ...us]);
    expect(await files(`{ helm: { chart: web, values: ["values-\${{ pipeline.team }}.yaml"] } }`)).toEqual([
      'values-jp.yaml',
      'values-us.yaml',
      'web/Chart.yaml',
      'web/charts/redis-1.0.0.tgz',
    ]);
  });

  it('is the whole chart, and what a bake stage names', async () => {
    const bake = '  bake: { uses: bake, with: { kustomize: k8s/jp } }\n';
    const chart = ['web/Chart.yaml', 'web/charts/redis-1.0.0.tgz'];
    expect(await files('{ helm: { chart: web } }', bake)).toEqual([...BASE, ...JP, ...chart]);
  });

  it('has to be there', async () => {
    await expect(files('{ helm: { chart: nothing, values: [none.yaml] } }')).rejects.toThrow(
      [
        `${file}:1:1  manifests.helm.chart  names the folder "nothing", and there is none, or it is empty`,
        `${file}:1:1  manifests.helm.values  names "none.yaml", and there is no such file.`,
      ].join('\n'),
    );
  });

  it('is not taken from outside through a link', async () => {
    await symlink(join(root, 'secret.yaml'), join(folder, 'web', 'link.yaml'));
    await expect(files('{ helm: { chart: web } }')).rejects.toThrow(
      "is a link to what lies outside the pipeline's folder",
    );
    await rm(join(folder, 'web', 'link.yaml'));
    await symlink(join(folder, 'deploy'), join(folder, 'web', 'deploy'));
    await expect(files('{ helm: { chart: web } }')).rejects.toThrow(
      'has "web/deploy", which is a link to a folder, and is not followed',
    );
  });
});

describe('pipeline files', () => {
  it('that are not there are named', async () => {
    await expect(readPipelineFiles([join(folder, 'missing.yaml')], stageKinds())).rejects.toThrow(
      `There is no file ${join(folder, 'missing.yaml')}.`,
    );
  });

  it('that are wrong say where', async () => {
    await writeFile(file, 'pipeline: items-api\nstages:\n  pause: { uses: wait, with: { for: 1s }, neds: x }\n');
    const [read] = await readPipelineFiles([file], stageKinds());
    expect(read?.problems).toMatchObject([{ file, line: 3 }]);
  });
});
