import { describe, expect, it } from 'vitest';
import type { ExecutionEnd } from '../../core/run.ts';
import type { OtherExecution, OtherExecutions } from '../../ports/other-executions.ts';
import { prove } from '../proofs.ts';
import { pipeline } from './index.ts';
import { pipelineParameters } from './schema.ts';
import { step } from './step.ts';

const IMAGE = { repository: 'registry.example/db', tag: '2.0.0', digest: `sha256:${'a'.repeat(64)}` };

/** A system in which a requested execution appears after one look and ends after another three. */
function worldOf(end: ExecutionEnd) {
  return () => {
    const runs = new Map<string, { looks: number; stopped: boolean }>();
    const others: OtherExecutions = {
      async start({ key, pipeline: name }) {
        if (name === 'loop') return { is: 'refused', text: 'loop runs loop', isCycle: true };
        if (!runs.has(key)) runs.set(key, { looks: 0, stopped: false });
        return { is: 'requested', execution: `x-${key}`, event: `v-${key}` };
      },
      requested: ({ key }) => ({ execution: `x-${key}`, event: `v-${key}` }),
      async read({ id }): Promise<OtherExecution | undefined> {
        const run = runs.get(id.slice(2));
        if (run === undefined || run.looks < 1) return undefined;
        const ended = run.stopped || run.looks > 3;
        const base = {
          id,
          pipeline: 'items-db',
          images: { db: IMAGE },
          outputs: ended ? { migrate: { rows: 3 } } : {},
        };
        return ended ? { ...base, end: run.stopped ? 'cancelled' : end } : base;
      },
      whyNotStarted: async () => undefined,
      newest: async () => undefined,
      async stop({ id }) {
        const run = runs.get(id.slice(2));
        if (run !== undefined) run.stopped = true;
      },
    };
    return {
      others,
      effects: () => [...runs].map(([key, { stopped }]) => ({ key, stopped })),
      passTime: () => {
        for (const run of runs.values()) run.looks += 1;
      },
    };
  };
}

prove({ name: 'that succeeds', kind: pipeline, parameters: { pipeline: 'items-db' }, world: worldOf('succeeded') });
prove({
  name: 'that fails',
  kind: pipeline,
  parameters: { pipeline: 'items-db' },
  world: worldOf('failed'),
  ends: 'failed',
});
prove({
  name: 'that is only started',
  kind: pipeline,
  parameters: { pipeline: 'items-db', wait: false },
  world: worldOf('succeeded'),
});
prove({
  name: 'in a cycle',
  kind: pipeline,
  parameters: { pipeline: 'loop' },
  world: worldOf('failed'),
  ends: 'failed',
});

describe('running another pipeline', () => {
  it('says what it waits for, and gives its images and outputs', async () => {
    const { others, passTime } = worldOf('succeeded')();
    const context = {
      execution: 'e1',
      pipeline: 'items-api',
      stage: 'run_db',
      attempt: 2,
      mayWrite: () => true,
      others,
      clock: { now: () => 0 },
    } as never;
    const parameters = pipelineParameters.parse({ pipeline: 'items-db' });
    const first = await step(parameters, { cursor: undefined, input: { by: 'begin' } }, context);
    expect(first).toMatchObject({
      is: 'waiting',
      for: { until: 2_000 },
      reason: {
        code: 'pipeline-in-progress',
        text: 'run_db waits for items-db x-e1/run_db/2 to start.',
        unblock: 'gennaker why x-e1/run_db/2',
      },
    });
    for (let looks = 0; looks < 4; looks += 1) passTime();
    const cursor = 'cursor' in first ? first.cursor : undefined;
    expect(await step(parameters, { cursor, input: { by: 'time' } }, context)).toEqual({
      is: 'succeeded',
      outputs: {
        execution: 'x-e1/run_db/2',
        images: { db: `registry.example/db:2.0.0@${IMAGE.digest}` },
        outputs: { migrate: { rows: 3 } },
      },
    });
  });
});
