import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type EngineBench, kindOf, openBench, scripted } from '../../test/support/engine-bench.ts';
import { START } from '../../test/support/execution-fixtures.ts';
import { statusOf } from '../core/execution.ts';
import type { StagePlan } from '../core/plan.ts';
import type { Outcome } from '../core/run.ts';
import { type StageContext, type StageKind, TerminalError } from '../stages/kind.ts';
import { DEFAULT_TIMING } from './engine.ts';

type Step = (context: StageContext) => Promise<Outcome<unknown, unknown>>;

/** A bench with an execution of one stage, whose steps do what `step` says. */
async function benchOf(
  step: Step,
  more: { readonly kind?: Partial<StageKind>; readonly stage?: Partial<StagePlan> } = {},
): Promise<EngineBench> {
  const kind = kindOf({
    with: z.unknown(),
    cursor: z.unknown(),
    outputs: z.unknown(),
    step: (_given, _at, context) => step(context),
    ...more.kind,
  });
  const bench = openBench({ kinds: [kind] });
  await bench.start('e1', { stages: [scripted('release', [], { kind: 'custom', ...more.stage })] });
  return bench;
}

const succeeded = async (): Promise<Outcome> => ({ is: 'succeeded', outputs: null });
/** Resolves when the step is told to stop. */
const told = (context: StageContext): Promise<void> =>
  new Promise((resolve) => context.signal.addEventListener('abort', () => resolve(), { once: true }));

describe('what a step is given', () => {
  it('says where it is, what it may take, and by which key its side effects are known', async () => {
    let seen: StageContext | undefined;
    await using bench = await benchOf(
      async (context) => {
        seen = context;
        return succeeded();
      },
      { stage: { target: 'jp' } },
    );
    await bench.settle();
    expect(seen).toMatchObject({
      execution: 'e1',
      pipeline: 'items-api',
      stage: 'release',
      attempt: 1,
      step: 1,
      tries: 1,
      key: 'e1/release/1/1',
      namespace: 'items',
      target: 'jp',
      deadline: START + DEFAULT_TIMING.stepMs,
    });
    expect(seen?.mayWrite(), 'after its answer').toBe(false);
  });

  it('has no cluster where its stage has no target', async () => {
    await using bench = await benchOf(async (context) => {
      await context.cluster();
      return succeeded();
    });
    await bench.settle();
    expect((await bench.execution('e1')).stages[0]?.reason?.text).toBe('The stage release has no target.');
  });

  it('tells whether the holder of a lock may still be at work', async () => {
    const answers: boolean[] = [];
    await using bench = await benchOf(async (context) => {
      for (const holder of [
        { execution: 'e1', stage: 'release', attempt: 1 },
        { execution: 'e1', stage: 'release', attempt: 2 },
        { execution: 'nowhere', stage: 'release', attempt: 1 },
      ]) {
        answers.push(await context.isAtWork(holder));
      }
      return succeeded();
    });
    await bench.settle();
    expect(answers).toEqual([true, false, false]);
  });

  it('logs with where it is', async () => {
    await using bench = await benchOf(async (context) => {
      context.log.write('INFO', 'An object was applied', { object: 'Deployment items/items-api' });
      return succeeded();
    });
    await bench.settle();
    expect(bench.log.find((line) => line.message === 'An object was applied')?.fields).toEqual({
      execution: 'e1',
      stage: 'release',
      attempt: 1,
      step: 1,
      object: 'Deployment items/items-api',
    });
  });
});

describe('progress', () => {
  const lines = async (bench: EngineBench) => {
    const shown = await bench.engine.progress.read({ execution: 'e1' });
    return shown.flatMap((one) => one.lines);
  };

  it('is shown at most twice a second', async () => {
    const seen: string[][] = [];
    await using bench = await benchOf(async (context) => {
      for (const text of ['first', 'too soon', 'later']) {
        if (text === 'later') await new Promise<void>((resolve) => context.clock.after(600, resolve));
        context.report([text]);
        seen.push(await lines(bench));
      }
      return succeeded();
    });
    await bench.settle();
    expect(seen).toEqual([['first'], ['first'], ['later']]);
  });

  it('that cannot be shown costs a line of log and nothing else', async () => {
    await using bench = await benchOf(async (context) => {
      context.report(['first']);
      return succeeded();
    });
    bench.hooks = {
      before: ({ port }) => {
        if (port === 'progress') throw new Error('the board is away');
      },
    };
    await bench.settle();
    expect(statusOf(await bench.execution('e1'))).toBe('succeeded');
    expect(bench.log.map((line) => line.message)).toContain('Progress could not be shown');
  });
});

