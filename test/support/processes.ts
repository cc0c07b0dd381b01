/** Processes that tests start, watch and kill. None outlives the tests, however these end. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** The checkout. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const KEPT_LINES = 5_000;
const STOP_MS = 10_000;
const RUN_TIMEOUT_MS = 120_000;

export type Environment = { readonly [name: string]: string };

/** How a process ended: its exit code, or the signal that killed it. */
export type Ended = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

export type Started = {
  /** The last lines of its two outputs, oldest first. */
  lines(): readonly string[];
  /** How it ended, or undefined while it runs. */
  end(): Ended | undefined;
  readonly ended: Promise<Ended>;
  /** SIGKILL. Resolves when it is gone; one that has ended is left alone. */
  kill(): Promise<void>;
  /** SIGTERM, and SIGKILL where that is not enough. */
  stop(): Promise<void>;
};

export type Result = { readonly exit: number | null; readonly stdout: string; readonly stderr: string };

/** What every started process is given of the environment: the machine's, and nothing of the product's. */
export function plainEnvironment(more: Environment = {}): Environment {
  const { PATH = '', HOME = '', TMPDIR } = process.env;
  return { PATH, HOME, ...(TMPDIR === undefined ? {} : { TMPDIR }), ...more };
}

export function startProcess(
  command: string,
  args: readonly string[],
  options: { readonly env: Environment; readonly cwd?: string },
): Started {
  const child = spawn(command, args, {
    cwd: options.cwd ?? ROOT,
    env: options.env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const kept: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      kept.push(line);
      if (kept.length > KEPT_LINES) kept.shift();
    });
  }
  guard(child);
  const ended = new Promise<Ended>((resolve) => {
    child.once('error', (error) => {
      kept.push(`starting ${command}: ${error.message}`);
      resolve({ code: null, signal: null });
    });
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  let end: Ended | undefined;
  ended.then((how) => {
    end = how;
  }, unexpected);
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
  };
  return {
    lines: () => kept,
    end: () => end,
    ended,
    kill,
    async stop() {
      child.kill('SIGTERM');
      const patience = new AbortController();
      await Promise.race([ended, sleep(STOP_MS, undefined, { signal: patience.signal }).catch(unexpected)]);
      patience.abort();
      if (end === undefined) await kill();
    },
  };
}

/** Runs a command to its end. Throws where it does not end in time. */
export async function runProcess(
  command: string,
  args: readonly string[],
  options: { readonly env: Environment; readonly cwd?: string; readonly timeoutMs?: number },
): Promise<Result> {
  const { env, cwd = ROOT, timeoutMs = RUN_TIMEOUT_MS } = options;
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  guard(child);
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text;
    });
  }
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    child.kill('SIGKILL');
  }, timeoutMs);
  const [exit] = (await once(child, 'close')) as [number | null];
  clearTimeout(timer);
  if (isLate) {
    throw new Error(
      `${command} ${args.join(' ')} did not end within ${timeoutMs} ms:\n${texts.stdout}\n${texts.stderr}`,
    );
  }
  return { exit, ...texts };
}

/** The command line of this checkout. `env` says which system it talks to. */
export function runGennaker(args: readonly string[], env: Environment, cwd?: string): Promise<Result> {
  const launcher = fileURLToPath(new URL('cli/gennaker.js', `file://${ROOT}`));
  return runProcess(process.execPath, [launcher, ...args], { env, ...(cwd === undefined ? {} : { cwd }) });
}

let guardian: ChildProcess | undefined;

/**
 * Reads the ids of processes that begin (+) and end (-) until its input closes, which it does however the tests end;
 * then it kills those that are left.
 */
const GUARDIAN = `
while read -r sign pid; do
  if [ "$sign" = + ]; then pids="$pids $pid"; continue; fi
  left=
  for one in $pids; do [ "$one" = "$pid" ] || left="$left $one"; done
  pids=$left
done
[ -z "$pids" ] || kill -KILL $pids`;

function guard(child: ChildProcess): void {
  const { pid } = child;
  if (pid === undefined) return;
  const to = startedGuardian();
  to.stdin?.write(`+ ${pid}\n`);
  child.once('exit', () => to.stdin?.write(`- ${pid}\n`));
}

function startedGuardian(): ChildProcess {
  if (guardian !== undefined) return guardian;
  // Detached, so that Ctrl-C at a terminal does not end it before the tests.
  guardian = spawn('sh', ['-c', GUARDIAN], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  guardian.stdin?.on('error', () => undefined);
  guardian.unref();
  return guardian;
}

function unexpected(error: unknown): void {
  if (error instanceof Error && error.name === 'AbortError') return;
  throw error;
}
