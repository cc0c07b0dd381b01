import { describe, expect, it } from 'vitest';
import type { Input, Signal } from '../../core/run.ts';
import { prove } from '../proofs.ts';
import { approve } from './index.ts';
import { type Decider, refusalOf } from './rules.ts';
import { approveParameters, DECISION_SIGNAL } from './schema.ts';
import { step } from './step.ts';

const START = Date.parse('2026-05-01T00:00:00Z');
const MINUTE = 60_000;

const decision = (person: string, value: object = {}): Signal => ({
  id: `approve/${person}`,
  name: DECISION_SIGNAL,
  at: START + MINUTE,
  value: { is: 'approve', person, ...value },
});

/** People decide one after the other. */
const worldOf = (signals: readonly Signal[]) => () => {
  const coming = [...signals];
  return { effects: () => [], signal: () => coming.shift() ?? decision('nobody') };
};
const silent = () => ({ effects: () => [] });

prove({ name: 'by one person', kind: approve, parameters: {}, world: worldOf([decision('aki')]) });
prove({
  name: 'by two people with a choice',
  kind: approve,
  parameters: { count: 2, choices: ['half', 'all'], groups: ['leads'] },
  world: worldOf([decision('aki', { choice: 'half' }), decision('aki'), decision('ben', { choice: 'half' })]),
});
prove({
  name: 'that is rejected',
  kind: approve,
  parameters: {},
  world: worldOf([decision('aki', { is: 'reject', reason: 'no' })]),
  ends: 'failed',
});
prove({
  name: 'that nobody gives, with reminders and escalation',
  kind: approve,
  parameters: { groups: ['leads'], within: '1h', remind: '20m', escalate: { after: '30m', to: ['heads'] } },
  world: silent,
  ends: 'failed',
});

describe('what an approval says while it waits', () => {
  const parameters = approveParameters.parse({
    groups: ['leads'],
    count: 2,
    within: '1h',
    remind: '20m',
    escalate: { after: '30m', to: ['heads'] },
    instructions: 'See the\n dashboards',
  });
  const stepAt = (now: number, asked: number, input: Input = { by: 'time' }) => {
    const cursor = { version: 1 as const, since: START, asked, approvals: [] };
    const context = { execution: 'e1', stage: 'ask', clock: { now: () => now } };
    return step(parameters, { cursor, input }, context as never);
  };
  /** The step that the end of the wait begins, in time. */
  const at = async (now: number) => {
    const outcome = await stepAt(now, now);
    return outcome.is === 'waiting' || outcome.is === 'failed'
      ? { ...outcome.reason, ...('for' in outcome ? { until: outcome.for.until } : {}) }
      : outcome;
  };

  it('changes with reminders and escalation', async () => {
    const asked = 'ask waits for 2 approvals by leads';
    const until = 'until 2026-05-01 01:00:00 UTC';
    expect(await at(START)).toEqual({
      code: 'approval-needed',
      text: `${asked} ${until}: See the dashboards`,
      unblock: 'gennaker approve e1 ask',
      until: START + 20 * MINUTE,
    });
    expect(await at(START + 20 * MINUTE)).toMatchObject({
      text: `${asked} ${until}; reminder 1: See the dashboards`,
      until: START + 30 * MINUTE,
    });
    expect(await at(START + 45 * MINUTE)).toMatchObject({
      text: `${asked} or heads ${until}; reminder 2; nobody decided in time, so others may, too: See the dashboards`,
      until: START + 60 * MINUTE,
    });
    expect(await at(START + 60 * MINUTE)).toMatchObject({
      code: 'approval-timed-out',
      text: 'ask was not decided within 1h: 0 of 2 approvals came.',
      unblock: 'gennaker restart e1',
    });
  });

  it('is nothing of the end of its time before it has waited up to it, because decisions may have come meanwhile', async () => {
    const end = START + 60 * MINUTE;
    const waits = { is: 'waiting', for: { signal: DECISION_SIGNAL, until: end }, cursor: { asked: end } };
    const late = end + 5 * MINUTE;
    expect(await stepAt(late, START + 20 * MINUTE)).toMatchObject(waits);
    expect(await stepAt(late, end, { by: 'signal', signal: decision('aki') })).toMatchObject({
      ...waits,
      cursor: { asked: end, approvals: [{ person: 'aki' }] },
    });
    expect(await stepAt(end - MINUTE, end)).toMatchObject({ is: 'failed', reason: { code: 'approval-timed-out' } });
  });
});

