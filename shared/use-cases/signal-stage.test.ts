import { describe, expect, it } from 'vitest';
import { type EngineBench, openBench, scripted } from '../../test/support/engine-bench.ts';
import { SCRIPTED_SIGNAL_MS } from '../../test/support/scripted-kind.ts';
import { statusOf } from '../core/execution.ts';
import { MAXIMUM_MAIL } from '../core/limits.ts';
import { signalStage } from './signal-stage.ts';
import { cancelExecution } from './stop-execution.ts';

const signal = (bench: EngineBench, id: string, more: { name?: string; stage?: string; attempt?: number } = {}) => {
  const { name = 'go', stage = 'release', ...rest } = more;
  return signalStage(bench.engine, { execution: 'e1', stage, ...rest, signal: { id, name, value: { ok: true } } });
};

/** A bench with an execution whose only stage waits for `go`. */
async function waitingBench(): Promise<EngineBench> {
  const bench = openBench();
  await bench.start('e1', { stages: [scripted('release', ['signal'], { timeoutMs: 2 * SCRIPTED_SIGNAL_MS })] });
  await bench.settle();
  return bench;
}

describe('a signal', () => {
  it('is taken, and repeated it is a duplicate that wakes the stage again in case nobody did', async () => {
    await using bench = await waitingBench();
    expect(await signal(bench, 's1')).toEqual({ is: 'taken' });
    bench.lose();
    expect(await signal(bench, 's1')).toEqual({ is: 'duplicate' });
    await bench.settle();
    expect(statusOf(await bench.execution('e1'))).toBe('succeeded');
    expect(await signal(bench, 's1')).toEqual({ is: 'ended' });
  });

  it('whose taker was lost before it could tell is not lost', async () => {
    await using bench = await waitingBench();
    bench.hooks = {
      after: ({ method }) => {
        if (method === 'commit') throw new Error('the answer was lost');
      },
    };
    await expect(signal(bench, 's1')).rejects.toThrow('the answer was lost');
    bench.hooks = {};
    expect(await signal(bench, 's1')).toEqual({ is: 'duplicate' });
    await bench.settle();
    expect(statusOf(await bench.execution('e1'))).toBe('succeeded');
  });

  it('of which nobody told the stage is found by the sweep', async () => {
    await using bench = await waitingBench();
    await signal(bench, 's1');
    bench.lose();
    await bench.sweepUntilRest(60);
    expect((await bench.run('e1', 'release')).state).toMatchObject({ outputs: { signals: ['s1'] } });
  });

  it('before its stage waits for it is kept, and wakes nobody', async () => {
    await using bench = openBench();
    await bench.start('e1', { stages: [scripted('release', ['signal'])] });
    const before = bench.waiting.length;
    expect(await signal(bench, 's1')).toEqual({ is: 'taken' });
    expect(bench.waiting).toHaveLength(before);
    await bench.settle();
    expect(statusOf(await bench.execution('e1'))).toBe('succeeded');
  });

  it('at the end of the wait is too late', async () => {
    await using bench = await waitingBench();
    bench.clock.advance(SCRIPTED_SIGNAL_MS);
    expect(await signal(bench, 's1')).toEqual({ is: 'tooLate' });
    await bench.settle();
    expect((await bench.run('e1', 'release')).state).toMatchObject({ outputs: { signals: [] } });
  });

  it('to a stage that was stopped finds it ended', async () => {
    await using bench = await waitingBench();
    await cancelExecution(bench.engine, { id: 'e1', by: 'Aki' });
    await bench.deliver();
    expect(await signal(bench, 's1')).toEqual({ is: 'ended' });
  });

  it('for another attempt than the present one is too late', async () => {
    await using bench = await waitingBench();
    expect(await signal(bench, 's1', { attempt: 2 })).toEqual({ is: 'tooLate' });
    expect(await signal(bench, 's1', { attempt: 1 })).toEqual({ is: 'taken' });
  });

  it.each([
    { name: 'a stage that never started', execution: 'e1', stage: 'nowhere' },
    { name: 'an execution that is not there', execution: 'e2', stage: 'release' },
  ])('to $name is to nobody', async ({ execution, stage }) => {
    await using bench = await waitingBench();
    const answer = signalStage(bench.engine, { execution, stage, signal: { id: 's1', name: 'go', value: null } });
    expect(await answer).toEqual({ is: 'unknown' });
  });

  it('beyond what the mailbox holds is refused', async () => {
    await using bench = await waitingBench();
    for (let count = 0; count < MAXIMUM_MAIL; count += 1) await signal(bench, `s${count}`, { name: 'other' });
    expect(await signal(bench, 'one too many', { name: 'other' })).toEqual({ is: 'full' });
  });

  it('that meets another writer looks again', async () => {
    await using bench = await waitingBench();
    let isMet = false;
    bench.hooks = {
      before: async ({ method }) => {
        if (method !== 'commit' || isMet) return;
        isMet = true;
        await signal(bench, 's0', { name: 'other' });
      },
    };
    expect(await bench.patiently(signal(bench, 's1'))).toEqual({ is: 'taken' });
    expect((await bench.run('e1', 'release')).mail.map((one) => one.id)).toEqual(['s0', 's1']);
  });
});
