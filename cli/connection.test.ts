import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_URL, localConnectionPath, readConnection, writeLocalConnection } from './connection.ts';

const LOCAL = { url: 'http://127.0.0.1:4321', token: 'local-token', hookSecret: 'local-secret' };

let folder: string;
let environment: { XDG_CONFIG_HOME: string };

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gennaker-connection-'));
  environment = { XDG_CONFIG_HOME: folder };
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('the local connection', () => {
  it('is kept where only its owner can read it', async () => {
    await mkdir(join(folder, 'gennaker'), { mode: 0o755 });
    await writeLocalConnection(LOCAL, environment);
    const path = localConnectionPath(environment);
    expect(path).toBe(join(folder, 'gennaker', 'local.json'));
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, 'gennaker'))).mode & 0o777).toBe(0o700);
  });

  it('replaces the one before and leaves nothing else behind', async () => {
    await writeLocalConnection(LOCAL, environment);
    await writeLocalConnection({ ...LOCAL, token: 'newer' }, environment);
    expect(await readConnection(environment)).toEqual({ ...LOCAL, token: 'newer' });
    expect(await readdir(join(folder, 'gennaker'))).toEqual(['local.json']);
  });

  it.each([
    ['not JSON', '{'],
    ['a field is missing', '{"url":"http://127.0.0.1:1"}'],
    ['not an object', 'null'],
  ])('is refused with the way on: %s', async (_case, text) => {
    await writeLocalConnection(LOCAL, environment);
    await writeFile(localConnectionPath(environment), text);
    await expect(readConnection(environment)).rejects.toThrow(/local\.json .*start the system again/u);
  });
});

describe('where to connect to', () => {
  it('is the default address where nothing is said', async () => {
    expect(await readConnection(environment)).toEqual({ url: DEFAULT_URL });
  });

  it('is what the environment says, and the local secrets do not go there', async () => {
    await writeLocalConnection(LOCAL, environment);
    const elsewhere = { ...environment, GENNAKER_URL: 'https://cd.example.com/' };
    expect(await readConnection(elsewhere)).toEqual({ url: 'https://cd.example.com' });
    expect(await readConnection({ ...elsewhere, GENNAKER_TOKEN: 't', GENNAKER_HOOK_SECRET: 's' })).toEqual({
      url: 'https://cd.example.com',
      token: 't',
      hookSecret: 's',
    });
  });

  it('takes the local secrets where the environment names the local address', async () => {
    await writeLocalConnection(LOCAL, environment);
    expect(await readConnection({ ...environment, GENNAKER_URL: `${LOCAL.url}/` })).toEqual(LOCAL);
  });

  it('refuses what is no address', async () => {
    await expect(readConnection({ ...environment, GENNAKER_URL: 'localhost:8080' })).rejects.toThrow(
      '"localhost:8080" is not an http(s) address; set GENNAKER_URL to one, such as http://127.0.0.1:8080',
    );
  });
});
