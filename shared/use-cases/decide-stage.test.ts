import { describe, expect, it } from 'vitest';
import { type EngineBench, openBench } from '../../test/support/engine-bench.ts';
import { stagePlan } from '../../test/support/execution-fixtures.ts';
import { statusOf } from '../core/execution.ts';
import type { InboxEntry } from '../ports/inbox.ts';
import { approve } from '../stages/approve/index.ts';
import type { Decider } from '../stages/approve/rules.ts';
import type { StageKind } from '../stages/kind.ts';
import { createExecution } from './create-execution.ts';
import { type DecisionAnswer, type DecisionCommand, decideOnRecord, decideStage } from './decide-stage.ts';
import { signalStage } from './signal-stage.ts';
import { cancelExecution } from './stop-execution.ts';

const HOUR_MS = 60 * 60_000;

const person = (name: string, more: Partial<Decider> = {}): Decider => ({
  name,
  groups: ['leads'],
  aliases: [],
  isAdmin: false,
  ...more,
});

async function asking(parameters: object): Promise<EngineBench> {
  const bench = openBench({ kinds: [approve as StageKind] });
  const stage = stagePlan('ask', {
    kind: 'approve',
    with: JSON.parse(JSON.stringify(approve.with.parse(parameters))),
    timeoutMs: 48 * HOUR_MS,
  });
  await bench.start('e1', { stages: [stage], timeoutMs: 50 * HOUR_MS });
  await bench.settle();
  return bench;
}

const decide = (bench: EngineBench, who: Decider, more: Partial<DecisionCommand> = {}) =>
  bench.patiently(
    decideStage(bench.engine, {
      execution: 'e1',
      stage: 'ask',
      person: who,
      decision: { is: 'approve' },
      ...more,
    }),
  );

const codeOf = async (answer: ReturnType<typeof decide>) => {
  const given = await answer;
  return given.is === 'refused' ? given.code : given.is;
};

