import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type EngineBench, kindOf, openBench, scripted } from '../../test/support/engine-bench.ts';
import type { PortCall } from '../../test/support/faults.ts';
import { SCRIPTED_WAIT_MS } from '../../test/support/scripted-kind.ts';
import { statusOf } from '../core/execution.ts';
import { MAXIMUM_TRIES, STOP_LIMIT_MS } from '../core/limits.ts';
import type { Message } from '../ports/bus.ts';
import type { Clock } from '../ports/clock.ts';
import { advanceExecution } from './advance-execution.ts';
import { DEFAULT_TIMING } from './engine.ts';
import { parseWorkMessage, workMessage } from './messages.ts';
import { signalStage } from './signal-stage.ts';
import { cancelExecution } from './stop-execution.ts';

/** Throws at the first port call that `matches`, once. */
function failOnce(bench: EngineBench, when: 'before' | 'after', matches: (call: PortCall) => boolean): void {
  bench.hooks = {
    [when]: (call: PortCall) => {
      if (!matches(call)) return;
      bench.hooks = {};
      throw new Error(`the connection was lost ${when} ${call.port}.${call.method}`);
    },
  };
}

const isPublish =
  (topic: string) =>
  ({ method, argument }: PortCall): boolean =>
    method === 'publish' && (argument as { topic: string }).topic === topic;

const isCommitOf =
  (count: number) =>
  ({ method, argument }: PortCall): boolean =>
    method === 'commit' && (argument as { writes: readonly unknown[] }).writes.length >= count;

const first = (bench: EngineBench): Message => {
  const [message] = bench.waiting;
  if (message === undefined) throw new Error('no message waits');
  return message;
};

describe('the loop', () => {
  it('runs a graph to its end: every step once, every revision announced, the slot given back, all settled', async () => {
    await using bench = openBench();
    await bench.start('e1', {
      stages: [
        scripted('build', ['again', 'again']),
        scripted('test', [], { needs: ['build'], target: 'jp' }),
        scripted('scan', ['repeat'], { needs: ['build'] }),
        scripted('release', [], { needs: ['test', 'scan'] }),
      ],
    });
    await bench.sweepUntilRest(3);
    const ended = await bench.execution('e1');
    expect(ended).toMatchObject({ phase: { is: 'ended', end: 'succeeded' }, open: 0, unproven: [] });
    expect(ended).not.toHaveProperty('sweepAt');
    expect(bench.announced('e1')).toEqual(Array.from({ length: ended.revision }, (_, index) => index + 1));
    expect(await bench.group()).toMatchObject({ holders: [], queue: [] });
    const steps = [
      'build/1/1',
      'build/1/2',
      'build/1/3',
      'scan/1/1',
      'scan/1/1',
      'scan/1/2',
      'test/1/1',
      'release/1/1',
    ];
    expect([...bench.done].sort()).toEqual(steps.map((step) => `e1/${step}`).sort());
    expect((await bench.run('e1', 'build')).state).toMatchObject({ outputs: { steps: 2, signals: [] } });
  });

  it("carries the work of a stage with a target in the target's own lane", async () => {
    await using bench = openBench();
    await bench.start('e1', { stages: [scripted('release', [], { target: 'jp' }), scripted('tell')] });
    const topics = bench.sent.map((one) => one.topic);
    expect(topics).toEqual(['transitions', 'work-jp', 'work']);
  });

  it('wakes a stage when its wait is over, and not before', async () => {
    await using bench = openBench();
    await bench.start('e1', { stages: [scripted('release', ['wait'])] });
    await bench.settle();
    expect(statusOf(await bench.execution('e1'))).toBe('waiting');
    await bench.pass(SCRIPTED_WAIT_MS - 1_000);
    expect(bench.done).toEqual(['e1/release/1/1']);
    await bench.pass(1_000);
    expect(statusOf(await bench.execution('e1'))).toBe('succeeded');
  });

  it('goes on at once with the signal that a stage waits for', async () => {
    await using bench = openBench();
    await bench.start('e1', { stages: [scripted('release', ['signal'])] });
    await bench.settle();
    const signal = { id: 's1', name: 'go', value: null };
    expect(await signalStage(bench.engine, { execution: 'e1', stage: 'release', signal })).toEqual({ is: 'taken' });
    await bench.settle();
    expect((await bench.run('e1', 'release')).state).toMatchObject({ outputs: { signals: ['s1'] } });
  });

  it('retries by the policy, and says in between when', async () => {
    await using bench = openBench();
    const retry = { attempts: 2, backOffMs: 30_000, maximumBackOffMs: 30_000 };
    await bench.start('e1', { stages: [scripted('release', ['retry'], { retry })] });
    await bench.settle();
    const [view] = (await bench.execution('e1')).stages;
    expect(view).toMatchObject({ status: 'waiting', attempts: 2, reason: { code: 'retry-back-off' } });
    // The back-off counts from the answer, which lies a little before the bench came to rest.
    const left = (view?.wakeAt ?? 0) - bench.clock.now();
    expect(left).toBeGreaterThan(29_000);
    expect(left).toBeLessThanOrEqual(30_000);
    await bench.pass(30_000);
    expect(statusOf(await bench.execution('e1'))).toBe('succeeded');
  });

  it('fails with the sentence of the step, and stops the other branches', async () => {
    await using bench = openBench();
    await bench.start('e1', { stages: [scripted('release', ['fail']), scripted('other', ['wait', 'again'])] });
    await bench.settle();
    const ended = await bench.execution('e1');
    expect(ended.phase).toMatchObject({ end: 'failed', reason: { text: 'release failed: This can never work.' } });
    expect(ended.stages.map((stage) => stage.status)).toEqual(['failed', 'cancelled']);
    expect(bench.done).toContain('stop e1/other/1/3');
  });
});

