import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
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
  const [read] = await readPipelineFiles([file]);
  expect(read?.problems).toEqual([]);
  return readManifestFiles(file, read?.pipelines ?? []);
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
      await expect(manifests(path)).rejects.toThrow("which lies outside the pipeline's folder");
    },
  );

  it('are not taken from outside through a link', async () => {
    await symlink(join(root, 'secret.yaml'), join(folder, 'deploy', 'link.yaml'));
    await expect(manifests('deploy/*.yaml')).rejects.toThrow(
      `"deploy/link.yaml", which lies outside the pipeline's folder`,
    );
  });

  it('have to be there', async () => {
    await expect(manifests('deploy/servce.yaml')).rejects.toThrow(/"deploy\/servce\.yaml", and .* has no such file/u);
    await expect(manifests('other/*.yaml')).rejects.toThrow(/"other\/\*\.yaml", and no file in .* matches it/u);
  });
});

describe('pipeline files', () => {
  it('that are not there are named', async () => {
    await expect(readPipelineFiles([join(folder, 'missing.yaml')])).rejects.toThrow(
      `There is no file ${join(folder, 'missing.yaml')}.`,
    );
  });

  it('that are wrong say where', async () => {
    await writeFile(file, 'pipeline: items-api\nstages:\n  pause: { uses: wait, with: { for: 1s }, neds: x }\n');
    const [read] = await readPipelineFiles([file]);
    expect(read?.problems).toMatchObject([{ file, line: 3 }]);
  });
});
