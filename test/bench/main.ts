/** `npm run bench -- [SECTION…] [--brief] [--json FILE]`: measures what the project promises. Exits with 1 where a promise is not kept, and with 2 for a wrong command line. */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { budget } from './budget.ts';
import { burst } from './burst.ts';
import { burstGoogle } from './burst-google.ts';
import { coldStarts } from './cold-start.ts';
import { core } from './core.ts';
import { embedded } from './embedded.ts';
import { google } from './google.ts';
import { matching } from './matching.ts';
import { language } from './planning.ts';
import { loadNow, machineHere, type Result, tellMachine, tellResult, toJson } from './report.ts';
import { rollout } from './rollout.ts';
import { type Effort, holds, type Section } from './section.ts';

const SECTIONS: readonly Section[] = [
  core,
  language,
  embedded,
  budget,
  matching,
  burst,
  google,
  burstGoogle,
  coldStarts,
  rollout,
];

async function resultOf(section: Section, effort: Effort): Promise<Result> {
  const missing = section.needs.filter((part) => !part.isHere());
  if (missing.length > 0) {
    const because = `this machine has not ${missing.map((part) => part.name).join(', ')}`;
    return { section: section.name, is: 'skipped', because };
  }
  const before = loadNow();
  const measures = await section.run(effort);
  return { section: section.name, is: 'measured', load: [before, loadNow()], measures };
}

class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Throws UsageError. */
function readCommandLine() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: { json: { type: 'string' }, brief: { type: 'boolean', default: false } },
    });
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

async function main(): Promise<number> {
  const { values, positionals } = readCommandLine();
  const unknown = positionals.filter((name) => !SECTIONS.some((section) => section.name === name));
  if (unknown.length > 0) {
    const known = SECTIONS.map((section) => section.name).join(', ');
    throw new UsageError(`no section is called ${unknown.join(', ')}; there are ${known}`);
  }
  const chosen = positionals.length === 0 ? SECTIONS : SECTIONS.filter((section) => positionals.includes(section.name));
  const machine = machineHere();
  process.stdout.write(tellMachine(machine));
  const results: Result[] = [];
  for (const section of chosen) {
    const result = await resultOf(section, values.brief ? 'brief' : 'full');
    results.push(result);
    process.stdout.write(tellResult(section, result));
  }
  if (values.json !== undefined) writeFileSync(values.json, toJson(machine, results));
  const isKept = results.every((result) => result.is === 'skipped' || result.measures.every(holds));
  return isKept ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}