describe('who may decide', () => {
  const person = (more: Partial<Decider> = {}): Decider => ({
    name: 'aki',
    groups: ['leads'],
    aliases: ['aki@acme.example'],
    isAdmin: false,
    ...more,
  });
  const ask = (given: object, who: Decider, decided: object = {}, more: object = {}) =>
    refusalOf({
      parameters: approveParameters.parse(given),
      stage: 'ask',
      person: who,
      decision: { is: 'approve', ...decided },
      startedBy: ['ben'],
      run: { mail: [] },
      now: START,
      ...more,
    })?.code;
  const cursor = (approvals: readonly object[] = []) => ({
    run: { mail: [], cursor: { version: 1, since: START, approvals } as never },
  });

  it('is told by groups, which grow by escalation', () => {
    const given = { groups: ['leads'], escalate: { after: '30m', to: ['heads'] } };
    expect(ask(given, person())).toBeUndefined();
    expect(ask(given, person({ groups: [] }))).toBe('not-allowed');
    expect(ask(given, person({ groups: [], isAdmin: true }))).toBeUndefined();
    const head = person({ groups: ['heads'] });
    expect(ask(given, head, {}, { ...cursor(), now: START + 29 * MINUTE })).toBe('not-allowed');
    expect(ask(given, head, {}, { ...cursor(), now: START + 30 * MINUTE })).toBeUndefined();
    expect(ask({}, person({ groups: [] }))).toBeUndefined();
  });

  it('excludes who started it or wrote its commits, by any of their names, but lets them reject', () => {
    expect(ask({}, person(), {}, { startedBy: ['aki'] })).toBe('own-execution');
    expect(ask({}, person({ isAdmin: true }), {}, { startedBy: ['x', 'Aki@ACME.example'] })).toBe('own-execution');
    expect(ask({ 'self-approval': true }, person(), {}, { startedBy: ['aki'] })).toBeUndefined();
    expect(ask({ groups: ['heads'] }, person(), { is: 'reject' }, { startedBy: ['aki'] })).toBeUndefined();
    expect(ask({ groups: ['heads'] }, person(), { is: 'reject' })).toBe('not-allowed');
  });

  it('counts each person once, in the mail too', () => {
    const approval = { person: 'aki', at: '2026-05-01T00:00:00Z' };
    expect(ask({ count: 2 }, person(), {}, cursor([approval]))).toBe('decided-already');
    expect(ask({ count: 2 }, person(), {}, { run: { mail: [decision('aki')] } })).toBe('decided-already');
    expect(ask({ count: 2 }, person(), { is: 'reject' }, cursor([approval]))).toBeUndefined();
  });

  it('asks for one of the choices, and the same of all', () => {
    const given = { choices: ['half', 'all'], count: 2 };
    expect(ask(given, person())).toBe('choice-missing');
    expect(ask(given, person(), { choice: 'none' })).toBe('unknown-choice');
    expect(ask({}, person(), { choice: 'half' })).toBe('unknown-choice');
    expect(ask(given, person(), { choice: 'half' })).toBeUndefined();
    const ben = { person: 'ben', at: '2026-05-01T00:00:00Z', choice: 'all' };
    expect(ask(given, person(), { choice: 'half' }, cursor([ben]))).toBe('other-choice');
    expect(ask(given, person(), { choice: 'all' }, cursor([ben]))).toBeUndefined();
  });

  it('ends with the time', () => {
    expect(ask({ within: '1h' }, person(), {}, { ...cursor(), now: START + 60 * MINUTE })).toBe('too-late');
  });
});

describe('parameters of approve', () => {
  it.each([
    [{ choices: ['a', 'a'] }, 'names a choice twice'],
    [{ escalate: { after: '1h', to: ['heads'] } }, 'has no meaning without groups: everyone may decide from the start'],
    [{ count: 0 }, 'Too small: expected number to be >=1'],
  ])('%j is refused', (parameters, message) => {
    expect(approveParameters.safeParse(parameters).error?.issues.map((issue) => issue.message)).toEqual([message]);
  });

  it('tell the plan the gate, and the type of the choice', () => {
    const parameters = approveParameters.parse({ groups: ['leads', 'heads'], count: 2, choices: ['a', 'b'] });
    expect(approve.gate?.(parameters)).toBe('2 approvals by leads or heads');
    expect(approve.outputsOf?.(parameters).safeParse({ choice: 'c', by: [], approvals: [] }).success).toBe(false);
  });
});
