import { describe, expect, it } from 'vitest';
import type { Beginning } from './execution.ts';
import { REASON_CODES, type Reason, WAIT_CODES, type WaitReason } from './reason.ts';
import type { ExecutionPhase, Outcome, RunState } from './run.ts';

const REASON: Reason = { code: 'signal-not-received', text: 'It waits for an approval.' };
const WAIT_REASON: WaitReason = {
  ...REASON,
  code: 'signal-not-received',
  unblock: 'gennaker approve items-api-7f3k2 approve',
};

// The compiler is the test: each `@ts-expect-error` is itself an error as soon as its line compiles.
describe('a wait without the command that unblocks it does not compile', () => {
  it('as the outcome of a step', () => {
    const wait = { is: 'waiting', for: { signal: 'approve' }, cursor: null } as const;
    const good: Outcome = { ...wait, reason: WAIT_REASON };
    // @ts-expect-error: the reason of a wait has `unblock`
    const bad: Outcome = { ...wait, reason: REASON };
    expect([good.is, bad.is]).toEqual(['waiting', 'waiting']);
  });

  it('as the state of a run', () => {
    const wait = { is: 'waiting', for: { until: 0 }, input: { by: 'time' } } as const;
    const good: RunState = { ...wait, reason: WAIT_REASON };
    // @ts-expect-error: the reason of a wait has `unblock`
    const bad: RunState = { ...wait, reason: REASON };
    // @ts-expect-error: a wait has a reason
    const none: RunState = wait;
    expect([good.is, bad.is, none.is]).toEqual(['waiting', 'waiting', 'waiting']);
  });

  it('as a place in the queue', () => {
    const good: Beginning = { is: 'queue', reason: WAIT_REASON, toStop: [] };
    // @ts-expect-error: the reason of a wait has `unblock`
    const bad: Beginning = { is: 'queue', reason: REASON, toStop: [] };
    // @ts-expect-error: the reason of a wait has `unblock`
    const phase: ExecutionPhase = { is: 'queued', reason: REASON, toStop: [] };
    expect([good.is, bad.is, phase.is]).toEqual(['queue', 'queue', 'queued']);
  });

  it('with an undefined one either', () => {
    // @ts-expect-error: `unblock` is a command
    const bad: WaitReason = { ...WAIT_REASON, unblock: undefined };
    expect(bad.code).toBe('signal-not-received');
  });

  it('nor one with a code that is not among the waits', () => {
    // @ts-expect-error: a failure is no wait
    const bad: WaitReason = { ...WAIT_REASON, code: 'stage-failed' };
    expect(WAIT_CODES).not.toContain(bad.code);
  });
});

describe('the reason codes', () => {
  it('are words for programs, each once', () => {
    expect(new Set(REASON_CODES).size).toBe(REASON_CODES.length);
    for (const code of REASON_CODES) expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/);
  });
});
