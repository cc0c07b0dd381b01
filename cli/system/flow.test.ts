import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExecutionDetail } from '../../shared/use-cases/describe-execution.ts';
import { startMemorySystem, TOKEN } from '../../test/support/memory-system.ts';
import { run } from '../program.ts';
import { testSurroundings } from '../testing/system.ts';
import type { System } from './system.ts';

const PATIENCE = { timeout: 20_000, interval: 50 };
const TOKENS = { aki: 'token-of-aki', ben: 'token-of-ben', eve: 'token-of-eve' } as const;
type Name = keyof typeof TOKENS;

const hash = (token: string): string => createHash('sha256').update(token).digest('hex');
const PEOPLE = {
  people: {
    aki: { token: hash(TOKENS.aki), groups: ['items-leads'] },
    ben: { token: hash(TOKENS.ben), groups: ['items-leads'] },
    eve: { token: hash(TOKENS.eve) },
  },
};

const PIPELINES = `
pipeline: parent
team: items
stages:
  ask:
    uses: approve
    with: { instructions: Look at the dashboards, groups: [items-leads], choices: [half, all] }
  child: { needs: ask, uses: pipeline, with: { pipeline: child, inputs: { share: "\${{ stages.ask.choice }}" } } }
  same:
    needs: child
    uses: check
    with: { assert: [{ that: "\${{ stages.child.outputs.note.share == 'half' }}", message: the share was lost }] }
  found: { needs: child, uses: find, with: { execution: { pipeline: child } } }
---
pipeline: child
team: items
inputs: { share: { type: string, default: none } }
stages:
  note: { uses: set, with: { share: "\${{ inputs.share }}" } }
---
pipeline: asked
team: items
stages:
  ask: { uses: approve }
---
pipeline: asks-below
team: items
stages:
  below: { uses: pipeline, with: { pipeline: asked } }
---
pipeline: after-below
team: items
on: [{ pipeline: asks-below, on: [succeeded, failed, cancelled] }]
stages:
  ask: { uses: approve }
---
pipeline: in-group
team: items
concurrency: { group: one-at-a-time }
stages:
  below: { uses: pipeline, with: { pipeline: same-group } }
---
pipeline: same-group
team: items
concurrency: { group: one-at-a-time }
stages:
  note: { uses: set, with: { share: all } }
---
pipeline: slow
team: items
stages:
  pause: { uses: wait, with: { for: 1h } }
---
pipeline: over
team: items
stages:
  run_slow: { uses: pipeline, with: { pipeline: slow } }
---
pipeline: ping
team: items
stages:
  run_pong: { uses: pipeline, with: { pipeline: pong } }
---
pipeline: pong
team: items
inputs: { next: { type: string, default: ping } }
stages:
  run_ping: { uses: pipeline, with: { pipeline: "\${{ inputs.next }}" } }
`;

let system: System;

beforeAll(async () => {
  ({ system } = await startMemorySystem({ environment: { GENNAKER_PEOPLE: JSON.stringify(PEOPLE) } }));
  const applied = await system.apply({ file: 'gennaker.yaml', text: PIPELINES, files: {} });
  expect(applied).toMatchObject({ is: 'applied' });
});

afterAll(() => system?.stop());

async function gennaker(who: Name | 'admin', ...args: readonly string[]) {
  const token = who === 'admin' ? TOKEN : TOKENS[who];
  const { surroundings, written } = testSurroundings({
    environment: { GENNAKER_URL: system.url, GENNAKER_TOKEN: token, USER: 'somebody' },
    now: () => Date.now(),
  });
  const exitCode = await run(args, surroundings);
  return { exitCode, ...written };
}

async function start(who: Name, pipeline: string): Promise<string> {
  const response = await ask(who, `/api/pipelines/${pipeline}/executions`, {
    requestId: `${pipeline}-${who}`,
    by: 'eve',
  });
  expect(response.status).toBe(202);
  return ((await response.json()) as { execution: string }).execution;
}

const ask = (who: Name | 'admin', path: string, body?: object): Promise<Response> =>
  fetch(`${system.url}${path}`, {
    headers: {
      authorization: `Bearer ${who === 'admin' ? TOKEN : TOKENS[who]}`,
      'content-type': 'application/json',
    },
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
  });

const detail = async (id: string): Promise<ExecutionDetail | undefined> => {
  const response = await ask('admin', `/api/executions/${id}`);
  return response.ok ? ((await response.json()) as ExecutionDetail) : undefined;
};
const statusOf = async (id: string, stage: string) =>
  (await detail(id))?.stages.find((one) => one.id === stage)?.status;

