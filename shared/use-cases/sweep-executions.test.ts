import { describe, expect, it } from 'vitest';
import { openBench, scripted } from '../../test/support/engine-bench.ts';
import { statusOf } from '../core/execution.ts';
import { SWEEP_RUNNING_MS } from '../core/limits.ts';
import { sweepExecutions } from './sweep-executions.ts';

const plan = { stages: [scripted('release', ['wait'])] };

describe('the sweep', () => {
  it('leaves alone what still has time', async () => {
    await using bench = openBench();
    await bench.start('e1', plan);
    bench.clock.advance(SWEEP_RUNNING_MS - 1);
    expect(await sweepExecutions(bench.engine)).toBe(0);
  });

  it('sends again what is outstanding, announcements first, and looks again later', async () => {
    await using bench = openBench();
    await bench.start('e1', plan);
    bench.lose();
    bench.clock.advance(SWEEP_RUNNING_MS);
    const before = bench.sent.length;
    expect(await sweepExecutions(bench.engine)).toBe(1);
    expect(bench.sent.slice(before).map((one) => one.topic)).toEqual(['transitions', 'work']);
    expect((await bench.execution('e1')).sweepAt).toBe(bench.clock.now() + SWEEP_RUNNING_MS);
    expect(await sweepExecutions(bench.engine)).toBe(0);
  });

  it('delivers an overdue wake itself', async () => {
    await using bench = openBench();
    await bench.start('e1', plan);
    await bench.deliver();
    const { sweepAt = 0 } = await bench.execution('e1');
    bench.clock.advance(sweepAt - bench.clock.now());
    const before = bench.waiting.length;
    await sweepExecutions(bench.engine);
    expect(bench.waiting.length).toBe(before + 1);
    await bench.settle();
    expect(statusOf(await bench.execution('e1'))).toBe('succeeded');
  });

  it('settles an end whose messages were not all sent', async () => {
    await using bench = openBench();
    await bench.start('e1', { stages: [scripted('release')] });
    bench.hooks = {
      before: ({ method }) => {
        if (method === 'publish') throw new Error('the bus is away');
      },
    };
    expect(await bench.deliver()).toBe('later');
    bench.hooks = {};
    bench.lose();
    const { revision } = await bench.execution('e1');
    expect(bench.announced('e1')).not.toContain(revision);
    await bench.sweepUntilRest(10);
    expect(bench.announced('e1')).toContain(revision);
  });

  it('gives a slot that stands free to who waits for it', async () => {
    await using bench = openBench();
    await bench.start('e1', plan);
    await bench.start('e2', plan);
    const { value, version } = (await bench.engine.executions.readGroup({ key: 'items-api' })) ?? {};
    if (value === undefined || version === undefined) throw new Error('the group is not there');
    // As no code of ours leaves it: a slot more, and nobody told.
    await bench.engine.executions.commit({
      writes: [{ document: 'group', key: 'items-api', value: { ...value, limit: 2 }, expected: version }],
    });
    bench.clock.advance(SWEEP_RUNNING_MS);
    await sweepExecutions(bench.engine);
    expect(statusOf(await bench.execution('e2'))).toBe('running');
    expect(await bench.group()).toMatchObject({ holders: ['e1', 'e2'], queue: [] });
  });

  it('asks again for the stop of those that a queued execution replaces', async () => {
    await using bench = openBench();
    const replacing = { ...plan, concurrency: { group: 'items-api', limit: 1, whenBusy: 'cancel-running' } } as const;
    await bench.start('e1', replacing);
    await bench.settle();
    await bench.start('e2', replacing);
    bench.lose();
    await bench.sweepUntilRest(60);
    expect(statusOf(await bench.execution('e1'))).toBe('cancelled');
    expect(statusOf(await bench.execution('e2'))).toBe('succeeded');
  });

  it('that fails at one execution looks at the others all the same', async () => {
    await using bench = openBench();
    await bench.start('e1', plan);
    await bench.start('e2', {
      ...plan,
      pipeline: 'likes-api',
      concurrency: { group: 'g', limit: 1, whenBusy: 'queue' },
    });
    bench.lose();
    bench.clock.advance(SWEEP_RUNNING_MS);
    bench.hooks = {
      before: ({ method, argument }) => {
        if (method === 'readExecution' && (argument as { id: string }).id === 'e1') throw new Error('it is damaged');
      },
    };
    expect(await sweepExecutions(bench.engine)).toBe(2);
    expect(bench.waiting).toHaveLength(1);
    expect(bench.log.find((line) => line.severity === 'ERROR')).toMatchObject({ fields: { execution: 'e1' } });
  });

  it('at the same moment as another sends once', async () => {
    await using bench = openBench();
    await bench.start('e1', plan);
    bench.lose();
    bench.clock.advance(SWEEP_RUNNING_MS);
    await Promise.all([sweepExecutions(bench.engine), sweepExecutions(bench.engine)]);
    expect(bench.waiting).toHaveLength(1);
  });
});
