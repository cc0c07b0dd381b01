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
