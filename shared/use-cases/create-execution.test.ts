import { describe, expect, it } from 'vitest';
import { type EngineBench, openBench, type PlanChange, scripted } from '../../test/support/engine-bench.ts';
import { statusOf } from '../core/execution.ts';
import type { Concurrency } from '../core/plan.ts';
import { executionIdOf } from './engine.ts';
import { restartExecution } from './restart-execution.ts';
import { cancelExecution } from './stop-execution.ts';

const planWith = (whenBusy: Concurrency['whenBusy'], limit = 1): PlanChange => ({
  stages: [scripted('release', ['wait'])],
  concurrency: { group: 'items-api', limit, whenBusy },
});
const statusesOf = async (bench: EngineBench, ids: readonly string[]): Promise<readonly string[]> =>
  Promise.all(ids.map(async (id) => statusOf(await bench.execution(id))));

describe('creating an execution', () => {
  it('twice creates one, and sends again what is outstanding', async () => {
    await using bench = openBench();
    expect(await bench.start('e1', planWith('queue'))).toEqual({ is: 'started', execution: 'e1', isNew: true });
    const before = await bench.execution('e1');
    bench.lose();
    expect(await bench.start('e1', planWith('queue'))).toEqual({ is: 'started', execution: 'e1', isNew: false });
    expect(await bench.execution('e1')).toEqual(before);
    expect(bench.waiting).toHaveLength(1);
  });

  it('again after its end does not revive it', async () => {
    await using bench = openBench();
    await bench.start('e1', { stages: [scripted('release')] });
    await bench.sweepUntilRest(3);
    const ended = await bench.execution('e1');
    expect(await bench.start('e1', { stages: [scripted('release')] })).toMatchObject({ isNew: false });
    await bench.settle();
    expect(await bench.execution('e1')).toEqual(ended);
    expect(bench.done).toHaveLength(1);
  });

  it('whose answer was lost between commit and publish is mended by the redelivery', async () => {
    await using bench = openBench();
    bench.hooks = {
      before: ({ method }) => {
        if (method === 'publish') throw new Error('the bus is away');
      },
    };
    await expect(bench.start('e1', planWith('queue'))).rejects.toThrow('the bus is away');
    bench.hooks = {};
    expect(bench.announced('e1')).toEqual([]);
    await bench.start('e1', planWith('queue'));
    expect(bench.announced('e1')).toEqual([1]);
    expect(bench.waiting).toHaveLength(1);
  });

  it('at the same moment as another never exceeds the limit', async () => {
    await using bench = openBench();
    const ids = ['e1', 'e2', 'e3'];
    await bench.patiently(Promise.all(ids.map((id) => bench.start(id, planWith('queue')))));
    expect([...(await statusesOf(bench, ids))].sort()).toEqual(['queued', 'queued', 'running']);
    expect(await bench.group()).toMatchObject({ limit: 1, holders: { length: 1 }, queue: { length: 2 } });
  });

  it('in which nothing is to run succeeds at once, and passes its slot on', async () => {
    await using bench = openBench();
    const created = await bench.start('e1', { stages: [scripted('release', [], { skip: 'It is a holiday.' })] });
    expect(created).toMatchObject({ is: 'started' });
    expect(statusOf(await bench.execution('e1'))).toBe('succeeded');
    expect(await bench.group()).toMatchObject({ holders: [], queue: [] });
  });
});

