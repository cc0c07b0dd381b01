/** Holds the state machine's own tests to every line and branch of it, in a run of their own: so neither the tests of other parts nor a partial run blur the figure. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';

const ROOT = join(import.meta.dirname, '../..');
const VITEST = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
const RUN_LIMIT_MS = 100_000;

const figure = z.object({ total: z.number(), covered: z.number(), pct: z.number() });
const summary = z.record(z.string(), z.object({ lines: figure, branches: figure }));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gennaker-coverage-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Runs the tests of shared/core with coverage and returns what they printed; throws with it where one fails. */
function runCoreTests(): Promise<string> {
  const options = [
    '--project=unit',
    '--reporter=dot',
    '--coverage.enabled',
    '--coverage.provider=v8',
    '--coverage.include=shared/core/**/*.ts',
    '--coverage.reporter=json-summary',
    '--coverage.reporter=text',
    `--coverage.reportsDirectory=${folder}`,
  ];
  // What the surrounding run has set for its own workers must not reach this one.
  const environment = Object.entries(process.env).filter(([name]) => !/^(VITEST|TEST$|NODE_ENV$)/.test(name));
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [VITEST, 'run', ...options, 'shared/core/'],
      { cwd: ROOT, env: Object.fromEntries(environment), timeout: RUN_LIMIT_MS },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else
          reject(new Error(`the tests of shared/core failed under coverage:\n${stdout}\n${stderr}`, { cause: error }));
      },
    );
  });
}

it('the tests of the core run every line and take every branch of it', { timeout: RUN_LIMIT_MS + 20_000 }, async () => {
  const table = await runCoreTests();
  const files = summary.parse(JSON.parse(await readFile(join(folder, 'coverage-summary.json'), 'utf8')));
  const missing = Object.entries(files).filter(
    ([, { lines, branches }]) => lines.covered < lines.total || branches.covered < branches.total,
  );
  expect(
    missing.map(([file]) => file),
    table,
  ).toEqual([]);
  expect(files.total?.lines.total).toBeGreaterThan(200);
  expect(files.total?.branches.total).toBeGreaterThan(100);
});
