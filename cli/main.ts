/** Runs the command line of this process. */
import { EXIT } from './failure.ts';
import { run } from './program.ts';

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (interrupted.signal.aborted) {
      process.exit(EXIT.interrupted);
    }
    interrupted.abort();
  });
}

// A reader that has seen enough, such as head, closes the pipe: that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') {
    process.exit(EXIT.success);
  }
  throw error;
});

process.exitCode = await run(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  keys: process.stdin,
  environment: process.env,
  now: Date.now,
  signal: interrupted.signal,
});