describe('a message', () => {
  it('delivered again after the end changes nothing', async () => {
    await using bench = openBench();
    await bench.start('e1', { stages: [scripted('release', ['again'])] });
    const message = first(bench);
    await bench.settle();
    const ended = await bench.execution('e1');
    bench.redeliver(message);
    expect(await bench.deliver()).toBe('done');
    expect(await bench.execution('e1')).toEqual(ended);
    expect(bench.done).toHaveLength(2);
  });

  it('of a step that was done sends again what that led to, in case nobody did', async () => {
    await using bench = openBench();
    await bench.start('e1', { stages: [scripted('build'), scripted('release', [], { needs: ['build'] })] });
    const message = first(bench);
    await bench.deliver();
    bench.lose();
    bench.redeliver(message);
    await bench.settle();
    expect(statusOf(await bench.execution('e1'))).toBe('succeeded');
    expect(bench.done).toEqual(['e1/build/1/1', 'e1/release/1/1']);
  });

  it.each([
    { name: 'an execution that is not there', work: { execution: 'nowhere', stage: 'release' } },
    { name: 'a stage that never started', work: { execution: 'e1', stage: 'nowhere' } },
  ])('of $name is done with a warning', async ({ work }) => {
    await using bench = openBench();
    await bench.start('e1', { stages: [scripted('release')] });
    await bench.settle();
    bench.redeliver(workMessage({ ...work, attempt: 1, step: 1 }, { pipeline: 'p', at: 0 }));
    expect(await bench.deliver()).toBe('done');
    expect(bench.log.at(-1)).toMatchObject({ severity: 'WARNING', fields: work });
  });

  it('that is no work is recorded and done', async () => {
    await using bench = openBench();
    bench.redeliver({ data: '{"specversion":"1.0"}', attributes: {} });
    expect(await bench.deliver()).toBe('done');
    expect(await bench.poisoned()).toMatchObject([{ refused: expect.stringContaining('not a CloudEvent') }]);
  });
});

