/** Every wait that there is: a seeded world comes into it by the real use cases, and `why` tells code, sentence and command. */
import { describe, expect, it } from 'vitest';
import { createProgram } from '../../cli/program.ts';
import { explain } from '../../cli/render/why.ts';
import { testSurroundings } from '../../cli/testing/system.ts';
import type { Plan } from '../../shared/core/plan.ts';
import { WAIT_CODES } from '../../shared/core/reason.ts';
import type { Execution } from '../../shared/core/run.ts';
import { describeExecution } from '../../shared/use-cases/describe-execution.ts';
import { SCENES } from './scenes.ts';
import { simulate } from './simulate.ts';

/** Worlds that are looked through; each comes into several waits. */
const SEEDS = 60;

type Seen = { readonly seed: number; readonly execution: Execution; readonly plan: Plan };

async function seenWaits(): Promise<ReadonlyMap<string, Seen>> {
  const script = SCENES.get('flow');
  if (script === undefined) throw new Error('no scene is called flow');
  const seen = new Map<string, Seen>();
  for (let seed = 0; seed < SEEDS; seed += 1) {
    const { violations, waits } = await simulate(seed, { script });
    expect(violations, `node test/simulation/main.ts ${seed} --scene=flow`).toEqual([]);
    for (const [code, { execution, plan }] of waits) if (!seen.has(code)) seen.set(code, { seed, execution, plan });
  }
  return seen;
}

describe('every wait', () => {
  const seen = seenWaits();
  const program = createProgram(testSurroundings().surroundings, () => undefined);
  const commands = program.commands.map((one) => one.name());

  it.each(WAIT_CODES)('%s is come into, and why tells code, sentence and command', async (code) => {
    const found = (await seen).get(code);
    expect(found, `no world of ${SEEDS} came into ${code}`).toBeDefined();
    if (found === undefined) return;
    const { execution, plan, seed } = found;
    const why = explain(describeExecution({ execution, plan }), execution.at + 1_000);
    const about = `node test/simulation/main.ts ${seed} --scene=flow`;
    const { reason } = execution.phase.is === 'queued' ? execution.phase : waitOf(execution, code);
    const told = why.explanations.find((one) => one.code === code);
    expect(told?.text, about).toContain(reason.text);
    expect(reason.text.length, about).toBeGreaterThan(10);
    expect(
      why.waysOn.map(({ command }) => command),
      about,
    ).toContain(reason.unblock);
    const [program, command] = reason.unblock?.split(' ') ?? [];
    expect(program, about).toBe('gennaker');
    expect(commands, about).toContain(command);
  });
});

function waitOf({ stages }: Execution, code: string) {
  const reason = stages.find((one) => one.status === 'waiting' && one.reason?.code === code)?.reason;
  if (reason === undefined) throw new Error(`no stage waits for ${code}`);
  return { reason };
}