describe('where the group is busy', () => {
  it('`queue` waits in order, says behind whom, and runs when its turn comes', async () => {
    await using bench = openBench();
    for (const id of ['e1', 'e2', 'e3']) await bench.start(id, planWith('queue'));
    expect((await bench.execution('e2')).phase).toMatchObject({
      is: 'queued',
      reason: { text: 'Its group is busy: e1 runs; this one is next.', unblock: 'gennaker cancel e1' },
    });
    expect((await bench.execution('e3')).phase).toMatchObject({
      reason: { text: 'Its group is busy: e1 runs and 1 wait before it.' },
    });
    await bench.sweepUntilRest(60);
    expect(await statusesOf(bench, ['e1', 'e2', 'e3'])).toEqual(['succeeded', 'succeeded', 'succeeded']);
    expect(bench.done.map((key) => key.slice(0, 2))).toEqual(['e1', 'e1', 'e2', 'e2', 'e3', 'e3']);
  });

  it('`newest` takes the place of who waits, and lets who runs end', async () => {
    await using bench = openBench();
    for (const id of ['e1', 'e2', 'e3']) await bench.start(id, planWith('newest'));
    expect((await bench.execution('e2')).phase).toMatchObject({
      is: 'ended',
      end: 'cancelled',
      reason: { code: 'superseded-by-newer', unblock: 'gennaker restart e2' },
    });
    await bench.sweepUntilRest(60);
    expect(await statusesOf(bench, ['e1', 'e2', 'e3'])).toEqual(['succeeded', 'cancelled', 'succeeded']);
    expect(bench.announced('e2')).toEqual([1, 2]);
  });

  it('`cancel-running` stops who runs, and follows at once', async () => {
    await using bench = openBench();
    await bench.start('e1', planWith('cancel-running'));
    await bench.settle();
    await bench.start('e2', planWith('cancel-running'));
    await bench.settle();
    expect(await statusesOf(bench, ['e1', 'e2'])).toEqual(['cancelled', 'waiting']);
    expect((await bench.execution('e1')).phase).toMatchObject({
      reason: { text: 'A newer execution, e2, takes its place.' },
    });
    expect(bench.done).toContain('stop e1/release/1/3');
  });

  it('`skip` is an execution too, skipped, so that a redelivery does not run it', async () => {
    await using bench = openBench();
    await bench.start('e1', planWith('skip'));
    expect(await bench.start('e2', planWith('skip'))).toMatchObject({ is: 'skipped' });
    await bench.sweepUntilRest(60);
    expect(await bench.start('e2', planWith('skip'))).toMatchObject({ is: 'skipped', isNew: false });
    expect((await bench.execution('e2')).phase).toMatchObject({ end: 'skipped', reason: { code: 'group-busy' } });
  });

  it('a plan with a higher limit lets those run who wait', async () => {
    await using bench = openBench();
    for (const id of ['e1', 'e2', 'e3']) await bench.start(id, planWith('queue'));
    await bench.start('e4', planWith('queue', 3));
    expect(await statusesOf(bench, ['e1', 'e2', 'e3', 'e4'])).toEqual(['running', 'running', 'running', 'queued']);
    expect(bench.waiting).toHaveLength(3);
  });

  it('a slot goes through an execution in which nothing is to run to the next', async () => {
    await using bench = openBench();
    await bench.start('e1', planWith('queue'));
    await bench.start('e2', { ...planWith('queue'), stages: [scripted('release', [], { skip: 'It is a holiday.' })] });
    await bench.start('e3', planWith('queue'));
    await cancelExecution(bench.engine, { id: 'e1', by: 'Aki' });
    await bench.settle();
    expect(await statusesOf(bench, ['e1', 'e2', 'e3'])).toEqual(['cancelled', 'succeeded', 'waiting']);
    expect((await bench.execution('e1')).phase).toMatchObject({ promoted: ['e2', 'e3'] });
    expect(await bench.group()).toMatchObject({ holders: ['e3'], queue: [] });
    expect(bench.announced('e2')).toEqual([1, 2]);
  });

  it('a slot is not kept by an execution that is not there any more', async () => {
    await using bench = openBench();
    await bench.start('e1', planWith('queue'));
    await bench.start('e2', planWith('queue'));
    const found = await bench.engine.executions.readGroup({ key: 'items-api' });
    if (found === undefined) throw new Error('the group is not there');
    const value = { ...found.value, queue: ['gone', ...found.value.queue] };
    await bench.engine.executions.commit({
      writes: [{ document: 'group', key: 'items-api', value, expected: found.version }],
    });
    await cancelExecution(bench.engine, { id: 'e1', by: 'Aki' });
    await bench.settle();
    expect(statusOf(await bench.execution('e2'))).toBe('waiting');
    expect(await bench.group()).toMatchObject({ holders: ['e2'], queue: [] });
  });

  it('an end promotes past those that ended in the queue', async () => {
    await using bench = openBench();
    for (const id of ['e1', 'e2', 'e3']) await bench.start(id, planWith('queue'));
    await cancelExecution(bench.engine, { id: 'e2', by: 'Aki' });
    expect(await bench.group()).toMatchObject({ holders: ['e1'], queue: ['e3'] });
    await cancelExecution(bench.engine, { id: 'e1', by: 'Aki' });
    await bench.settle();
    expect(await statusesOf(bench, ['e1', 'e2', 'e3'])).toEqual(['cancelled', 'cancelled', 'waiting']);
  });
});

