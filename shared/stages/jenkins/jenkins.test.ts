import { describe, expect, it } from 'vitest';
import { JENKINS_URL, jenkinsFarEnd } from '../../../test/support/jenkins-far-end.ts';
import type { StageContext } from '../kind.ts';
import { prove } from '../proofs.ts';
import { jenkins } from './index.ts';
import { type JenkinsCursor, jenkinsParameters } from './schema.ts';

const PARAMETERS = {
  url: `${JENKINS_URL}/`,
  job: 'team/items-api',
  credentials: 'jenkins',
  parameters: { VERSION: '1.2.3' },
};

prove({ name: 'a build', kind: jenkins, parameters: PARAMETERS, world: () => jenkinsFarEnd() });
prove({
  name: 'without crumbs, with properties',
  kind: jenkins,
  parameters: { ...PARAMETERS, 'property-file': 'build.properties' },
  world: () => jenkinsFarEnd({ crumbs: false, properties: 'image=items-api:1.2.3\n' }),
});
prove({
  name: 'a request of which nothing is heard, and that was taken',
  kind: jenkins,
  parameters: PARAMETERS,
  world: () => jenkinsFarEnd({ lag: 1 }),
});
prove({
  name: 'a build that fails',
  kind: jenkins,
  parameters: PARAMETERS,
  world: () => jenkinsFarEnd({ result: 'FAILURE' }),
  ends: 'failed',
});

/** Runs the stage until it ends. */
async function play(parameters: object, world: ReturnType<typeof jenkinsFarEnd>) {
  const texts: string[] = [];
  let now = 30_001;
  let cursor: JenkinsCursor | undefined;
  for (let steps = 0; steps < 20; steps += 1) {
    const context = {
      execution: 'e1',
      stage: 'build',
      attempt: 1,
      tries: 1,
      mayWrite: () => true,
      clock: { now: () => now, after: () => () => undefined },
      signal: new AbortController().signal,
      secrets: { get: async () => world.secrets.jenkins },
      http: world.http,
      report: (lines: readonly string[]) => texts.push(...lines),
    } as unknown as StageContext;
    const outcome = await jenkins.step(jenkinsParameters.parse(parameters), { cursor, input: { by: 'time' } }, context);
    if (outcome.is !== 'waiting') return { outcome, texts };
    texts.push(outcome.reason.text);
    cursor = outcome.cursor;
    if (cursor.is === 'starting') now = 'until' in outcome.for ? (outcome.for.until ?? now) : now;
    world.passTime();
  }
  throw new Error('the build did not end');
}

describe('a Jenkins build', () => {
  it('is followed from the queue to its end, and gives its properties', async () => {
    const world = jenkinsFarEnd({ properties: '# made by the build\nimage = items-api:1.2.3\n\nshare:5\n' });
    const { outcome, texts } = await play({ ...PARAMETERS, 'property-file': 'build.properties' }, world);
    expect(outcome).toEqual({
      is: 'succeeded',
      outputs: {
        build: 40,
        url: `${JENKINS_URL}/job/team/job/items-api/40/`,
        result: 'SUCCESS',
        values: { image: 'items-api:1.2.3', share: '5' },
      },
    });
    expect(texts).toContain('team/items-api has not begun in Jenkins: Waiting for next available executor');
    expect(texts).toContain('team/items-api #40, about 50 %');
    expect(texts).toContain(`team/items-api #40 runs in Jenkins: ${JENKINS_URL}/job/team/job/items-api/40/console`);
    expect(world.builds.map(({ parameters }) => parameters)).toEqual([
      { VERSION: '1.2.3', GENNAKER_KEY: 'e1/build/1' },
    ]);
    expect(world.refusals).toEqual([]);
  });

  it('that fails is told with its log', async () => {
    const { outcome } = await play(PARAMETERS, jenkinsFarEnd({ result: 'FAILURE' }));
    expect(outcome).toMatchObject({
      is: 'failed',
      reason: { text: `team/items-api #40 ended FAILURE: ${JENKINS_URL}/job/team/job/items-api/40/console` },
    });
  });

  it('of which nobody knows whether it was asked for is looked for before another is', async () => {
    const late = jenkinsFarEnd({ lag: 3 });
    const { outcome, texts } = await play(PARAMETERS, late);
    expect(outcome.is).toBe('succeeded');
    expect(texts[0]).toContain('Nobody knows whether team/items-api was started in Jenkins');
    expect(late.builds).toHaveLength(1);
    // A minute later it is taken for lost.
    const lost = jenkinsFarEnd({ lag: 1_000 });
    expect((await play(PARAMETERS, lost)).outcome.is).toBe('succeeded');
    expect(lost.builds).toHaveLength(1);
  });

  it('that is unstable means what the author says', async () => {
    expect((await play(PARAMETERS, jenkinsFarEnd({ result: 'UNSTABLE' }))).outcome.is).toBe('failed');
    const taken = await play({ ...PARAMETERS, unstable: 'succeed' }, jenkinsFarEnd({ result: 'UNSTABLE' }));
    expect(taken.outcome).toMatchObject({ is: 'succeeded', outputs: { result: 'UNSTABLE' } });
  });

  it('is not started where it could be started twice', async () => {
    const world = jenkinsFarEnd({ declared: ['VERSION'] });
    await expect(play(PARAMETERS, world)).rejects.toThrow('has no parameter GENNAKER_KEY');
    expect(world.builds).toEqual([]);
  });

  it.each([
    [{ ...PARAMETERS, job: '/items' }, 'must be the name of a job, with its folders: team/items-api'],
    [{ ...PARAMETERS, 'property-file': '../secrets' }, 'must be the path of an artifact'],
  ])('does not take %j', (given, message) => {
    expect(jenkinsParameters.safeParse(given).error?.issues.map((issue) => issue.message)).toEqual([message]);
  });
});
