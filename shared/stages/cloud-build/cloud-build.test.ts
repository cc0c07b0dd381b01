import { describe, expect, it } from 'vitest';
import { cloudBuildFarEnd } from '../../../test/support/cloud-build-far-end.ts';
import type { StageContext } from '../kind.ts';
import { prove } from '../proofs.ts';
import { tagOf } from './client.ts';
import { cloudBuild } from './index.ts';
import { type CloudBuildCursor, cloudBuildParameters } from './schema.ts';

const STEPS = [{ name: 'gcr.io/cloud-builders/docker', args: ['build', '.'] }];
const PARAMETERS = {
  project: 'acme-build',
  location: 'asia-northeast1',
  build: { steps: STEPS, images: ['items-api:1.2.3'], tags: ['items'] },
};

prove({ name: 'a build', kind: cloudBuild, parameters: PARAMETERS, world: () => cloudBuildFarEnd() });
prove({
  name: 'a build that fails',
  kind: cloudBuild,
  parameters: PARAMETERS,
  world: () => cloudBuildFarEnd({ status: 'FAILURE' }),
  ends: 'failed',
});

const TRIGGERED = {
  project: 'acme-build',
  location: 'asia-northeast1',
  trigger: { name: 'items-api', branch: 'main', substitutions: { _ENV: 'prod' } },
};
prove({ name: 'a trigger', kind: cloudBuild, parameters: TRIGGERED, world: () => cloudBuildFarEnd() });
prove({
  name: 'a trigger whose build fails',
  kind: cloudBuild,
  parameters: TRIGGERED,
  world: () => cloudBuildFarEnd({ status: 'FAILURE' }),
  ends: 'failed',
});

async function play(parameters: object, world: ReturnType<typeof cloudBuildFarEnd>) {
  const texts: string[] = [];
  let cursor: CloudBuildCursor | undefined;
  const context = {
    execution: 'e1',
    stage: 'build',
    attempt: 1,
    tries: 1,
    mayWrite: () => true,
    clock: { now: () => 0, after: () => () => undefined },
    signal: new AbortController().signal,
    http: world.http,
    ...world.context,
  } as unknown as StageContext;
  for (let steps = 0; steps < 20; steps += 1) {
    const at = { cursor, input: { by: 'time' } } as const;
    const outcome = await cloudBuild.step(cloudBuildParameters.parse(parameters), at, context);
    if (outcome.is !== 'waiting') return { outcome, texts, tag: tagOf(context) };
    texts.push(outcome.reason.text);
    cursor = outcome.cursor;
    world.passTime();
  }
  throw new Error('the build did not end');
}

describe('a build in Cloud Build', () => {
  const log = 'https://console.cloud.google.com/cloud-build/builds/b-1';

  it('carries a tag, is followed to its end, and gives the digests of its images', async () => {
    const world = cloudBuildFarEnd();
    const { outcome, texts, tag } = await play(PARAMETERS, world);
    expect(outcome).toEqual({
      is: 'succeeded',
      outputs: { build: 'b-1', log, images: { 'items-api:1.2.3': 'sha256:1234' } },
    });
    expect(texts).toEqual([
      `The build b-1 in acme-build is queued: ${log}`,
      `The build b-1 in acme-build is working: ${log}`,
    ]);
    expect(world.builds[0]?.given).toEqual({ ...PARAMETERS.build, tags: ['items', tag] });
  });

  it('that fails is told with its log', async () => {
    const { outcome } = await play(PARAMETERS, cloudBuildFarEnd({ status: 'TIMEOUT' }));
    expect(outcome).toMatchObject({ reason: { text: `The build b-1 in acme-build ended TIMEOUT: ${log}` } });
  });

  it('is for the projects that the admins list, and for builds that Cloud Build takes', async () => {
    await expect(play({ ...PARAMETERS, project: 'other-project' }, cloudBuildFarEnd())).rejects.toThrow(
      'ask the admins to list other-project in GENNAKER_GOOGLE_PROJECTS',
    );
    const wrong = { ...PARAMETERS, build: { steps: STEPS, stepps: [] } };
    await expect(play(wrong, cloudBuildFarEnd())).rejects.toThrow('Unknown name');
    expect(cloudBuildParameters.safeParse({ ...PARAMETERS, build: { steps: [] } }).success).toBe(false);
  });
});

