/** The system that the commands of the documentation talk to: started once, as `npm start` starts it. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const LAUNCHER = join(ROOT, 'cli', 'gennaker.js');

const READY_MS = 30_000;
const STOP_MS = 10_000;
const LOOK_MS = 100;
const MAXIMUM_OUTPUT_BYTES = 4 * 1024 * 1024;

export type Result = { readonly exit: number; readonly stdout: string; readonly stderr: string };

export type DocumentedSystem = AsyncDisposable & {
  /** Where the commands run, and the files lie that the documents show. */
  readonly folder: string;
  /** Runs one command line in a shell in which `npx gennaker` and `gennaker` are this checkout's. */
  run(command: string, timeoutMs: number): Promise<Result>;
};

export async function startDocumentedSystem(): Promise<DocumentedSystem> {
  const home = await mkdtemp(join(tmpdir(), 'gennaker-docs-'));
  const folder = join(home, 'work');
  const bin = join(home, 'bin');
  const config = join(home, 'config');
  await Promise.all([mkdir(folder), mkdir(bin), mkdir(config)]);
  await writeCommand(join(bin, 'gennaker'), `exec "${process.execPath}" "${LAUNCHER}" "$@"`);
  await writeCommand(join(bin, 'npx'), 'exec "$@"');
  const environment = { PATH: `${bin}:${process.env.PATH ?? ''}`, HOME: home, XDG_CONFIG_HOME: config };

  const arguments_ = ['cli/main.ts', 'up', '--port', '0', '--data', join(home, 'data')];
  const child = spawn(process.execPath, arguments_, { cwd: ROOT, env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      said = (said + chunk).slice(-MAXIMUM_OUTPUT_BYTES);
    });
  }
  const stop = async () => {
    await stopChild(child);
    await rm(home, { recursive: true, force: true });
  };
  try {
    await untilReady(child, join(config, 'gennaker', 'local.json'));
  } catch (error) {
    await stop();
    throw new Error(`Starting the system for the documents failed. It said:\n${said}`, { cause: error });
  }
  return {
    folder,
    run: (command, timeoutMs) => runInShell(command, { cwd: folder, env: environment, timeout: timeoutMs }),
    [Symbol.asyncDispose]: stop,
  };
}

function writeCommand(path: string, script: string): Promise<void> {
  return writeFile(path, `#!/bin/sh\n${script}\n`).then(() => chmod(path, 0o755));
}

function runInShell(command: string, options: { cwd: string; env: NodeJS.ProcessEnv; timeout: number }) {
  return new Promise<Result>((resolve) => {
    const limits = { ...options, maxBuffer: MAXIMUM_OUTPUT_BYTES };
    const child = execFile('/bin/sh', ['-c', command], limits, (error, stdout, stderr) => {
      resolve({ exit: error === null ? 0 : (child.exitCode ?? -1), stdout, stderr });
    });
  });
}

async function untilReady(child: ChildProcess, connection: string): Promise<void> {
  const latest = Date.now() + READY_MS;
  let last: unknown;
  while (Date.now() < latest) {
    if (child.exitCode !== null) {
      throw new Error(`It exited with ${child.exitCode}.`);
    }
    try {
      const { url } = JSON.parse(await readFile(connection, 'utf8')) as { url: string };
      if ((await fetch(`${url}/healthz`)).ok) {
        return;
      }
    } catch (error) {
      last = error;
    }
    await sleep(LOOK_MS);
  }
  throw new Error(`It was not ready within ${READY_MS} ms.`, { cause: last });
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) {
    return;
  }
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await gone;
  clearTimeout(timer);
}
