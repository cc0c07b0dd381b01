/** The whole system in a process of its own, as `gennaker up` starts it, to be killed and started again. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LocalConnection, localConnectionPath } from '../../cli/connection.ts';
import { type Face, faceOf } from './face.ts';
import { type Environment, plainEnvironment, type Started, startProcess } from './processes.ts';
import { until } from './until.ts';

const READY_WITHIN_MS = 60_000;

export type LocalSystem = Face & {
  /** Where registries call. */
  readonly hook: { readonly url: string; readonly secret: string };
  /** What the process that runs now has printed. */
  lines(): readonly string[];
  /** SIGKILL. */
  kill(): Promise<void>;
  /** Starts it again on the same folder and port. Resolves when it answers. */
  start(): Promise<void>;
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
};

/** `args` are those of `gennaker up`, besides the port and the folder. It logs all that it does, in JSON. */
export async function startLocalSystem(options: {
  readonly args?: readonly string[];
  readonly env?: Environment;
}): Promise<LocalSystem> {
  const folder = mkdtempSync(join(tmpdir(), 'gennaker-e2e-'));
  const env = plainEnvironment({ XDG_CONFIG_HOME: join(folder, 'config'), GENNAKER_LOG: 'json', ...options.env });
  const up = (port: string): Started => {
    const args = ['cli/main.ts', 'up', '--port', port, '--data', join(folder, 'data'), ...(options.args ?? [])];
    return startProcess(process.execPath, args, { env });
  };
  let running = up('0');
  try {
    const { url, token, hookSecret } = await ready(running, env);
    return {
      ...faceOf({ url, token }),
      hook: { url: `${url}/hooks/docker-distribution`, secret: hookSecret },
      lines: () => running.lines(),
      kill: () => running.kill(),
      async start() {
        running = up(new URL(url).port);
        await ready(running, env);
      },
      async stop() {
        await running.stop();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await running.kill();
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

async function ready(running: Started, env: Environment): Promise<LocalConnection> {
  const look = async (): Promise<LocalConnection | 'ended' | undefined> => {
    if (running.end() !== undefined) return 'ended';
    const connection = JSON.parse(readFileSync(localConnectionPath(env), 'utf8')) as LocalConnection;
    const health = await fetch(`${connection.url}/healthz`, { signal: AbortSignal.timeout(2_000) });
    return health.ok ? connection : undefined;
  };
  const state = () => running.lines().join('\n');
  const connection = await until('the local system', look, { withinMs: READY_WITHIN_MS, state });
  if (connection !== 'ended') return connection;
  throw new Error(`the local system has ended while it started:\n${state()}`);
}
