/** Where the system is that the commands talk to: the environment says so, or the file that a local one leaves. */
import { chmod, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { CommandFailure } from './failure.ts';
import type { Environment } from './terminal.ts';

/** The address that is tried where nothing else is said. */
export const DEFAULT_URL = 'http://127.0.0.1:8080';

/** What a local system leaves for the commands of the same user. */
export type LocalConnection = {
  /** Without a path: `http://127.0.0.1:8080`. */
  readonly url: string;
  /** What the API takes as bearer token. */
  readonly token: string;
  /** What the hooks of registries take as bearer token. */
  readonly hookSecret: string;
};

export type Connection = {
  /** Without a slash at its end. */
  readonly url: string;
  readonly token?: string;
  readonly hookSecret?: string;
};

/** The path of the file that a local system leaves. */
export function localConnectionPath(environment: Environment): string {
  const configured = environment.XDG_CONFIG_HOME;
  const folder = configured === undefined || configured === '' ? join(homedir(), '.config') : configured;
  return join(folder, 'gennaker', 'local.json');
}

/**
 * Where to connect to. GENNAKER_URL, GENNAKER_TOKEN and GENNAKER_HOOK_SECRET win over the local file, whose secrets
 * go to the address that it names and to no other. Throws CommandFailure where the file or the address makes no sense.
 */
export async function readConnection(environment: Environment = process.env): Promise<Connection> {
  const local = await readLocalConnection(environment);
  const url = baseOf(environment.GENNAKER_URL || local?.url || DEFAULT_URL);
  const known = local !== undefined && baseOf(local.url) === url ? local : undefined;
  const token = environment.GENNAKER_TOKEN || known?.token;
  const hookSecret = environment.GENNAKER_HOOK_SECRET || known?.hookSecret;
  return {
    url,
    ...(token === undefined ? {} : { token }),
    ...(hookSecret === undefined ? {} : { hookSecret }),
  };
}

/** Leaves the connection for the commands of this user, readable by nobody else; whole or not at all. */
export async function writeLocalConnection(
  connection: LocalConnection,
  environment: Environment = process.env,
): Promise<void> {
  const path = localConnectionPath(environment);
  const folder = dirname(path);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
  const draft = `${path}.${process.pid}`;
  try {
    const file = await open(draft, 'wx', 0o600);
    try {
      await file.writeFile(`${JSON.stringify(connection, null, 2)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw new CommandFailure(`Could not write ${path}, by which the commands find this system`, { cause: error });
  }
}

async function readLocalConnection(environment: Environment): Promise<LocalConnection | undefined> {
  const path = localConnectionPath(environment);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      return undefined;
    }
    throw new CommandFailure(`Could not read ${path}`, { cause: error });
  }
  return parseLocalConnection(text, path);
}

function parseLocalConnection(text: string, path: string): LocalConnection {
  const wayOn = 'delete it and start the system again, or set GENNAKER_URL and GENNAKER_TOKEN';
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new CommandFailure(`${path} is not JSON; ${wayOn}`, { cause: error });
  }
  const { url, token, hookSecret } = Object(value) as { [field: string]: unknown };
  if (typeof url !== 'string' || typeof token !== 'string' || typeof hookSecret !== 'string') {
    throw new CommandFailure(`${path} does not hold url, token and hookSecret; ${wayOn}`);
  }
  return { url, token, hookSecret };
}

function baseOf(url: string): string {
  const parsed = URL.parse(url);
  if (parsed === null || !/^https?:$/u.test(parsed.protocol)) {
    throw new CommandFailure(`"${url}" is not an http(s) address; set GENNAKER_URL to one, such as ${DEFAULT_URL}`);
  }
  return `${parsed.origin}${parsed.pathname}`.replace(/\/+$/u, '');
}