describe('a decision', () => {
  it('lets the stage go on when enough people have approved, and keeps who and why', async () => {
    await using bench = await asking({ groups: ['leads'], count: 2 });
    expect((await bench.execution('e1')).stages[0]).toMatchObject({
      status: 'waiting',
      reason: { code: 'approval-needed', unblock: 'gennaker approve e1 ask' },
    });
    expect(await codeOf(decide(bench, person('aki')))).toBe('taken');
    await bench.settle();
    expect((await bench.execution('e1')).stages[0]?.reason?.text).toContain('; aki approved');
    expect(await codeOf(decide(bench, person('aki')))).toBe('decided-already');
    expect(await codeOf(decide(bench, person('eve', { groups: [] })))).toBe('not-allowed');
    expect(await codeOf(decide(bench, person('ben'), { decision: { is: 'approve', reason: 'all is calm' } }))).toBe(
      'taken',
    );
    await bench.settle();
    expect(statusOf(await bench.execution('e1'))).toBe('succeeded');
    expect((await bench.run('e1', 'ask')).state).toMatchObject({
      outputs: { by: ['aki', 'ben'], reason: 'all is calm' },
    });
    expect(await codeOf(decide(bench, person('cho')))).toBe('ended');
  });

  it('is kept with who, what and why; one that is refused is not', async () => {
    await using bench = await asking({ choices: ['half', 'all'], count: 2 });
    const texts: (string | undefined)[] = [];
    const inbox = { record: async ({ entry }: { entry: InboxEntry }) => void texts.push(entry.text) };
    const record = (who: Decider, decision: DecisionCommand['decision']) =>
      bench.patiently(
        decideOnRecord({ ...bench.engine, inbox }, { execution: 'e1', stage: 'ask', person: who, decision }),
      );
    await record(person('aki'), { is: 'approve', choice: 'half', reason: 'all is calm' });
    await record(person('aki'), { is: 'approve', choice: 'half' });
    await record(person('ben'), { is: 'reject' });
    expect(texts).toEqual(['aki approved ask of e1 with half: all is calm', 'ben rejected ask of e1']);
  });

  it('by two people in one moment counts both, and one person never twice', async () => {
    await using bench = await asking({ count: 3 });
    const answers = await Promise.all([
      codeOf(decide(bench, person('aki'))),
      codeOf(decide(bench, person('aki'))),
      codeOf(decide(bench, person('ben'))),
    ]);
    expect(answers.toSorted()).toEqual(['decided-already', 'taken', 'taken']);
    await bench.settle();
    expect((await bench.run('e1', 'ask')).cursor).toMatchObject({ approvals: [{}, {}] });
  });

  it('counts where the stage is still held, and is taken when it begins', async () => {
    await using bench = openBench({ kinds: [approve as StageKind] });
    const pause = { scope: 'pipeline:items-api', by: 'ops', reason: 'the database moves' };
    await bench.holds.pause(pause);
    const parameters = JSON.parse(JSON.stringify(approve.with.parse({})));
    await bench.start('e1', { stages: [stagePlan('ask', { kind: 'approve', with: parameters })] });
    await bench.settle();
    expect((await bench.execution('e1')).stages[0]?.reason?.code).toBe('paused');
    expect(await codeOf(decide(bench, person('aki')))).toBe('taken');
    expect(await codeOf(decide(bench, person('aki')))).toBe('decided-already');
    await bench.settle();
    expect((await bench.execution('e1')).stages[0]?.status).toBe('waiting');
    await bench.holds.resume(pause);
    await bench.settle();
    expect((await bench.run('e1', 'ask')).state).toMatchObject({ outputs: { by: ['aki'] } });
  });

  it('that rejects ends the execution, with the reason', async () => {
    await using bench = await asking({});
    const decision = { is: 'reject', reason: 'errors rise' } as const;
    expect(await codeOf(decide(bench, person('aki'), { decision }))).toBe('taken');
    await bench.settle();
    expect((await bench.execution('e1')).stages[0]).toMatchObject({
      status: 'failed',
      reason: { code: 'approval-rejected', text: 'aki rejected ask: errors rise', unblock: 'gennaker restart e1' },
    });
  });

  it('binds to the plan that the person saw', async () => {
    await using bench = await asking({});
    const { plan } = await bench.run('e1', 'ask');
    expect(await codeOf(decide(bench, person('aki'), { plan: 'sha256:0123456789abcdef' }))).toBe('other-plan');
    expect(await codeOf(decide(bench, person('aki'), { plan: 'sha256:' }))).toBe('other-plan');
    expect(await codeOf(decide(bench, person('aki'), { plan: plan.slice(0, 20) }))).toBe('taken');
  });

  it('is not for those who started the execution', async () => {
    await using bench = await asking({});
    const { plan } = await bench.run('e1', 'ask');
    const trigger = {
      event: 'v',
      source: 'manual',
      text: 'ben asked',
      by: 'ben',
      authors: ['aki@acme.example'],
      at: 0,
    };
    await createExecution(bench.engine, { id: 'e2', indexed: await bench.engine.plans.get(plan), trigger, trace: '' });
    await cancelExecution(bench.engine, { id: 'e1', by: 'ben' });
    await bench.settle();
    const inSecond = (who: Decider) => codeOf(decide(bench, who, { execution: 'e2' }));
    expect(await inSecond(person('ben'))).toBe('own-execution');
    expect(await inSecond(person('aki', { aliases: ['aki@acme.example'] }))).toBe('own-execution');
    expect(await inSecond(person('cho'))).toBe('taken');
  });

  it('comes too late after the time, and in time while the stage is about to remind people', async () => {
    await using bench = await asking({ within: '2h', remind: '30m' });
    bench.clock.advance(30 * 60_000);
    const command = { execution: 'e1', stage: 'ask', person: person('aki'), decision: { is: 'approve' } } as const;
    const late = decideStage(bench.engine, command);
    await bench.pass(1);
    expect(await bench.patiently(late)).toEqual({ is: 'taken' });
    await using other = await asking({ within: '2h' });
    other.clock.advance(2 * HOUR_MS);
    expect(await codeOf(decide(other, person('aki')))).toBe('too-late');
    await other.pass(1);
    expect((await other.execution('e1')).stages[0]?.reason?.code).toBe('approval-timed-out');
  });

  it('that was taken in time counts though its step and those before it begin after the time', async () => {
    await using bench = await asking({ count: 2, within: '2h' });
    bench.clock.advance(HOUR_MS);
    expect(await codeOf(decide(bench, person('aki')))).toBe('taken');
    expect(await codeOf(decide(bench, person('ben')))).toBe('taken');
    bench.clock.advance(2 * HOUR_MS);
    await bench.settle();
    expect((await bench.run('e1', 'ask')).state).toMatchObject({ outputs: { by: ['aki', 'ben'] } });
  });

  it('is refused by a server whose clock is behind once the stage has found its time over', async () => {
    await using bench = await asking({ within: '2h' });
    const { now } = bench.clock;
    const behind = { ...bench.engine, clock: { ...bench.clock, now: () => now() - 5_000 } };
    let answer: DecisionAnswer | undefined;
    bench.hooks.before = async ({ argument }) => {
      if (answer !== undefined || !JSON.stringify(argument).includes('approval-timed-out')) return;
      const command = { execution: 'e1', stage: 'ask', person: person('aki'), decision: { is: 'approve' } } as const;
      answer = { is: 'unknown' };
      answer = await decideStage(behind, command);
    };
    await bench.pass(2 * HOUR_MS);
    expect(answer).toMatchObject({ is: 'refused', code: 'too-late' });
    expect((await bench.execution('e1')).stages[0]?.reason?.code).toBe('approval-timed-out');
  });

  it('is for stages that ask, and that have begun', async () => {
    await using bench = await asking({});
    expect(await codeOf(decide(bench, person('aki'), { stage: 'other' }))).toBe('unknown');
    const forged = { id: 'x', name: 'something', value: { is: 'approve', person: 'aki' } };
    await signalStage(bench.engine, { execution: 'e1', stage: 'ask', signal: forged });
    await bench.settle();
    expect(statusOf(await bench.execution('e1'))).toBe('waiting');
  });
});
