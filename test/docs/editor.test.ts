/** The published schema in VS Code's own YAML language server: it completes, tells what is wrong, and takes what is right. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startYamlLanguageServer, type YamlLanguageServer } from '../support/yaml-language-server.ts';

const PIPELINE = 'pipeline: items\nstages:\n  release:\n    uses: ';

describe('an editor with the schema that gennaker prints', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gennaker-editor-'));
  let server: YamlLanguageServer;
  beforeAll(async () => {
    const { stdout } = await promisify(execFile)(process.execPath, ['cli/main.ts', 'schema']);
    const path = join(folder, 'gennaker.schema.json');
    writeFileSync(path, stdout);
    server = await startYamlLanguageServer(pathToFileURL(path).href);
  }, 120_000);
  afterAll(async () => {
    await server?.stop();
    rmSync(folder, { recursive: true });
  });

  it('completes the kinds of stages', async () => {
    const offered = await server.complete(`${PIPELINE}\n`, { line: 3, character: 10 });
    const labels = offered.map(({ label }) => label);
    expect(labels).toEqual(expect.arrayContaining(['deploy', 'wait', 'webhook', 'container', 'bake']));
  });

  it("completes a kind's parameters", async () => {
    const offered = await server.complete(`${PIPELINE}wait\n    with:\n      `, { line: 5, character: 6 });
    expect(offered.map(({ label }) => label)).toEqual(expect.arrayContaining(['for', 'until']));
  });

  it('reports a field that is not in the language, where it stands', async () => {
    const found = await server.diagnose(`${PIPELINE}wait\n    wiht: { for: 1s }\n`);
    expect(found).toHaveLength(1);
    expect(found[0]?.message).toContain('wiht');
    expect(found[0]?.range.start.line).toBe(4);
  });

  it('reports an unknown kind, and takes a template of any name', async () => {
    expect(await server.diagnose(`${PIPELINE}wayt\n`)).not.toEqual([]);
    expect(await server.diagnose(`${PIPELINE}anything@2\n`)).toEqual([]);
  });

  it.each([
    'examples/items-api/gennaker.yaml',
    'examples/profile-api/gennaker.yaml',
    'templates/microservice/2.1.0.yaml',
  ])('finds nothing wrong with %s', async (path) => {
    const text = readFileSync(path, 'utf8').replace(/^# yaml-language-server.*$/m, '');
    expect(await server.diagnose(text)).toEqual([]);
  });
});
