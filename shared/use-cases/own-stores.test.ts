import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type EngineBench, kindOf, openBench, scripted } from '../../test/support/engine-bench.ts';
import { statusOf } from '../core/execution.ts';
import type { StageContext } from '../stages/kind.ts';

/** A bench with one stage of one attempt, whose step does this and succeeds. */
async function benchOf(step: (context: StageContext) => Promise<unknown>): Promise<EngineBench> {
  const kind = kindOf({
    with: z.unknown(),
    cursor: z.unknown(),
    outputs: z.unknown(),
    async step(_given, _at, context) {
      await step(context);
      return { is: 'succeeded', outputs: null };
    },
  });
  const bench = openBench({ kinds: [kind] });
  await bench.start('e1', { stages: [scripted('release', [], { kind: 'custom' })] });
  return bench;
}

describe('a step whose own store fails', () => {
  it.each<{ port: string; ask: (context: StageContext) => Promise<unknown> }>([
    { port: 'executions', ask: ({ isAtWork }) => isAtWork({ execution: 'e2', stage: 'release', attempt: 1 }) },
    { port: 'blobs', ask: (context) => context.blobs.get({ hash: 'sha256:00' }) },
  ])('($port) is run again, and uses up no attempt', async ({ port, ask }) => {
    let isAsking = false;
    await using bench = await benchOf(async (context) => {
      isAsking = true;
      await ask(context).finally(() => {
        isAsking = false;
      });
    });
    bench.hooks = {
      before: (call) => {
        if (isAsking && call.port === port) throw new Error('the database is away');
      },
    };
    await bench.deliver();
    const [view] = (await bench.execution('e1')).stages;
    expect(view).toMatchObject({ status: 'waiting', attempts: 1, reason: { code: 'retry-back-off' } });
    expect(view?.reason?.text).toBe('The system could not reach its own store: the database is away');
    bench.hooks = {};
    await bench.pass(1_000);
    expect(statusOf(await bench.execution('e1'))).toBe('succeeded');
  });
});

it('a reason keeps only as much as every document that repeats it can hold', async () => {
  await using bench = await benchOf(() => Promise.reject(new Error('x'.repeat(500_000))));
  await bench.settle();
  expect((await bench.execution('e1')).stages[0]?.reason?.text).toBe(`${'x'.repeat(2_000)}…`);
});
