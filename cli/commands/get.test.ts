import { describe, expect, it } from 'vitest';
import { FAILED, HELD, QUEUED, ROLLING } from '../testing/executions.ts';
import { gennaker } from '../testing/system.ts';

const ID = ROLLING.id;

describe('get', () => {
  it('prints executions as the API gives them, for machines', async () => {
    const body = { items: [FAILED, ROLLING] };
    const { stdout } = await gennaker('get executions --pipeline items-api -o json', {
      'GET /api/executions?pipeline=items-api&limit=20': { body },
    });
    expect(JSON.parse(stdout)).toEqual(body);
  });

  it('prints executions as a table, for people', async () => {
    const body = { items: [FAILED, { ...ROLLING, stopping: true }, QUEUED] };
    const { stdout } = await gennaker('get executions', { 'GET /api/executions?limit=20': { body } });
    expect(stdout).toMatchInlineSnapshot(`
      "ID       PIPELINE   VERSION  STATUS      TIME        STARTED    BECAUSE
      7f3k2ab  items-api  1.3.0    ✖ failed    2 min 10 s  4 min ago  image items-api…
      7f3k2ab  items-api  1.3.0    ● stopping  4 min 10 s  4 min ago  image items-api…
      7f3k2ab  items-api  1.3.0    ◌ queued                4 min ago  image items-api…
      "
    `);
  });

  it('prints one execution', async () => {
    const answers = { 'GET /api/executions/7f3k2': { body: HELD } };
    expect((await gennaker('get execution 7f3k2', answers)).stdout).toContain('‖ canary_jp  jp   waiting');
    expect(JSON.parse((await gennaker('get execution 7f3k2 -o json', answers)).stdout)).toEqual(HELD);
  });

  it('passes on why the system refuses', async () => {
    const message = 'Several executions begin with 7: 7f3k2ab, 7aa91bc.';
    const { exitCode, stderr } = await gennaker('get execution 7', {
      'GET /api/executions/7': { status: 409, body: { error: { code: 'ambiguous', message } } },
    });
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: `${message}\n` });
  });

  it('names the pipeline that was probably meant', async () => {
    const items = [{ name: 'items-api', team: 'items', generation: 1, appliedAt: ROLLING.createdAt, stages: [] }];
    const { exitCode, stderr } = await gennaker('get pipeline items-ap', { 'GET /api/pipelines': { body: { items } } });
    expect({ exitCode, stderr }).toEqual({
      exitCode: 1,
      stderr: 'There is no pipeline "items-ap"; did you mean "items-api"?\n',
    });
  });
});

describe('why and logs', () => {
  it('explain for people and for machines', async () => {
    const answers = { 'GET /api/executions/7f3k2': { body: HELD } };
    expect((await gennaker('why 7f3k2', answers)).stdout).toContain('canary_jp in jp has been waiting for 4 min');
    expect(JSON.parse((await gennaker('why 7f3k2 -o json', answers)).stdout)).toMatchObject({ id: ID });
  });

  it('print what happened, and what the running stages show', async () => {
    const items = [
      { revision: 1, at: ROLLING.startedAt, is: 'started', status: 'running' },
      { revision: 2, at: ROLLING.startedAt, is: 'stage', stage: 'canary_jp', status: 'running' },
      { revision: 3, at: ROLLING.startedAt, is: 'stage', stage: 'migrate', status: 'succeeded' },
    ];
    const answers = {
      [`GET /api/executions/${ID}`]: { body: ROLLING },
      [`GET /api/executions/${ID}/history`]: { body: { items } },
    };
    expect((await gennaker(`logs ${ID} --stage canary_jp`, answers)).stdout.split('\n')).toEqual([
      '2026-03-02T14:03:50.000Z  ● canary_jp running',
      'now  canary_jp  Deployment items/items-api: 3 of 5 new pods are ready, 10 of 10 old ones',
      'now  canary_jp  Service items/items-api: applied',
      '',
    ]);
    expect(JSON.parse((await gennaker(`logs ${ID} -o json`, answers)).stdout)).toEqual({ items });
    expect((await gennaker(`logs ${ID} --stage canary_j`, answers)).stderr).toContain('did you mean "canary_jp"?');
  });
});
