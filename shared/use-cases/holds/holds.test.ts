import { describe, expect, it } from 'vitest';
import { type EngineBench, openBench, scripted } from '../../../test/support/engine-bench.ts';
import type { Window } from '../../calendar/windows.ts';
import { statusOf } from '../../core/execution.ts';
import { restartExecution } from '../restart-execution.ts';
import { cancelExecution } from '../stop-execution.ts';

const HOUR_MS = 60 * 60_000;
const MINUTE_MS = 60_000;
const WHO = { by: 'aki', reason: 'the database moves' };

const stageOf = async (bench: EngineBench, stage: string) =>
  (await bench.execution('e1')).stages.find(({ id }) => id === stage);
const statuses = async (bench: EngineBench) => (await bench.execution('e1')).stages.map(({ status }) => status);
const told = async (bench: EngineBench) => (await bench.poisoned()).map(({ text }) => text);

/** Open from an hour after now for an hour, each day. */
function windowAfter(now: number, more: Partial<Window> = {}): Window {
  const clock = (instant: number) => new Date(instant).toISOString().slice(11, 16);
  return {
    days: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'],
    hours: `${clock(now + HOUR_MS)}-${clock(now + 2 * HOUR_MS)}`,
    timezone: 'UTC',
    except: [],
    ...more,
  };
}

/** Lets time pass in steps, as it does: a held stage looks again now and then. */
async function wait(bench: EngineBench, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += MINUTE_MS) await bench.pass(MINUTE_MS);
}