describe('a trigger of Cloud Build', () => {
  const TRIGGER_ID = 'af2c7ddc-e4eb-4170-b938-a4babb53bac6';

  it('is run on what is named, with the key of the attempt among its substitutions', async () => {
    const world = cloudBuildFarEnd();
    const { outcome, tag } = await play(TRIGGERED, world);
    expect(outcome).toMatchObject({ is: 'succeeded', outputs: { build: 'b-1' } });
    expect(world.builds.map(({ given }) => given)).toEqual([
      {
        projectId: 'acme-build',
        triggerId: TRIGGER_ID,
        source: { branchName: 'main', substitutions: { _ENV: 'prod', _GENNAKER_KEY: tag } },
      },
    ]);
  });

  it('has its build found among those that others made, however many pages they take', async () => {
    const world = cloudBuildFarEnd();
    const { tag } = await play(TRIGGERED, world);
    const [own] = world.builds;
    for (let other = 2; other <= 6; other += 1) {
      world.builds.push({ id: `b-${other}`, tags: [], given: {}, status: 'WORKING', buildTriggerId: TRIGGER_ID });
    }
    const again = await play(TRIGGERED, world);
    expect(again).toMatchObject({ outcome: { outputs: { build: 'b-1' } }, tag });
    expect(world.builds).toHaveLength(6);
    expect(own?.status).toBe('SUCCESS');
  });

  it.each([
    ['a tag', { tag: 'v1.2.3' }, { tagName: 'v1.2.3' }],
    ['a commit', { commit: 'a'.repeat(40) }, { commitSha: 'a'.repeat(40) }],
    ['what the trigger itself names', {}, {}],
  ])('builds %s', async (_, given, source) => {
    const world = cloudBuildFarEnd();
    const { tag } = await play({ ...TRIGGERED, trigger: { name: TRIGGER_ID, ...given } }, world);
    expect(world.builds[0]?.given).toMatchObject({ source: { ...source, substitutions: { _GENNAKER_KEY: tag } } });
  });

  it('that there is none of is told', async () => {
    const none = { ...TRIGGERED, trigger: { name: 'items-web' } };
    await expect(play(none, cloudBuildFarEnd())).rejects.toThrow(/triggers\/items-web answered 404/);
  });

  it.each([
    ['two revisions', { name: 'items-api', branch: 'main', tag: 'v1' }, 'takes at most one of branch, tag and commit'],
    ['an expression', { name: 'items-api', branch: '^main$' }, 'must be the whole name, not an expression'],
    ['a substitution of Cloud Build', { name: 'items-api', substitutions: { COMMIT_SHA: 'a' } }, 'must be _ and'],
    ['its key', { name: 'items-api', substitutions: { _GENNAKER_KEY: 'a' } }, 'is given by the stage itself'],
  ])('is refused with %s', (_, trigger, message) => {
    const result = cloudBuildParameters.safeParse({ ...TRIGGERED, trigger });
    expect(JSON.stringify(result.error?.issues)).toContain(message);
  });

  it('stands instead of a build', () => {
    const both = cloudBuildParameters.safeParse({ ...PARAMETERS, trigger: TRIGGERED.trigger });
    expect(both.error?.issues[0]?.message).toBe('takes either build or trigger');
    const { build: _, ...neither } = PARAMETERS;
    expect(cloudBuildParameters.safeParse(neither).error?.issues[0]?.message).toBe('takes either build or trigger');
  });
});
