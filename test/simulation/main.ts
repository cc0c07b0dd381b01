/**
 * `node test/simulation/main.ts SEED` replays one seed with its trace; `FROM..TO` runs many and prints those that fail,
 * with `--stop-at-first` only the first; `--scene=NAME` runs them in a named scene.
 */
import { SCENES } from './scenes.ts';
import { simulate } from './simulate.ts';

const [range = '0..1000'] = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const stopAtFirst = process.argv.includes('--stop-at-first');
const scene = process.argv.find((argument) => argument.startsWith('--scene='))?.slice('--scene='.length);
const script = scene === undefined ? undefined : SCENES.get(scene);
if (scene !== undefined && script === undefined) {
  throw new Error(`no scene is called ${scene}; there are ${[...SCENES.keys()].join(', ')}`);
}
const options = script === undefined ? {} : { script };

const [from = '0', to] = range.split('..');
if (to === undefined) {
  const result = await simulate(Number(from), { ...options, recording: true });
  for (const line of result.trace) process.stdout.write(`${line}\n`);
  process.stdout.write(`${JSON.stringify({ ...result, trace: undefined }, undefined, 2)}\n`);
  process.exitCode = result.violations.length > 0 ? 1 : 0;
} else {
  let failing = 0;
  const ends: { [end: string]: number } = {};
  for (let seed = Number(from); seed < Number(to); seed += 1) {
    const result = await simulate(seed, options);
    for (const [end, count] of Object.entries(result.ends)) ends[end] = (ends[end] ?? 0) + count;
    if (result.violations.length === 0) continue;
    failing += 1;
    process.stdout.write(`seed ${seed}: ${result.violations.slice(0, 3).join('; ')}\n`);
    if (stopAtFirst) break;
  }
  process.stdout.write(`${JSON.stringify({ from: Number(from), to: Number(to), failing, ends })}\n`);
  process.exitCode = failing > 0 ? 1 : 0;
}