describe('a stage that people decide', () => {
  it('takes the decision of those who may, by their token alone, and gives it on', async () => {
    const id = await start('aki', 'parent');
    await expect.poll(() => statusOf(id, 'ask'), PATIENCE).toBe('waiting');
    const why = await gennaker('eve', 'why', id);
    expect(why.stdout).toContain('an approval by items-leads');
    expect(why.stdout).toMatch(/Approve it: +gennaker approve \S+ ask --choice half/);

    expect(await gennaker('eve', 'approve', id, '--choice', 'half')).toMatchObject({
      exitCode: 1,
      stderr: 'ask is decided by items-leads; eve is in no group.\n',
    });
    // The name in the request's body was another: the server knows who started it.
    expect((await gennaker('aki', 'approve', id, 'ask', '--choice', 'half')).stderr).toContain('somebody else has to');
    expect((await gennaker('ben', 'approve', id)).stderr).toContain('asks for a choice: half, all');
    expect((await gennaker('ben', 'approve', id, '--choice', 'half', '--plan', '0123456789')).stderr).toContain(
      'runs the plan sha256:',
    );
    const plan = (await detail(id))?.plan ?? '';
    const approved = await gennaker('ben', 'approve', id, '--choice', 'half', '--plan', plan, '--reason', 'calm');
    expect(approved.stderr).toBe('');
    expect(approved.stdout).toContain('ben approved ask of parent');
    expect((await gennaker('ben', 'approve', id, 'ask', '--choice', 'half')).exitCode).toBe(1);
    await expect.poll(async () => (await detail(id))?.status, PATIENCE).toBe('succeeded');
  }, 60_000);

  it('is approved by nobody who is behind it, over however many executions', async () => {
    const newest = async (pipeline: string) => {
      const { items } = (await (await ask('admin', `/api/executions?pipeline=${pipeline}`)).json()) as {
        items: readonly { readonly id: string }[];
      };
      return items.at(0)?.id ?? '';
    };
    const own = { exitCode: 1, stderr: expect.stringContaining('aki started this execution') };
    const parent = await start('aki', 'asks-below');
    await expect.poll(async () => statusOf(await newest('asked'), 'ask'), PATIENCE).toBe('waiting');
    const child = await newest('asked');
    expect(await gennaker('aki', 'approve', child)).toMatchObject(own);
    expect((await gennaker('ben', 'reject', child, '--reason', 'not yet')).exitCode).toBe(0);
    await expect.poll(async () => (await detail(parent))?.status, PATIENCE).toBe('failed');

    // What its end has started.
    await expect.poll(async () => statusOf(await newest('after-below'), 'ask'), PATIENCE).toBe('waiting');
    expect(await gennaker('aki', 'approve', await newest('after-below'))).toMatchObject(own);

    // Somebody else restarts it, and whoever claims to be another is known all the same.
    const restarted = await ask('ben', `/api/executions/${child}/restart`, { by: 'eve' });
    const { execution } = (await restarted.json()) as { execution: string };
    await expect.poll(() => statusOf(execution, 'ask'), PATIENCE).toBe('waiting');
    expect(await gennaker('aki', 'approve', execution)).toMatchObject(own);
    expect((await gennaker('ben', 'approve', execution)).stderr).toContain('ben started this execution');
    expect((await gennaker('eve', 'approve', execution)).exitCode).toBe(0);
  }, 60_000);

  it('lets people run pipelines and see what came of it', async () => {
    const ran = await gennaker('eve', 'run', 'child');
    expect(ran).toMatchObject({ exitCode: 0, stderr: '', stdout: expect.stringContaining('started execution') });
    expect((await gennaker('eve', 'run', 'child', '--dry-run')).stdout).toContain('Nothing was started.');
    expect((await gennaker('eve', 'events')).stdout).toContain('eve asked');
  }, 60_000);

  it('is not decided by a signal, and what only admins may is refused to others', async () => {
    const id = await start('ben', 'parent');
    await expect.poll(() => statusOf(id, 'ask'), PATIENCE).toBe('waiting');
    const forged = { id: 'x', name: 'decision', value: { is: 'approve', person: 'aki', choice: 'all' } };
    expect((await ask('eve', `/api/executions/${id}/stages/ask/signals`, forged)).status).toBe(403);
    expect((await ask('admin', `/api/executions/${id}/stages/ask/signals`, forged)).status).toBe(400);
    expect((await ask('eve', '/api/repositories')).status).toBe(403);
    expect((await ask('eve', '/api/executions')).status).toBe(200);
    expect((await gennaker('aki', 'reject', id, '--reason', 'not today')).exitCode).toBe(0);
    await expect.poll(async () => (await detail(id))?.status, PATIENCE).toBe('failed');
    const why = await gennaker('eve', 'why', id);
    expect(why.stdout).toContain('aki rejected ask: not today');
  }, 60_000);
});

describe('a stage that runs another pipeline', () => {
  it('takes it down with it', async () => {
    const id = await start('aki', 'over');
    const running = async () => {
      const { items } = (await (await ask('admin', '/api/executions?pipeline=slow')).json()) as {
        items: readonly { readonly id: string; readonly status: string; readonly trigger: { readonly by: string } }[];
      };
      return items.at(0);
    };
    await expect.poll(async () => (await running())?.status, PATIENCE).toBe('waiting');
    expect((await running())?.trigger.by).toBe('aki');
    expect((await gennaker('admin', 'cancel', id)).exitCode).toBe(0);
    await expect.poll(async () => (await detail(id))?.status, PATIENCE).toBe('cancelled');
    expect((await running())?.status).toBe('cancelled');
  }, 60_000);

  it('is refused where it would wait for the slot of who runs it', async () => {
    const id = await start('aki', 'in-group');
    await expect.poll(async () => (await detail(id))?.status, PATIENCE).toBe('failed');
    expect((await detail(id))?.stages[0]?.reason?.text).toContain(
      'in-group and same-group are both in the group one-at-a-time, which lets one run at a time',
    );
  }, 60_000);

  it('is refused in a file that runs itself', async () => {
    const text =
      'pipeline: narcissus\nteam: items\nstages: { me: { uses: pipeline, with: { pipeline: narcissus } } }\n';
    expect(await system.apply({ file: 'gennaker.yaml', text, files: {} })).toMatchObject({
      is: 'refused',
      problems: [{ message: expect.stringContaining('run one another without end: narcissus → narcissus') }],
    });
  });

  it('is refused where it would run itself', async () => {
    const id = await start('aki', 'ping');
    await expect.poll(async () => (await detail(id))?.status, PATIENCE).toBe('failed');
    expect((await detail(id))?.stages[0]?.reason?.text).toContain('ping runs pong runs ping');
  }, 60_000);
});
