import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RENDERER_ENVIRONMENT, requireRenderers } from '../../test/support/renderers.ts';
import { gennaker } from '../testing/system.ts';

const DIGEST = `sha256:${'9f3c'.repeat(16)}`;
const POD = `apiVersion: v1
kind: Pod
metadata: { name: items-api }
spec: { containers: [{ name: api, image: acme.dev/items-api, env: [{ name: DEBUG, value: "no" }] }] }
`;

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gennaker-render-test-'));
  file = join(folder, 'gennaker.yaml');
  await mkdir(join(folder, 'k8s', 'jp'), { recursive: true });
  await writeFile(join(folder, 'k8s', 'jp', 'kustomization.yaml'), 'resources: [pod.yaml]\n');
  await writeFile(join(folder, 'k8s', 'jp', 'pod.yaml'), POD);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function write(manifests: string): Promise<void> {
  const images = 'images: { api: { repository: acme.dev/items-api, semver: ">=1.0.0" } }';
  const head = `pipeline: items-api\nteam: items\ninputs: { size: { type: number, default: 2 } }\n${images}`;
  return writeFile(file, `${head}\nmanifests: ${manifests}\nstages:\n  deploy: { uses: deploy, target: jp }\n`);
}

describe('gennaker render', () => {
  it('prints the objects as kubectl reads them, with the images put in', async () => {
    await write('{ files: ["k8s/jp/pod.yaml"] }');
    const { exitCode, stdout, asked } = await gennaker(`render ${file} --image api=1.2.3@${DIGEST}`);
    expect({ exitCode, asked }).toEqual({ exitCode: 0, asked: [] });
    expect(stdout).toContain(`image: acme.dev/items-api:1.2.3@${DIGEST}`);
    expect(stdout).toContain('value: "no"');
  });

  it('gives machines the objects by pipeline', async () => {
    await write('{ files: ["k8s/jp/pod.yaml"] }');
    const { stdout } = await gennaker(`render ${file} -o json`);
    expect(JSON.parse(stdout)).toMatchObject({
      pipelines: [
        { pipeline: 'items-api', objects: [{ kind: 'Pod', spec: { containers: [{ image: 'acme.dev/items-api' }] } }] },
      ],
    });
  });

  it('tells every problem, and prints nothing else', async () => {
    await write('{ kustomize: k8s/jp }');
    await writeFile(join(folder, 'k8s', 'jp', 'kustomization.yaml'), 'resources: ["https://acme.dev/x", none.yaml]\n');
    const { exitCode, stdout, stderr } = await gennaker(`render ${file}`);
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
    expect(stderr).toContain('k8s/jp/kustomization.yaml:1:13  resources[0]  "https://acme.dev/x" is an address');
    expect(stderr).toContain(`resources[1]  "k8s/jp/none.yaml" is neither a file nor a folder`);
    expect(stderr).toContain('2 problems. Nothing was rendered.');
  });

  it('says what is missing where a program is', async () => {
    await write('{ kustomize: k8s/jp }');
    const { exitCode, stderr } = await gennaker(`render ${file}`, {}, { PATH: folder });
    expect({ exitCode, stderr }).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('kustomize is not on the PATH'),
    });
  });

  it('knows the nearest name of an image', async () => {
    await write('{ files: ["k8s/jp/pod.yaml"] }');
    const { exitCode, stderr } = await gennaker(`render ${file} --image apo=1`);
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('did you mean "api"?') });
  });

  it.runIf(requireRenderers())('resolves expressions and runs the real programs', async () => {
    await write(`{ kustomize: "k8s/\${{ target.name }}" }`);
    const kustomized = await gennaker(`render ${file} --target jp`, {}, RENDERER_ENVIRONMENT);
    expect(kustomized).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('kind: Pod') });
    await mkdir(join(folder, 'web', 'templates'), { recursive: true });
    await writeFile(join(folder, 'web', 'Chart.yaml'), 'apiVersion: v2\nname: web\nversion: 1.0.0\n');
    const template = 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: "c{{ .Values.size }}" }\n';
    await writeFile(join(folder, 'web', 'templates', 'c.yaml'), template);
    await write(`{ helm: { chart: web, set: { size: "\${{ inputs.size }}" } } }`);
    const chart = await gennaker(`render ${file} --input size=7`, {}, RENDERER_ENVIRONMENT);
    expect(chart).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('name: c7') });
  });
});
