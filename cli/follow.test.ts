import { describe, expect, it } from 'vitest';
import { changeLines } from './follow.ts';
import { execution, FAILED, HELD, NOW, ROLLING, secondsAgo, stage } from './testing/executions.ts';

describe('the changes of an execution, a line each', () => {
  it('are told from the beginning at the first look, in the order in which they happened', () => {
    expect(changeLines(undefined, ROLLING, NOW)).toEqual([
      '2026-03-02T14:03:49.000Z  ◌ items-api 7f3k2ab created, image items-api:1.3.0 pushed',
      '2026-03-02T14:03:50.000Z  ● items-api started',
      '2026-03-02T14:03:50.000Z  ● migrate started',
      '2026-03-02T14:04:21.000Z  ✔ migrate succeeded after 31 s',
      '2026-03-02T14:05:20.000Z  ● canary_jp started',
    ]);
  });

  it('are told once', () => {
    expect(changeLines(ROLLING, ROLLING, NOW)).toEqual([]);
  });

  it('tell both the start and the end of a stage that was not seen between them', () => {
    const after = execution({
      stages: [stage('a', { status: 'succeeded', attempts: 1, startedAt: secondsAgo(3), endedAt: secondsAgo(1) })],
    });
    expect(changeLines(execution({ stages: [stage('a')] }), after, NOW)).toEqual([
      '2026-03-02T14:07:57.000Z  ● a started',
      '2026-03-02T14:07:59.000Z  ✔ a succeeded after 2 s',
    ]);
  });

  it('tell each new reason to wait, at the time when it was seen', () => {
    const waiting = HELD.stages.map((held) =>
      held.reason === null ? held : { ...held, reason: { ...held.reason, text: 'cluster jp answers again' } },
    );
    expect(changeLines(HELD, { ...HELD, stages: waiting }, NOW)).toEqual([
      '2026-03-02T14:08:00.000Z  ‖ canary_jp waiting, attempt 2: cluster jp answers again',
    ]);
  });

  it('tell why an execution failed once, at the stage that failed', () => {
    const lines = changeLines(undefined, FAILED, NOW);
    expect(lines.at(-2)).toMatch(/✖ deploy-jp failed after 5 s: pod items-api-6d4f-x2x9q .*cannot be pulled/u);
    expect(lines.at(-1)).toBe('2026-03-02T14:06:00.000Z  ✖ items-api failed after 2 min 10 s');
  });
});