describe('a worker that is lost', () => {
  it.each([
    { name: 'before the claim is written', when: 'before', matches: isCommitOf(1), tries: 1 },
    { name: 'after the claim was written', when: 'after', matches: isCommitOf(1), tries: 2 },
    { name: 'before the end is written', when: 'before', matches: isCommitOf(3), tries: 2 },
    { name: 'between the end and its announcement', when: 'after', matches: isCommitOf(3), tries: 1 },
    { name: 'before the announcement is sent', when: 'before', matches: isPublish('transitions'), tries: 1 },
    { name: 'between the announcement and the work', when: 'after', matches: isPublish('transitions'), tries: 1 },
    { name: 'before the work is sent', when: 'before', matches: isPublish('work'), tries: 1 },
  ] as const)('$name loses nothing: the redelivery goes on', async ({ when, matches, tries }) => {
    await using bench = openBench();
    await bench.start('e1', { stages: [scripted('build'), scripted('release', [], { needs: ['build'] })] });
    failOnce(bench, when, matches);
    expect(await bench.deliver()).toBe('later');
    await bench.settle();
    await bench.pass(DEFAULT_TIMING.leaseMs);
    const ended = await bench.execution('e1');
    expect(statusOf(ended)).toBe('succeeded');
    expect(bench.announced('e1')).toEqual(Array.from({ length: ended.revision }, (_, index) => index + 1));
    expect(bench.done.filter((key) => key === 'e1/build/1/1').length).toBeLessThanOrEqual(tries);
  });

  it('holds its step until its lease ends: a redelivery before arranges for a wake then', async () => {
    await using bench = openBench();
    await bench.start('e1', { stages: [scripted('release')] });
    failOnce(bench, 'after', isCommitOf(1));
    await bench.deliver();
    expect((await bench.run('e1', 'release')).state.is).toBe('claimed');
    expect(await bench.deliver()).toBe('done');
    expect(bench.done).toEqual([]);
    await bench.pass(DEFAULT_TIMING.leaseMs);
    expect(bench.done).toEqual(['e1/release/1/1']);
    expect(statusOf(await bench.execution('e1'))).toBe('succeeded');
  });

  it(`${MAXIMUM_TRIES} times in a row costs the stage, after its stop step`, async () => {
    await using bench = openBench();
    await bench.start('e1', { stages: [scripted('release')] });
    const message = first(bench);
    for (let lost = 0; lost < MAXIMUM_TRIES; lost += 1) {
      bench.lose();
      bench.redeliver(message);
      failOnce(bench, 'after', isCommitOf(1));
      await bench.deliver();
      bench.clock.advance(DEFAULT_TIMING.leaseMs);
    }
    await bench.settle();
    expect((await bench.execution('e1')).phase).toMatchObject({
      end: 'failed',
      reason: { text: expect.stringContaining(`${MAXIMUM_TRIES} workers in a row were lost`) },
    });
    expect(bench.done).toEqual(['stop e1/release/1/2']);
  });

  it('and awake again after the time of its step does not begin it', async () => {
    await using bench = openBench();
    await bench.start('e1', { stages: [scripted('release')] });
    bench.hooks = {
      after: (call) => {
        if (!isCommitOf(1)(call)) return;
        bench.hooks = {};
        bench.clock.advance(DEFAULT_TIMING.stepMs);
      },
    };
    expect(await bench.deliver()).toBe('later');
    expect(bench.done).toEqual([]);
    await bench.pass(DEFAULT_TIMING.leaseMs);
    await bench.settle();
    expect(statusOf(await bench.execution('e1'))).toBe('succeeded');
  });

  it('and awake again after another took over is not heard', async () => {
    const begun = Promise.withResolvers<void>();
    const thawed = Promise.withResolvers<void>();
    const frozen = kindOf({
      with: z.unknown(),
      cursor: z.unknown(),
      outputs: z.unknown(),
      step: async (_given, _at, context) => {
        if (context.tries > 1) return { is: 'succeeded', outputs: 'second' };
        begun.resolve();
        await thawed.promise;
        return { is: 'succeeded', outputs: `first, may write: ${context.mayWrite()}` };
      },
    });
    await using bench = openBench({ kinds: [frozen] });
    await bench.start('e1', { stages: [scripted('release', [], { kind: 'custom' })] });
    const message = first(bench);
    bench.lose();
    // Its timers are frozen with it, so that only the lease tells it that its time is over.
    let isFrozen = true;
    const clock: Clock = {
      now: () => bench.clock.now(),
      after: (ms, run) => (isFrozen ? () => undefined : bench.clock.after(ms, run)),
    };
    const slow = advanceExecution({ ...bench.engine, clock }, parseWorkMessage(message));
    await begun.promise;
    bench.clock.advance(DEFAULT_TIMING.leaseMs);
    bench.redeliver(message);
    await bench.settle();
    isFrozen = false;
    thawed.resolve();
    await bench.patiently(slow);
    expect((await bench.run('e1', 'release')).state).toMatchObject({ outputs: 'second' });
    expect(bench.log.map((line) => line.message)).toContain(
      'The answer of a step came after another worker had taken it over',
    );
  });
});

