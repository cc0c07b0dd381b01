import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { MUTANTS } from './mutants.ts';

/** Seeds that are tried where a mutant does not say that it needs more. */
const SEEDS = 1_000;
const LONGEST_MS = 240_000;

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Runs the simulation with the mutant applied, until its first violation. */
function run(mutant: string, seeds: number): Promise<{ exit: number | null; said: string }> {
  const script = ['test/simulation/main.ts', `0..${seeds}`, '--stop-at-first'];
  const child = spawn(process.execPath, ['--import', './test/simulation/mutate.ts', ...script], {
    cwd: ROOT,
    env: { ...process.env, GENNAKER_MUTANT: mutant },
    timeout: LONGEST_MS,
  });
  const said: string[] = [];
  child.stdout.on('data', (chunk: Buffer) => said.push(chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk.toString()));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exit) => resolve({ exit, said: said.join('') }));
  });
}

describe.concurrent('the simulation notices', () => {
  it.each(MUTANTS.map((mutant) => [mutant.name, mutant.without, mutant.seeds ?? SEEDS] as const))(
    '%s: %s',
    async (name, _without, seeds) => {
      const { exit, said } = await run(name, seeds);
      expect(exit, said).toBe(1);
      expect(said).toMatch(/^seed \d+: /m);
    },
    LONGEST_MS + 10_000,
  );
});
