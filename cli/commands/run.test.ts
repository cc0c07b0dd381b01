import { describe, expect, it } from 'vitest';
import { CANCELLED, ENTRY, FAILED, ROLLING } from '../testing/executions.ts';
import { eventStream, gennaker } from '../testing/system.ts';

const ID = ROLLING.id;

describe('run and restart', () => {
  const requested = { event: ENTRY.id, execution: ID };
  const start = 'POST /api/pipelines/items-api/executions';

  it('say what came of the request', async () => {
    const { exitCode, stdout, asked } = await gennaker('run items-api --image api=1.3.0 --input who=me', {
      [start]: { status: 202, body: requested },
      [`GET /api/events/${ENTRY.id}`]: [{ status: 404, body: {} }, { body: ENTRY }],
    });
    expect(exitCode).toBe(0);
    expect(stdout).toBe('  items-api   started execution 7f3k2ab\n\nFollow it:  gennaker watch 7f3k2ab\n');
    expect(asked[0]?.body).toMatchObject({ images: { api: '1.3.0' }, inputs: { who: 'me' } });
  });

  it('fail where nothing could be started', async () => {
    const text = 'images.api: no tag matches ">=1.0.0"';
    const verdicts = [{ is: 'failed', pipeline: 'items-api', trigger: 0, text }];
    const { exitCode, stderr } = await gennaker('run items-api --wait', {
      [start]: { status: 202, body: requested },
      [`GET /api/events/${ENTRY.id}`]: { body: { ...ENTRY, verdicts } },
    });
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: `items-api did not start: ${text}\n` });
  });

  it('with --wait exit as the execution ends, results apart from progress', async () => {
    const answers = {
      [start]: { status: 202, body: requested },
      [`GET /api/executions/${ID}`]: { body: FAILED },
      [`POST /api/executions/${ID}/restart`]: { status: 202, body: requested },
      [`GET /api/events/${ENTRY.id}`]: { body: ENTRY },
      [`GET /api/executions/${ID}/events`]: { stream: eventStream(ROLLING, CANCELLED) },
    };
    expect(await gennaker('run items-api --wait', answers)).toMatchObject({ exitCode: 3 });
    const { exitCode, stdout, stderr } = await gennaker(`restart ${ID} --wait -o json`, answers);
    expect(exitCode).toBe(3);
    expect(JSON.parse(stdout)).toEqual(CANCELLED);
    expect(stderr).toContain('⊘ items-api cancelled after 4 min');
  });
});

describe('cancel', () => {
  it('says that what was begun is brought to rest first', async () => {
    const { exitCode, stdout, asked } = await gennaker(`cancel ${ID} --reason mistake`, {
      [`GET /api/executions/${ID}`]: [{ body: ROLLING }, { body: { ...ROLLING, stopping: true } }],
      [`POST /api/executions/${ID}/cancel`]: { status: 202, body: {} },
    });
    expect(exitCode).toBe(0);
    expect(stdout).toContain('items-api 7f3k2ab is being stopped');
    expect(asked[1]?.body).toMatchObject({ reason: 'mistake' });
  });

  it('refuses what has ended', async () => {
    const { exitCode, stderr } = await gennaker(`cancel ${ID}`, { [`GET /api/executions/${ID}`]: { body: FAILED } });
    expect({ exitCode, stderr }).toEqual({
      exitCode: 1,
      stderr: 'items-api 7f3k2ab cannot be cancelled: it has already ended (failed).\n',
    });
  });
});
