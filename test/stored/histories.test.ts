/** Executions that an earlier version of the stored format left behind finish under the present code. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type ExecutionStatus, statusOf } from '../../shared/core/execution.ts';
import type { Execution, Group, Run } from '../../shared/core/run.ts';
import type { Write } from '../../shared/ports/execution-store.ts';
import { wait } from '../../shared/stages/wait/index.ts';
import { parseExecution, parseGroup, parsePlan, parseRun } from '../../shared/use-cases/documents.ts';
import { type EngineBench, openBench } from '../support/engine-bench.ts';
import { type History, recordHistories } from './record.ts';

/** How long the recorded executions may go on, in minutes of their own time. */
const MAXIMUM_MINUTES = 300;

const documentSchema = z.looseObject({ format: z.number().int() });
const historySchema: z.ZodType<History> = z.strictObject({
  at: z.number(),
  ends: z.record(z.string(), z.string()),
  executions: z.array(documentSchema),
  runs: z.array(documentSchema),
  groups: z.array(z.strictObject({ key: z.string(), value: documentSchema })),
  plans: z.array(z.string()),
});

type Recorded = { readonly name: string; readonly history: History };

async function readRecorded(): Promise<readonly Recorded[]> {
  const entries = await readdir(import.meta.dirname, { recursive: true });
  const files = entries.filter((path) => path.endsWith('.json')).sort();
  return Promise.all(
    files.map(async (path) => {
      const text = await readFile(join(import.meta.dirname, path), 'utf8');
      return { name: path.replace(/\.json$/, ''), history: historySchema.parse(JSON.parse(text)) };
    }),
  );
}

/** Puts the documents into the store as they are: it is the reading that has to cope with them. */
async function load(bench: EngineBench, history: History): Promise<void> {
  for (const text of history.plans) await bench.engine.blobs.put({ text });
  const writes: Write[] = [
    ...history.executions.map((one): Write => ({ document: 'execution', value: one as Execution, expected: 'absent' })),
    ...history.runs.map((one): Write => ({ document: 'run', value: one as Run, expected: 'absent' })),
    ...history.groups.map(
      ({ key, value }): Write => ({ document: 'group', key, value: value as Group, expected: 'absent' }),
    ),
  ];
  expect(await bench.engine.executions.commit({ writes })).toMatchObject({ is: 'committed' });
  bench.clock.advance(history.at - bench.clock.now());
}

/** Lets what was recorded go on with nothing but its documents, and tells how it ended. */
async function finish(history: History): Promise<{ readonly [id: string]: ExecutionStatus }> {
  await using bench = openBench({ kinds: [wait] });
  await load(bench, history);
  await bench.sweepUntilRest(MAXIMUM_MINUTES);
  const ids = Object.keys(history.ends);
  const ended = await Promise.all(ids.map((id) => bench.execution(id)));
  for (const execution of ended) {
    expect(execution).not.toHaveProperty('sweepAt');
    const { value } = (await bench.engine.executions.readGroup({ key: execution.group })) ?? {};
    expect(value).toMatchObject({ holders: [], queue: [] });
  }
  return Object.fromEntries(ended.map((execution) => [execution.id, statusOf(execution)]));
}

const recorded = await readRecorded();

describe('a recorded history', () => {
  it.each(recorded)('$name goes on to its end', async ({ history }) => {
    expect(await finish(history)).toEqual(history.ends);
  });

  it('is kept of the newest format of every sort of document', () => {
    const all = <T>(pick: (history: History) => readonly T[]): readonly T[] =>
      recorded.flatMap(({ history }) => pick(history));
    const sorts = [
      { parse: parseExecution, stored: all((one) => one.executions) },
      { parse: parseRun, stored: all((one) => one.runs) },
      { parse: parseGroup, stored: all((one) => one.groups.map(({ value }) => value)) },
      { parse: parsePlan, stored: all((one) => one.plans.map((text): unknown => JSON.parse(text))) },
    ];
    for (const { parse, stored } of sorts) {
      const formats = stored.map((one) => documentSchema.parse(one).format);
      const newest = parse(stored[0]).format;
      expect(formats, 'record one: node test/stored/record.ts format-N').toContain(newest);
    }
  });
});

describe('what the present code stores', () => {
  it('goes on to its end from each of the scenes that are recorded', async () => {
    const histories = await recordHistories();
    for (const [name, history] of histories) {
      const stored = historySchema.parse(JSON.parse(JSON.stringify(history)));
      expect(await finish(stored), name).toEqual(history.ends);
    }
  });
});