describe('a stop', () => {
  it('of a waiting stage runs its stop step, and then the execution is cancelled', async () => {
    await using bench = openBench();
    await bench.start('e1', { stages: [scripted('release', ['wait']), scripted('tell', [], { needs: ['release'] })] });
    await bench.settle();
    expect(await cancelExecution(bench.engine, { id: 'e1', by: 'Aki' })).toEqual({ is: 'stopping' });
    await bench.settle();
    const ended = await bench.execution('e1');
    expect(ended.phase).toMatchObject({ end: 'cancelled', reason: { text: 'Aki cancelled it.' } });
    expect(ended.stages.map((stage) => stage.status)).toEqual(['cancelled', 'skipped']);
    expect(bench.done).toEqual(['e1/release/1/1', 'stop e1/release/1/3']);
  });

  it('whose message was lost is sent again by the sweep', async () => {
    await using bench = openBench();
    await bench.start('e1', { stages: [scripted('release', ['wait'])] });
    await bench.settle();
    await cancelExecution(bench.engine, { id: 'e1', by: 'Aki' });
    bench.lose();
    await bench.sweepUntilRest(20);
    expect(statusOf(await bench.execution('e1'))).toBe('cancelled');
  });

  it('delivered twice stops once', async () => {
    await using bench = openBench();
    await bench.start('e1', { stages: [scripted('release', ['wait'])] });
    await bench.settle();
    await cancelExecution(bench.engine, { id: 'e1', by: 'Aki' });
    const message = first(bench);
    await bench.deliver();
    bench.redeliver(message);
    await bench.settle();
    expect(bench.done.filter((key) => key.startsWith('stop '))).toHaveLength(1);
  });

  it('of a stage that cannot be brought to rest ends within its time all the same', async () => {
    const stubborn = kindOf({
      with: z.unknown(),
      cursor: z.unknown(),
      outputs: z.unknown(),
      step: async () => ({ is: 'again', cursor: null }),
      stop: async (_given, _at, context) => ({
        is: 'waiting',
        for: { until: context.clock.now() + 60_000 },
        cursor: null,
        reason: { code: 'remote-in-progress', text: 'It still works.', unblock: 'gennaker why' },
      }),
    });
    await using bench = openBench({ kinds: [stubborn] });
    await bench.start('e1', { stages: [scripted('release', [], { kind: 'custom' })] });
    await bench.deliver();
    await cancelExecution(bench.engine, { id: 'e1', by: 'Aki' });
    await bench.settle();
    for (let minute = 0; minute <= STOP_LIMIT_MS / 60_000; minute += 1) await bench.pass(60_000);
    const ended = await bench.execution('e1');
    expect(statusOf(ended)).toBe('cancelled');
    expect(ended.stages[0]?.reason?.text).toContain('could not be brought to rest');
  });
});
