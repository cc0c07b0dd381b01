import { describe, expect, it } from 'vitest';
import { EARLIER_IMAGE, executionOf, IMAGE, planOf, START } from '../../test/support/execution-fixtures.ts';
import { describeExecution, suggestCommands, summarizeExecution } from './describe-execution.ts';

const waits = {
  code: 'signal-not-received',
  text: 'waits for a call-back',
  unblock: 'gennaker signal 7f3k2 approve',
} as const;

describe('an execution as it is told', () => {
  it('has every field that scripts may rely on, null where there is nothing to say', () => {
    const summary = summarizeExecution(executionOf(), planOf());
    expect(summary).toMatchObject({ id: 'items-api-7f3k2', pipeline: 'items-api', status: 'running', endedAt: null });
    expect(summary.startedAt).toBe(new Date(START).toISOString());
    expect(summary.stages[2]).toEqual({
      id: 'approve',
      kind: 'webhook',
      target: null,
      status: 'pending',
      attempts: 0,
      reason: null,
    });
  });

  it('shows what changes, and progress only of the attempt that runs', () => {
    const execution = executionOf(
      {},
      { migrate: { status: 'running', attempts: 2 }, canary_jp: { status: 'succeeded', attempts: 1 } },
    );
    const line = { step: 1, at: START };
    const detail = describeExecution({
      execution,
      plan: planOf(),
      before: { api: EARLIER_IMAGE },
      progress: [
        { stage: 'migrate', attempt: 1, lines: ['old'], ...line },
        { stage: 'migrate', attempt: 2, lines: ['new 1/3 ready'], ...line },
        { stage: 'canary_jp', attempt: 1, lines: ['over'], ...line },
      ],
    });
    expect(detail.changes).toEqual([{ name: 'api', from: EARLIER_IMAGE, to: IMAGE }]);
    expect(detail.stages[0]?.progress).toEqual(['new 1/3 ready']);
    expect(detail.stages[1]?.progress).toEqual([]);
  });

  it('describes what it can when the plan is no longer kept', () => {
    const detail = describeExecution({ execution: executionOf(), plan: undefined });
    expect(detail.stages[0]).toMatchObject({ id: 'migrate', declaredAs: 'migrate', kind: null, needs: [] });
  });

  it('suggests what moves it on first', () => {
    const execution = executionOf({}, { approve: { status: 'waiting', attempts: 1, reason: waits } });
    const commands = suggestCommands(summarizeExecution(execution, planOf())).map(({ command }) => command);
    expect(commands).toEqual([waits.unblock, 'gennaker watch items-api-7f3k2', 'gennaker cancel items-api-7f3k2']);
  });
});