describe('a full group', () => {
  it('takes as many into its queue as the pipeline says; one more is skipped, and says so', async () => {
    await using bench = openBench();
    const bounded: PlanChange = {
      stages: [scripted('release', ['wait'])],
      concurrency: { group: 'items-api', limit: 1, whenBusy: 'queue', queue: 2 },
    };
    for (const id of ['e1', 'e2', 'e3', 'e4']) await bench.start(id, bounded);
    expect(await statusesOf(bench, ['e1', 'e2', 'e3', 'e4'])).toEqual(['running', 'queued', 'queued', 'skipped']);
    expect((await bench.execution('e4')).phase).toMatchObject({
      reason: {
        code: 'group-busy',
        text: "Its group's queue is full: 2 wait already, and no more may.",
        unblock: 'gennaker restart e4',
      },
    });
    expect(await bench.group()).toMatchObject({ holders: ['e1'], queue: ['e2', 'e3'] });
  });

  it('whose newest waits alone tells each that it replaced by what', async () => {
    await using bench = openBench();
    for (const id of ['e1', 'e2', 'e3']) await bench.start(id, planWith('newest'));
    expect(await statusesOf(bench, ['e1', 'e2', 'e3'])).toEqual(['running', 'cancelled', 'queued']);
    expect((await bench.execution('e2')).phase).toMatchObject({
      reason: { code: 'superseded-by-newer', text: 'It waited for a slot, and e3, which is newer, took its place.' },
    });
  });
});

describe('a restart', () => {
  const restart = (bench: EngineBench, id: string) => restartExecution(bench.engine, { id, by: 'Aki' }, executionIdOf);

  it('is a new execution that goes on after what had succeeded, with its outputs', async () => {
    await using bench = openBench();
    const retry = { attempts: 2, backOffMs: 0, maximumBackOffMs: 0 };
    await bench.start('e1', {
      stages: [scripted('build', ['again']), scripted('release', ['fail'], { needs: ['build'], retry })],
    });
    await bench.sweepUntilRest(3);
    const before = await bench.execution('e1');
    const restarted = await restart(bench, 'e1');
    if (restarted.is !== 'accepted') throw new Error(`it was not restarted: ${restarted.is}`);
    const id = restarted.execution;
    expect(await bench.execution(id)).toMatchObject({
      restartOf: 'e1',
      plan: before.plan,
      trigger: { source: 'manual', text: 'restart of e1', by: 'Aki' },
      stages: [{ status: 'succeeded' }, { status: 'running' }],
      trace: expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/),
    });
    expect((await bench.run(id, 'build')).state).toMatchObject({ outputs: { steps: 1 } });
    await bench.sweepUntilRest(3);
    expect(bench.done.filter((key) => key.startsWith(id))).toEqual([`${id}/release/1/1`]);
    expect(await bench.execution('e1')).toEqual(before);
  });

  it('of one that has succeeded is refused, for nothing of it is left to do', async () => {
    await using bench = openBench();
    await bench.start('e1', { stages: [scripted('build')] });
    await bench.sweepUntilRest(3);
    expect(await restart(bench, 'e1')).toEqual({ is: 'succeeded', pipeline: 'items-api' });
  });

  it('of one that runs is refused, and of one that is not there too', async () => {
    await using bench = openBench();
    await bench.start('e1', planWith('queue'));
    expect(await restart(bench, 'e1')).toEqual({ is: 'still-running' });
    expect(await restart(bench, 'nowhere')).toEqual({ is: 'unknown' });
  });
});
