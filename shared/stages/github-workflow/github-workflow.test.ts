import { describe, expect, it } from 'vitest';
import { githubActionsFarEnd } from '../../../test/support/github-actions-far-end.ts';
import type { StageContext } from '../kind.ts';
import { prove } from '../proofs.ts';
import { keyOf } from './client.ts';
import { githubWorkflow } from './index.ts';
import { type GithubWorkflowCursor, githubWorkflowParameters } from './schema.ts';

const PARAMETERS = {
  repository: 'acme/items',
  workflow: 'release.yml',
  inputs: { version: '1.2.3' },
  token: 'actions',
};

prove({ name: 'a run', kind: githubWorkflow, parameters: PARAMETERS, world: () => githubActionsFarEnd() });
prove({
  name: 'a run, for whoever asks too often at first',
  kind: githubWorkflow,
  parameters: PARAMETERS,
  world: () => githubActionsFarEnd({ tooOften: 2 }),
});
prove({
  name: 'a run that fails',
  kind: githubWorkflow,
  parameters: PARAMETERS,
  world: () => githubActionsFarEnd({ conclusion: 'failure' }),
  ends: 'failed',
});

async function play(parameters: object, world: ReturnType<typeof githubActionsFarEnd>) {
  const texts: string[] = [];
  let now = 0;
  let cursor: GithubWorkflowCursor | undefined;
  const context = {
    execution: 'e1',
    stage: 'build',
    attempt: 1,
    tries: 1,
    mayWrite: () => true,
    clock: { now: () => now, after: () => () => undefined },
    signal: new AbortController().signal,
    secrets: { get: async () => world.secrets.actions },
    http: world.http,
  } as unknown as StageContext;
  for (let steps = 0; steps < 100; steps += 1) {
    const at = { cursor, input: { by: 'time' } } as const;
    const outcome = await githubWorkflow.step(githubWorkflowParameters.parse(parameters), at, context);
    if (outcome.is !== 'waiting') return { outcome, texts, key: keyOf(context) };
    texts.push(outcome.reason.text);
    cursor = outcome.cursor;
    now += 30_000;
    world.passTime();
  }
  throw new Error('the run did not end');
}

describe('a GitHub workflow', () => {
  it('is dispatched once, found by its key, and followed to its end', async () => {
    const world = githubActionsFarEnd();
    const { outcome, texts, key } = await play(PARAMETERS, world);
    const url = 'https://github.com/acme/items/actions/runs/9000';
    expect(outcome).toEqual({ is: 'succeeded', outputs: { run: 9000, url, conclusion: 'success' } });
    expect(texts).toEqual([
      'release.yml of acme/items was dispatched; its run has not appeared yet',
      `release.yml of acme/items is queued at GitHub: ${url}`,
      `release.yml of acme/items is in progress at GitHub: ${url}`,
    ]);
    expect(world.runs.map(({ inputs }) => inputs)).toEqual([{ version: '1.2.3', gennaker_key: key }]);
  });

  it('that fails is told with its page', async () => {
    const { outcome } = await play(PARAMETERS, githubActionsFarEnd({ conclusion: 'timed_out' }));
    expect(outcome).toMatchObject({
      is: 'failed',
      reason: { text: expect.stringContaining('ended timed out: https://') },
    });
  });

  it('whose name does not show the key is told how it has to', async () => {
    const { outcome } = await play(PARAMETERS, githubActionsFarEnd({ showsKey: false }));
    expect(outcome).toMatchObject({
      is: 'failed',
      reason: { text: expect.stringContaining(`run-name: "release \${{ inputs.gennaker_key }}"`) },
    });
  });

  it('that GitHub refuses is told in its words', async () => {
    const given = { ...PARAMETERS, inputs: { other: 1 } };
    await expect(play(given, githubActionsFarEnd())).rejects.toThrow('answered 422: {"message":"Unexpected inputs');
  });

  it.each([
    [{ ...PARAMETERS, repository: 'items' }, 'must be OWNER/NAME'],
    [{ ...PARAMETERS, inputs: { gennaker_key: 'x' } }, 'is set by Gennaker; name another one as key-input'],
  ])('does not take %j', (given, message) => {
    expect(githubWorkflowParameters.safeParse(given).error?.issues.map((issue) => issue.message)).toEqual([message]);
  });
});
