/** Runs one program to its end with bounds on its time, its memory and its output, and with no environment but the one given. */
import { spawn } from 'node:child_process';

export type ChildEnd =
  | { readonly is: 'ended'; readonly code: number; readonly stdout: Buffer; readonly stderr: string }
  | { readonly is: 'killed'; readonly because: 'time' | 'output' | 'memory' | 'signal'; readonly stderr: string };

export type ChildLimits = {
  readonly timeoutMs: number;
  readonly outputBytes: number;
  /** Of the data that it holds, as `ulimit -d` counts. */
  readonly memoryBytes: number;
};

const MAXIMUM_STDERR_BYTES = 16 * 1024;
/** Lowers the limit of its own memory, where it is not lower already, then becomes the program, which keeps the limit. */
const LIMITED = 'ulimit -d "$1" 2>/dev/null; shift; exec "$@"';
/** How a Go program that is given no more memory says so while it crashes. */
const OUT_OF_MEMORY = /^(fatal error: .*out of memory|runtime: cannot allocate memory)/m;

/** Throws what `signal` was aborted with, or what kept the program from starting. Never leaves the program running. */
export async function runChild(command: {
  program: string;
  args: readonly string[];
  folder: string;
  environment: { readonly [name: string]: string };
  limits: ChildLimits;
  signal: AbortSignal;
}): Promise<ChildEnd> {
  const { program, args, folder, environment, limits, signal } = command;
  signal.throwIfAborted();
  const kilobytes = String(Math.floor(limits.memoryBytes / 1024));
  const child = spawn('/bin/sh', ['-c', LIMITED, 'sh', kilobytes, program, ...args], {
    cwd: folder,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let because: 'time' | 'output' | 'signal' | undefined;
  const kill = (why: 'time' | 'output' | 'signal'): void => {
    because ??= why;
    child.kill('SIGKILL');
  };
  const onAbort = (): void => kill('signal');
  signal.addEventListener('abort', onAbort, { once: true });
  const timer = setTimeout(() => kill('time'), limits.timeoutMs);
  const printed: Buffer[] = [];
  let printedBytes = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    printedBytes += chunk.byteLength;
    if (printedBytes > limits.outputBytes) kill('output');
    else printed.push(chunk);
  });
  const complaints: Buffer[] = [];
  let complaintBytes = 0;
  child.stderr.on('data', (chunk: Buffer) => {
    if (complaintBytes < MAXIMUM_STDERR_BYTES)
      complaints.push(chunk.subarray(0, MAXIMUM_STDERR_BYTES - complaintBytes));
    complaintBytes += chunk.byteLength;
  });
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', (cause) => reject(new Error(`${program} could not be started`, { cause })));
      child.once('close', resolve);
    });
    const stderr = Buffer.concat(complaints).toString('utf8');
    if (because === 'signal') signal.throwIfAborted();
    if (because !== undefined) return { is: 'killed', because, stderr };
    if (code === null) return { is: 'killed', because: 'memory', stderr };
    if (code !== 0 && OUT_OF_MEMORY.test(stderr)) return { is: 'killed', because: 'memory', stderr };
    return { is: 'ended', code, stdout: Buffer.concat(printed), stderr };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}
