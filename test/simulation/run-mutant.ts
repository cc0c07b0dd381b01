/** Runs the simulation in a process of its own with one mutant applied, until its first violation. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export type MutantRun = { readonly exit: number | null; readonly said: string };

/** Tries seeds from `from` on, at most `seeds` of them and for at most `longestMs`. `exit` is 1 where one failed. */
export function runMutant(command: {
  name: string;
  from?: number | undefined;
  seeds: number;
  scene?: string | undefined;
  longestMs: number;
}): Promise<MutantRun> {
  const { name, from = 0, seeds, scene, longestMs } = command;
  const script = ['test/simulation/main.ts', `${from}..${from + seeds}`, '--stop-at-first'];
  if (scene !== undefined) script.push(`--scene=${scene}`);
  const child = spawn(process.execPath, ['--import', './test/simulation/mutate.ts', ...script], {
    cwd: ROOT,
    env: { ...process.env, GENNAKER_MUTANT: name },
    timeout: longestMs,
  });
  const said: string[] = [];
  child.stdout.on('data', (chunk: Buffer) => said.push(chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk.toString()));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exit) => resolve({ exit, said: said.join('') }));
  });
}