describe('a window', () => {
  it('holds an execution before it starts, and lets it go when it opens', async () => {
    await using bench = openBench();
    const windows = [windowAfter(bench.clock.now())];
    await bench.start('e1', { stages: [scripted('build'), scripted('test', [], { needs: ['build'] })], windows });
    await bench.settle();
    const held = await bench.execution('e1');
    expect(statusOf(held)).toBe('waiting');
    expect(held.stages[0]?.reason).toMatchObject({
      code: 'outside-window',
      text: expect.stringMatching(/^Outside the windows of .* \(daily .* UTC\); the next opening is at .*Z\.$/u),
      unblock: 'gennaker override e1 build --reason "…"',
    });
    expect(bench.done).toEqual([]);
    await wait(bench, 59 * MINUTE_MS);
    expect(bench.done).toEqual([]);
    const { revision } = await bench.execution('e1');
    // It looked again meanwhile, and nobody was told of nothing.
    expect(revision).toBe(held.revision);
    await wait(bench, 2 * MINUTE_MS);
    expect(statusOf(await bench.execution('e1'))).toBe('succeeded');
  });

  it('holds a restart where it goes on, because that is where the execution begins', async () => {
    await using bench = openBench();
    const [build, fails] = [scripted('build'), scripted('test', ['fail'], { needs: ['build'] })];
    await bench.start('e0', { stages: [build, fails, scripted('ship', [], { needs: ['test'] })] });
    await bench.settle();
    await bench.pass(MINUTE_MS);
    await bench.holds.setWindows({ scope: 'pipeline:items-api', windows: [windowAfter(bench.clock.now())], by: 'aki' });
    expect((await restartExecution(bench.engine, { id: 'e0', by: 'ben' }, () => 'e1')).is).toBe('accepted');
    await bench.settle();
    expect(await statuses(bench)).toEqual(['succeeded', 'waiting', 'pending']);
    expect((await stageOf(bench, 'test'))?.reason?.code).toBe('outside-window');
    await bench.holds.setWindows({ scope: 'pipeline:items-api', windows: [], by: 'aki' });
    await bench.settle();
    expect(await statuses(bench)).toEqual(['succeeded', 'failed', 'skipped']);
  });

  it('of a pipeline holds nothing that is under way', async () => {
    await using bench = openBench();
    await bench.start('e1', { stages: [scripted('build', ['wait']), scripted('test', [], { needs: ['build'] })] });
    await bench.settle();
    await bench.holds.setWindows({ scope: 'pipeline:items-api', windows: [windowAfter(bench.clock.now())], by: 'aki' });
    await wait(bench, 30 * MINUTE_MS);
    expect(await statuses(bench)).toEqual(['succeeded', 'succeeded']);
  });

  it('of a target holds only the stages on it, each before its first step', async () => {
    await using bench = openBench();
    const window = windowAfter(bench.clock.now());
    await bench.holds.setWindows({ scope: 'target:jp', windows: [window], by: 'aki' });
    await bench.start('e1', {
      stages: [scripted('jp', ['again'], { target: 'jp' }), scripted('us', ['again'], { target: 'us' })],
    });
    await bench.settle();
    expect(await statuses(bench)).toEqual(['waiting', 'succeeded']);
    await bench.holds.setWindows({ scope: 'target:jp', windows: [], by: 'aki' });
    await bench.settle();
    expect(await statuses(bench)).toEqual(['succeeded', 'succeeded']);
  });

  it('is waited for however long that is: time limits run from when the stage may begin', async () => {
    await using bench = openBench();
    const now = bench.clock.now();
    const day = new Date(now).toISOString().slice(0, 10);
    const next = new Date(now + 24 * HOUR_MS).toISOString().slice(0, 10);
    const windows = [windowAfter(now, { except: [day, next] })];
    await bench.start('e1', {
      timeoutMs: 2 * HOUR_MS,
      stages: [
        scripted('build', ['wait'], { timeoutMs: 20 * MINUTE_MS }),
        scripted('test', ['wait'], { needs: ['build'], timeoutMs: 20 * MINUTE_MS }),
      ],
      windows,
    });
    await bench.settle();
    await wait(bench, 49 * HOUR_MS);
    expect(await statuses(bench)).toEqual(['waiting', 'pending']);
    await wait(bench, HOUR_MS);
    expect(await statuses(bench)).toEqual(['succeeded', 'succeeded']);
  });

  it('is overridden by a person, for this stage alone, and that is kept', async () => {
    await using bench = openBench();
    const windows = [windowAfter(bench.clock.now())];
    await bench.start('e1', { stages: [scripted('a'), scripted('b')], windows });
    await bench.settle();
    expect(await bench.holds.override({ execution: 'e1', stage: 'a', ...WHO })).toEqual({ is: 'taken' });
    await bench.settle();
    expect(await statuses(bench)).toEqual(['succeeded', 'waiting']);
    expect(await told(bench)).toEqual([
      expect.stringMatching(/^aki overrode what held a of \S+ e1: the database moves \(Outside the windows/u),
    ]);
    expect(await bench.holds.override({ execution: 'e1', stage: 'a', ...WHO })).toMatchObject({ is: 'refused' });
    expect(await bench.holds.override({ execution: 'e1', stage: 'none', ...WHO })).toEqual({ is: 'unknown' });
  });
});

describe('a freeze', () => {
  it('stops what delivers wherever its execution stands, until it is lifted', async () => {
    await using bench = openBench();
    await bench.start('e1', {
      stages: [scripted('build', ['wait']), scripted('release', [], { needs: ['build'], target: 'jp' })],
    });
    await bench.settle();
    expect(await bench.holds.addFreeze({ id: 'week', scope: 'all', ...WHO })).toEqual({ is: 'changed' });
    expect(await bench.holds.addFreeze({ id: 'week', scope: 'all', ...WHO })).toEqual({ is: 'unchanged' });
    await wait(bench, 11 * MINUTE_MS);
    expect(await stageOf(bench, 'release')).toMatchObject({
      status: 'waiting',
      reason: {
        code: 'frozen',
        text: 'Everything is frozen until it is lifted (week, by aki): the database moves',
        unblock: 'gennaker override e1 release --reason "…"',
      },
    });
    await bench.holds.liftFreeze({ id: 'week', by: 'aki' });
    await bench.settle();
    expect(statusOf(await bench.execution('e1'))).toBe('succeeded');
    expect(await told(bench)).toEqual(['aki lifted the freeze week', 'aki froze all: the database moves']);
  });

  it('ends by itself, and begins when it says', async () => {
    await using bench = openBench();
    const now = bench.clock.now();
    const freeze = { id: 'later', scope: 'target:jp', from: now + HOUR_MS, until: now + 2 * HOUR_MS, ...WHO };
    await bench.holds.addFreeze(freeze);
    await bench.start('e1', { stages: [scripted('early', [], { target: 'jp' }), scripted('late', ['wait'])] });
    await bench.settle();
    expect(await statuses(bench)).toEqual(['succeeded', 'waiting']);
    await bench.pass(HOUR_MS);
    await bench.start('e2', { stages: [scripted('jp', [], { target: 'jp' })] });
    await bench.settle();
    expect((await bench.execution('e2')).stages[0]?.reason?.code).toBe('frozen');
    await wait(bench, 61 * MINUTE_MS);
    expect(statusOf(await bench.execution('e2'))).toBe('succeeded');
    expect(await bench.holds.addFreeze({ ...freeze, id: 'never', until: now })).toMatchObject({ is: 'refused' });
  });
});

describe('a pause', () => {
  it.each(['execution:e1', 'target:jp'])('of %s holds stages that have not begun', async (scope) => {
    await using bench = openBench();
    await bench.start('e1', {
      stages: [scripted('build', ['wait']), scripted('release', [], { needs: ['build'], target: 'jp' })],
    });
    await bench.settle();
    await bench.holds.pause({ scope, ...WHO });
    await wait(bench, 11 * MINUTE_MS);
    const [kind, name] = scope.split(':');
    expect(await stageOf(bench, 'release')).toMatchObject({
      status: 'waiting',
      reason: { code: 'paused', unblock: `gennaker resume ${kind} ${name}` },
    });
    expect(await bench.holds.override({ execution: 'e1', stage: 'release', ...WHO })).toMatchObject({
      is: 'refused',
      text: expect.stringContaining('gennaker resume'),
    });
    await bench.holds.resume({ scope, by: 'aki' });
    await bench.settle();
    expect(statusOf(await bench.execution('e1'))).toBe('succeeded');
  });

  it('of a pipeline holds executions before they start, and no others', async () => {
    await using bench = openBench();
    const stages = [scripted('build', ['wait']), scripted('test', [], { needs: ['build'] })];
    const { pipeline } = (await bench.engine.plans.get((await startAndRead(bench, stages)).plan)).plan;
    await bench.holds.pause({ scope: `pipeline:${pipeline}`, ...WHO });
    await wait(bench, 11 * MINUTE_MS);
    expect(statusOf(await bench.execution('e1'))).toBe('succeeded');
    await bench.start('e2', { stages });
    await bench.settle();
    expect((await bench.execution('e2')).stages[0]?.reason).toMatchObject({
      code: 'paused',
      text: `The pipeline ${pipeline} was paused by aki: the database moves`,
    });
  });

  it('does not keep an execution from being cancelled, and nothing is asked of the kind', async () => {
    await using bench = openBench();
    await bench.holds.pause({ scope: 'pipeline:items-api', ...WHO });
    await bench.start('e1', { stages: [scripted('build')] });
    await bench.settle();
    await cancelExecution(bench.engine, { id: 'e1', by: 'aki' });
    await bench.settle();
    expect(statusOf(await bench.execution('e1'))).toBe('cancelled');
    expect(bench.done).toEqual([]);
  });
});

describe('skipping a stage that waits', () => {
  it.each([
    ['for a time', 'wait'],
    ['for a signal', 'signal'],
  ])('%s brings it to rest and goes on without it', async (_, step) => {
    await using bench = openBench();
    await bench.start('e1', {
      stages: [scripted('pause', ['again', step]), scripted('after', [], { needs: ['pause'] })],
    });
    await bench.settle();
    expect(await bench.holds.skip({ execution: 'e1', stage: 'pause', ...WHO })).toEqual({ is: 'taken' });
    await bench.settle();
    const ended = await bench.execution('e1');
    expect(ended.stages.map(({ status, reason }) => [status, reason?.code, reason?.text])).toEqual([
      ['skipped', 'skipped-by-person', 'Skipped by aki: the database moves'],
      ['succeeded', undefined, undefined],
    ]);
    expect(bench.done.filter((key) => key.startsWith('stop '))).toHaveLength(1);
    expect(await told(bench)).toEqual([expect.stringMatching(/^aki skipped pause of \S+ e1: the database moves$/u)]);
  });

  it('that is held needs nothing of its kind', async () => {
    await using bench = openBench();
    await bench.holds.pause({ scope: 'pipeline:items-api', ...WHO });
    await bench.start('e1', { stages: [scripted('build')] });
    await bench.settle();
    await bench.holds.skip({ execution: 'e1', stage: 'build', ...WHO });
    await bench.settle();
    expect(await statuses(bench)).toEqual(['skipped']);
    expect(bench.done).toEqual([]);
  });

  it('is refused for one that does not wait', async () => {
    await using bench = openBench();
    await bench.start('e1', { stages: [scripted('build')] });
    expect(await bench.holds.skip({ execution: 'e1', stage: 'build', ...WHO })).toEqual({
      is: 'refused',
      text: 'only a waiting stage can be skipped, and build is running',
    });
  });
});

async function startAndRead(bench: EngineBench, stages: Parameters<EngineBench['start']>[1]['stages']) {
  await bench.start('e1', { stages });
  await bench.settle();
  return bench.execution('e1');
}

describe('the freezes of a file', () => {
  const week = { id: 'golden-week', scope: 'all', reason: 'holidays', until: Date.parse('2100-05-06T00:00:00Z') };
  const night = { id: 'night', scope: 'target:jp', reason: 'the network is bad' };
  const ids = async (bench: EngineBench) => (await bench.holds.read()).freezes.map(({ id }) => id).toSorted();

  it('come and go with it, and leave those of people alone', async () => {
    await using bench = openBench();
    await bench.holds.addFreeze({ id: 'incident', scope: 'all', ...WHO });
    expect(await bench.holds.setFreezes({ freezes: [week, night], by: 'ci' })).toEqual({ is: 'changed' });
    expect(await ids(bench)).toEqual(['golden-week', 'incident', 'night']);
    const [, first] = (await bench.holds.read()).freezes;
    await bench.pass(MINUTE_MS);
    expect(await bench.holds.setFreezes({ freezes: [week, night], by: 'another' })).toEqual({ is: 'unchanged' });
    const longer = { ...night, reason: 'the network is still bad' };
    expect(await bench.holds.setFreezes({ freezes: [week, longer], by: 'another' })).toEqual({ is: 'changed' });
    const { freezes } = await bench.holds.read();
    expect(freezes[1]).toEqual(first);
    expect(freezes[2]).toMatchObject({ ...longer, by: 'another' });
    expect(await bench.holds.setFreezes({ freezes: [], by: 'ci' })).toEqual({ is: 'changed' });
    expect(await ids(bench)).toEqual(['incident']);
  });

  it('are refused where somebody made one of that name, or one ends before it begins; old ones may stand there', async () => {
    await using bench = openBench();
    await bench.holds.addFreeze({ id: 'night', scope: 'all', ...WHO });
    expect(await bench.holds.setFreezes({ freezes: [night], by: 'ci' })).toMatchObject({ is: 'refused' });
    const backwards = { ...week, from: week.until };
    expect(await bench.holds.setFreezes({ freezes: [backwards], by: 'ci' })).toMatchObject({ is: 'refused' });
    const over = { ...week, until: bench.clock.now() - 1 };
    expect(await bench.holds.setFreezes({ freezes: [over], by: 'ci' })).toEqual({ is: 'unchanged' });
  });
});
