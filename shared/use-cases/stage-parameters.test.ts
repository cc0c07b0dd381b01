import { describe, expect, it } from 'vitest';
import { indexedOf, readyRun } from '../../test/support/core-fixtures.ts';
import { stagePlan } from '../../test/support/execution-fixtures.ts';
import type { Json } from '../core/json.ts';
import type { StagePlan } from '../core/plan.ts';
import type { Run } from '../core/run.ts';
import { stageParameters } from './stage-parameters.ts';

/** Written in parts, because a linter takes the whole for a template string. */
const expression = (cel: string): string => `\${{ ${cel} }}`;

type End = { readonly outputs: Json } | 'skipped' | 'failed' | 'running';

/** What a stage with these parameters is given, where the stages before it ended so. Only they can be read. */
async function given(stage: Partial<StagePlan>, ends: { readonly [stage: string]: End } = {}, more: Partial<Run> = {}) {
  const before = Object.keys(ends).map((id) => stagePlan(id));
  const plan = stagePlan('release', { needs: Object.keys(ends), isDynamic: true, ...stage });
  const read: string[] = [];
  const stateOf = (end: End): Run['state'] => {
    if (end === 'running') return readyRun().state;
    if (end === 'skipped' || end === 'failed') {
      return { is: 'ended', end, reason: { code: 'condition-false', text: '' }, outputs: null };
    }
    return { is: 'ended', end: 'succeeded', outputs: end.outputs };
  };
  const result = await stageParameters(
    {
      executions: {
        async readRun({ stage: id }) {
          read.push(id);
          const end = ends[id];
          if (end === undefined) return undefined;
          return { value: readyRun(stagePlan(id), { state: stateOf(end) }), version: '1' };
        },
      },
    },
    indexedOf([...before, plan]),
    readyRun(plan, more),
  );
  return { result, read };
}

describe('parameters of a running stage', () => {
  it('are those of the plan where nothing is open, and nothing is read', async () => {
    const { isDynamic: _, ...fixed } = stagePlan('release', { with: { text: expression('stages.a.b') } });
    const { result, read } = await given({ ...fixed, isDynamic: undefined } as unknown as Partial<StagePlan>);
    expect(result).toEqual({ is: 'run', parameters: { text: expression('stages.a.b') } });
    expect(read).toEqual([]);
  });

  it('have the outputs in their place, with their types, and each stage is read once', async () => {
    const { result, read } = await given(
      {
        with: {
          status: expression('stages.probe.status'),
          text: `is ${expression('stages.probe.status + 1')}`,
          deep: [{ list: expression('stages.probe.list.map(x, x + "!")') }],
          id: expression('execution.id'),
          fixed: 1,
        },
      },
      { probe: { outputs: { status: 200, list: ['a'] } }, other: { outputs: {} } },
    );
    expect(result).toEqual({
      is: 'run',
      parameters: { status: 200, text: 'is 201', deep: [{ list: ['a!'] }], id: 'items-api-7f3k2', fixed: 1 },
    });
    expect(read).toEqual(['probe']);
  });

  it('keep text that only looks like an expression: nothing that a stage gave is ever evaluated', async () => {
    const text = expression('stages.secret.value');
    const { result, read } = await given(
      { with: { whole: expression('stages.probe.body'), inside: `said: ${expression('string(stages.probe.body)')}` } },
      { probe: { outputs: { body: text } }, secret: { outputs: { value: 'hidden' } } },
    );
    expect(result).toEqual({ is: 'run', parameters: { whole: text, inside: `said: ${text}` } });
    expect(read).toEqual(['probe']);
  });

  it.each<[string, End, string]>([
    ['a stage that was skipped', 'skipped', 'stage probe was skipped, so it has no outputs'],
    ['a stage that failed', 'failed', 'stage probe was failed, so it has no outputs'],
    ['a stage that still runs', 'running', 'stage probe did not run, so it has no outputs'],
    ['an output that was not given', { outputs: {} }, 'stage probe gave no status'],
    ['a name that every object has', { outputs: {} }, 'stage probe gave no status'],
  ])('cannot be made of %s', async (_what, end, why) => {
    const { result } = await given({ with: { status: expression('stages.probe.status') } }, { probe: end });
    const text = `${expression('stages.probe.status')}: ${why}.`;
    expect(result).toEqual({ is: 'unusable', reason: { code: 'invalid-parameters', text } });
  });

  it('can ask whether an output is there', async () => {
    const parameters = { known: expression('has(stages.probe.status) ? stages.probe.status : 0') };
    const skipped = await given({ with: { known: expression('has(stages.probe.status)') } }, { probe: 'skipped' });
    expect(skipped.result).toEqual({ is: 'run', parameters: { known: false } });
    const found = await given({ with: parameters }, { probe: { outputs: { status: 5 } } });
    expect(found.result).toEqual({ is: 'run', parameters: { known: 5 } });
  });

  it('say how many stages can be read', async () => {
    const names = Array.from({ length: 101 }, (_, index) => `s${index}`);
    const { result, read } = await given({ with: names.map((name) => expression(`stages.${name}.status`)) });
    expect(result).toMatchObject({
      is: 'unusable',
      reason: { text: 'Its parameters name the outputs of 101 stages; at most 100 can be read.' },
    });
    expect(read).toEqual([]);
  });
});

describe('the condition of a stage', () => {
  const condition = { if: expression('stages.probe.status == 200'), with: { a: 1 }, isDynamic: undefined };
  const stage = condition as unknown as Partial<StagePlan>;

  it('lets it run where it is true, and skips it where it is false', async () => {
    const yes = await given(stage, { probe: { outputs: { status: 200 } } });
    expect(yes.result).toEqual({ is: 'run', parameters: { a: 1 } });
    const no = await given(stage, { probe: { outputs: { status: 500 } } });
    expect(no.result).toEqual({
      is: 'skip',
      reason: { code: 'condition-false', text: `Its condition is false: ${condition.if}` },
    });
  });

  it('must be true or false', async () => {
    const { result } = await given(
      { ...stage, if: expression('stages.probe.status') },
      { probe: { outputs: { status: 1 } } },
    );
    expect(result).toMatchObject({ is: 'unusable', reason: { text: expect.stringContaining('gives true or false') } });
  });

  it('is asked once, before the first step, and not to stop', async () => {
    const ends = { probe: { outputs: { status: 500 } } } as const;
    expect((await given(stage, ends, { step: 2 })).result.is).toBe('run');
    expect((await given(stage, ends, { doing: 'stop' })).result.is).toBe('run');
  });
});
