import { describe, expect, it } from 'vitest';
import { openBench, scripted } from '../../test/support/engine-bench.ts';
import { statusOf } from '../core/execution.ts';
import { cancelExecution } from './stop-execution.ts';

const queueing = {
  stages: [scripted('release', ['wait'])],
  concurrency: { group: 'items-api', limit: 1, whenBusy: 'queue' },
} as const;

describe('a cancel', () => {
  it('of a queued execution ends it at once and gives its place back', async () => {
    await using bench = openBench();
    await bench.start('e1', queueing);
    await bench.start('e2', queueing);
    expect(await cancelExecution(bench.engine, { id: 'e2', by: 'Aki', reason: 'wrong tag' })).toEqual({
      is: 'stopping',
    });
    expect((await bench.execution('e2')).phase).toMatchObject({
      is: 'ended',
      end: 'cancelled',
      reason: { code: 'cancelled-by-person', text: 'Aki cancelled it: wrong tag', unblock: 'gennaker restart e2' },
    });
    expect(await bench.group()).toMatchObject({ holders: ['e1'], queue: [] });
    expect(bench.announced('e2')).toEqual([1, 2]);
    expect(await bench.execution('e2')).not.toHaveProperty('sweepAt');
  });

  it('keeps the slot until every stage is at rest', async () => {
    await using bench = openBench();
    await bench.start('e1', queueing);
    await bench.start('e2', queueing);
    await bench.settle();
    await cancelExecution(bench.engine, { id: 'e1', by: 'Aki' });
    expect(await bench.group()).toMatchObject({ holders: ['e1'], queue: ['e2'] });
    await bench.settle();
    expect(await bench.group()).toMatchObject({ holders: ['e2'], queue: [] });
    expect((await bench.execution('e1')).phase).toMatchObject({ promoted: ['e2'] });
  });

  it('asked for twice is one, and sends the stop again', async () => {
    await using bench = openBench();
    await bench.start('e1', queueing);
    await bench.settle();
    await cancelExecution(bench.engine, { id: 'e1', by: 'Aki' });
    const { revision } = await bench.execution('e1');
    bench.lose();
    expect(await cancelExecution(bench.engine, { id: 'e1', by: 'Ben' })).toEqual({ is: 'stopping' });
    expect((await bench.execution('e1')).revision).toBe(revision);
    await bench.settle();
    expect((await bench.execution('e1')).phase).toMatchObject({ reason: { text: 'Aki cancelled it.' } });
  });

  it('after the end tells how it ended', async () => {
    await using bench = openBench();
    await bench.start('e1', { stages: [scripted('release')] });
    await bench.settle();
    expect(await cancelExecution(bench.engine, { id: 'e1', by: 'Aki' })).toEqual({
      is: 'already-ended',
      status: 'succeeded',
    });
  });

  it('of an execution that is not there says so', async () => {
    await using bench = openBench();
    expect(await cancelExecution(bench.engine, { id: 'nowhere', by: 'Aki' })).toEqual({ is: 'unknown' });
  });

  it('that meets another writer looks again', async () => {
    await using bench = openBench();
    await bench.start('e1', { stages: [scripted('release'), scripted('tell', ['wait'])] });
    let isMet = false;
    bench.hooks = {
      before: async ({ method }) => {
        if (method !== 'commit' || isMet) return;
        isMet = true;
        await bench.deliver();
      },
    };
    await bench.patiently(cancelExecution(bench.engine, { id: 'e1', by: 'Aki' }));
    bench.hooks = {};
    await bench.settle();
    const ended = await bench.execution('e1');
    expect(statusOf(ended)).toBe('cancelled');
    expect(ended.stages.map((stage) => stage.status)).toEqual(['succeeded', 'cancelled']);
  });
});
