import { describe, expect, it } from 'vitest';
import { run } from '../program.ts';
import { CANCELLED, FAILED, ROLLING, SUCCEEDED } from '../testing/executions.ts';
import { type Answers, eventStream, gennaker, startSystem, testSurroundings } from '../testing/system.ts';

const ID = ROLLING.id;

describe('watch', () => {
  const answers = (...states: readonly unknown[]): Answers => ({
    'GET /api/executions?limit=1': { body: { items: [ROLLING] } },
    [`GET /api/executions/${ID}`]: { body: ROLLING },
    [`GET /api/executions/${ID}/events`]: { stream: [...eventStream(...states)] },
  });

  it.each([
    ['succeeded', SUCCEEDED, 0],
    ['failed', FAILED, 1],
    ['cancelled', CANCELLED, 3],
    ['skipped', { ...CANCELLED, status: 'skipped' }, 3],
  ])('exits as the execution ended: %s', async (_word, end, expected) => {
    const { exitCode } = await gennaker(`watch ${ID} --exit-status`, answers(ROLLING, end));
    expect(exitCode).toBe(expected);
    expect((await gennaker(`watch ${ID}`, answers(ROLLING, end))).exitCode).toBe(0);
  });

  it('follows the latest execution where none is named, a line for each change', async () => {
    const { stdout } = await gennaker('watch', answers(ROLLING, ROLLING, { ...ROLLING, ...FAILED }));
    expect(stdout.split('\n').map((line) => line.slice(26))).toEqual([
      '◌ items-api 7f3k2ab created, image items-api:1.3.0 pushed',
      '● items-api started',
      '● migrate started',
      '✔ migrate succeeded after 31 s',
      '● canary_jp started',
      '● deploy-jp started',
      expect.stringContaining('✖ deploy-jp failed after 5 s: pod items-api-6d4f-x2x9q'),
      '✖ items-api failed after 2 min 10 s',
      expect.stringContaining('⊘ announce skipped'),
      '',
    ]);
  });

  it('prints each state as a line of JSON, for machines', async () => {
    const { stdout } = await gennaker(`watch ${ID} -o json`, answers(ROLLING, SUCCEEDED));
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([ROLLING, SUCCEEDED]);
  });

  it('goes on where the stream broke off', async () => {
    const { exitCode, asked } = await gennaker(`watch ${ID} --exit-status`, {
      ...answers(),
      [`GET /api/executions/${ID}/events`]: [
        { stream: eventStream(ROLLING) },
        { stream: ['event: execution\nda'] },
        { stream: eventStream(SUCCEEDED) },
      ],
    });
    expect(exitCode).toBe(0);
    expect(asked.filter(({ path }) => path.endsWith('/events'))).toHaveLength(3);
  });

  it('says that nothing has run yet', async () => {
    const { exitCode, stderr } = await gennaker('watch', { 'GET /api/executions?limit=1': { body: { items: [] } } });
    expect(exitCode).toBe(1);
    expect(stderr).toContain('Nothing has run yet.');
  });

  it('draws over itself on a terminal, and leaves with q', async () => {
    await using system = await startSystem({
      ...answers(),
      'GET /api/executions?pipeline=items-api&limit=20': { body: { items: [SUCCEEDED, SUCCEEDED, SUCCEEDED] } },
      [`GET /api/executions/${ID}/events`]: { stream: eventStream(ROLLING) },
    });
    const { surroundings, written, press } = testSurroundings({
      terminal: true,
      environment: { GENNAKER_URL: system.url },
    });
    const done = run(['watch', '--exit-status'], surroundings);
    await expect.poll(() => written.stdout).toContain('q quit · w why');
    expect(written.stdout).toContain('usually 4 min; 10 s longer already');
    press('w');
    expect(written.stdout).toContain('canary_jp in jp has been running');
    press('q');
    expect(await done).toBe(1);
    expect(written.stdout.endsWith('\u001b[?25h')).toBe(true);
  });

  it('stops at an interrupt', async () => {
    await using system = await startSystem(answers(ROLLING));
    const { surroundings, written, interrupt } = testSurroundings({ environment: { GENNAKER_URL: system.url } });
    const done = run(['watch'], surroundings);
    await expect.poll(() => written.stdout).toContain('canary_jp started');
    interrupt.abort();
    expect(await done).toBe(130);
    expect(written.stderr).toBe('');
  });
});