describe('a step over its time', () => {
  it.each<{ name: string; step: Step }>([
    {
      name: 'that stops by throwing',
      step: async (context) => {
        await told(context);
        throw new DOMException('This operation was aborted', 'AbortError');
      },
    },
    { name: 'that does not hear', step: () => new Promise(() => undefined) },
  ])('$name is told so and run again, not failed', async ({ step }) => {
    let begun = 0;
    await using bench = await benchOf((context) => {
      begun += 1;
      return begun === 1 ? step(context) : succeeded();
    });
    await bench.deliver();
    const [view] = (await bench.execution('e1')).stages;
    expect(view).toMatchObject({ status: 'waiting', attempts: 1, reason: { code: 'retry-back-off' } });
    expect(view?.reason?.text).toBe('A step did not end within 50 s and was told to stop.');
    expect(bench.clock.now() - START).toBeLessThan(DEFAULT_TIMING.leaseMs);
    await bench.pass(1_000);
    expect(statusOf(await bench.execution('e1'))).toBe('succeeded');
  });

  it('may still answer in the grace that it has, and may not write', async () => {
    await using bench = await benchOf(async (context) => {
      expect(context.mayWrite()).toBe(true);
      await told(context);
      return { is: 'succeeded', outputs: `may write: ${context.mayWrite()}` };
    });
    await bench.settle();
    expect((await bench.run('e1', 'release')).state).toMatchObject({ end: 'succeeded', outputs: 'may write: false' });
  });

  it('that finds out that nothing can help is believed', async () => {
    await using bench = await benchOf(async (context) => {
      await told(context);
      throw new TerminalError('There is no such image.');
    });
    await bench.settle();
    expect((await bench.execution('e1')).stages[0]).toMatchObject({
      status: 'failed',
      reason: { code: 'stage-failed', text: 'There is no such image.' },
    });
  });
});

describe('a step that fails', () => {
  const retry = { attempts: 2, backOffMs: 1_000, maximumBackOffMs: 1_000 };
  const again = { is: 'again', cursor: { at: 'one' } } as const;

  it.each<{ name: string; step: Step; kind?: Partial<StageKind>; stage?: Partial<StagePlan>; view: object }>([
    {
      name: 'with an error is attempted again where the policy says so',
      step: async () => {
        throw new Error('Connection refused.');
      },
      view: { status: 'waiting', attempts: 2, reason: { text: expect.stringContaining('Connection refused.') } },
    },
    {
      name: 'with something that is no error too',
      step: () => Promise.reject('out of order'),
      view: { status: 'waiting', attempts: 2, reason: { text: expect.stringContaining('out of order') } },
    },
    {
      name: 'for good is not attempted again',
      step: async () => {
        throw new TerminalError('There is no such image.');
      },
      view: { status: 'failed', attempts: 1, reason: { code: 'stage-failed', text: 'There is no such image.' } },
    },
    {
      name: 'because its kind is not there is not attempted again',
      step: succeeded,
      stage: { kind: 'gone' },
      view: { status: 'failed', reason: { text: 'No stage kind is called gone in this installation.' } },
    },
    {
      name: 'by outputs that its own schema refuses is not attempted again',
      step: succeeded,
      kind: { outputs: z.object({ url: z.string() }) },
      view: { status: 'failed', attempts: 1, reason: { code: 'invalid-parameters' } },
    },
    {
      name: 'by a cursor that its own schema refuses is not attempted again',
      step: async () => again,
      kind: { cursor: z.object({ at: z.number() }) },
      view: { status: 'failed', attempts: 1, reason: { code: 'invalid-parameters' } },
    },
    {
      name: 'by a cursor that is too large says how large',
      step: async () => ({ is: 'again', cursor: 'x'.repeat(70_000) }),
      view: { status: 'failed', reason: { text: "The stage's state is 70002 characters long; 65536 fit." } },
    },
    {
      name: 'by parameters that its schema refuses is not attempted again',
      step: succeeded,
      kind: { with: z.object({ url: z.string() }) },
      view: { status: 'failed', attempts: 1, reason: { code: 'invalid-parameters' } },
    },
  ])('$name', async ({ step, kind = {}, stage = {}, view }) => {
    await using bench = await benchOf(step, { kind, stage: { retry, ...stage } });
    await bench.settle();
    expect((await bench.execution('e1')).stages[0]).toMatchObject(view);
  });

  it('skips its stage where it says so', async () => {
    const reason = { code: 'condition-false', text: 'Nothing changed.' } as const;
    await using bench = await benchOf(async () => ({ is: 'skipped', reason }));
    await bench.settle();
    expect((await bench.execution('e1')).stages[0]).toMatchObject({ status: 'skipped', reason });
  });

  it('keeps a cursor without a value as null', async () => {
    let steps = 0;
    await using bench = await benchOf(async () => {
      steps += 1;
      return steps === 1 ? { is: 'again', cursor: undefined } : succeeded();
    });
    await bench.deliver();
    expect((await bench.run('e1', 'release')).cursor).toBeNull();
  });
});
