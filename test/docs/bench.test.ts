/** Keeps the benchmark from rotting, and the budget of calls from being exceeded. No time is asserted: a busy machine has others. */
import { describe, expect, it } from 'vitest';
import { budget } from '../bench/budget.ts';
import { burst } from '../bench/burst.ts';
import { core } from '../bench/core.ts';
import { language } from '../bench/planning.ts';
import { type Result, tellResult, toJson } from '../bench/report.ts';
import { atLeast, atMost, holds, measureOf, quantile } from '../bench/section.ts';

describe('the benchmark', () => {
  it.each([core, language])('measures $name', async (section) => {
    const measures = await section.run('brief');
    expect(measures).not.toEqual([]);
    for (const { name, value } of measures) expect(value, name).toBeGreaterThan(0);
  });

  it('counts an execution, which keeps to its budget', async () => {
    const measures = await budget.run('brief');
    expect(measures.filter(({ target }) => target !== undefined)).not.toEqual([]);
    expect(measures.filter((measure) => !holds(measure))).toEqual([]);
  });

  it('sends a burst, of which nothing is lost and nothing starts twice', async () => {
    const measures = await burst.run('brief');
    expect(measures.filter((measure) => !holds(measure))).toEqual([]);
  }, 60_000);

  it('takes medians and quartiles between samples', () => {
    expect([0.25, 0.5, 0.75].map((fraction) => quantile([4, 1, 3, 2], fraction))).toEqual([1.75, 2.5, 3.25]);
    expect(quantile([7], 0.25)).toBe(7);
    expect(() => quantile([], 0.5)).toThrow(RangeError);
  });

  it('tells people and programs which promises hold', () => {
    const measures = [
      measureOf('end', 'ms', [10, 12, 17], atMost(15)),
      measureOf('steps', '/s', [1_400], atLeast(1_500)),
      { name: 'reads', unit: 'reads', value: 3 },
    ];
    const result: Result = { section: 'core', is: 'measured', load: [0.5, 1], measures };
    expect(tellResult(core, result).split('\n').slice(2, -1)).toEqual([
      expect.stringMatching(/end +12 ms +11 … 14.5 \(3\) +at most 15: holds$/),
      expect.stringMatching(/steps +1400 \/s +1400 … 1400 \(1\) +at least 1500: MISSED$/),
      expect.stringMatching(/reads +3 reads$/),
    ]);
    const json = JSON.parse(toJson({ node: 'v24', cpus: 2 }, [result])) as {
      sections: { measures: { holds: boolean }[] }[];
    };
    expect(json.sections[0]?.measures.map((measure) => measure.holds)).toEqual([true, false, true]);
  });
});
