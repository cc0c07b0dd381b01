import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';

const LAUNCHER = fileURLToPath(new URL('gennaker.js', import.meta.url));
const ROOT = fileURLToPath(new URL('..', import.meta.url));

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gennaker-launcher-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const launch = (...args: readonly string[]) =>
  promisify(execFile)(process.execPath, [LAUNCHER, ...args], {
    env: { PATH: process.env.PATH, XDG_CONFIG_HOME: folder },
    cwd: ROOT,
  });

it('starts the command line', async () => {
  expect((await launch('--version')).stdout).toMatch(/^\d+\.\d+\.\d+\n$/u);
});

it('exits as the command does', async () => {
  await expect(launch('gett')).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining('Did you mean get?') });
});
