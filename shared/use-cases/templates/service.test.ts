import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { manualClock, recordingLog } from '../../../test/support/execution-fixtures.ts';
import { type Embedded, IN_MEMORY, openEmbedded } from '../../adapters/embedded/index.ts';
import { stageKinds } from '../../stages/registry.ts';
import { applyByHand } from '../apply-by-hand.ts';
import { documentParsers } from '../documents.ts';
import { planReader } from '../plans.ts';
import { libraryOf } from './library.ts';
import { type TemplateService, templateService } from './service.ts';

const MICROSERVICE = readFileSync(new URL('../../../templates/microservice/2.1.0.yaml', import.meta.url), 'utf8');
const TARGETS = ['jp', 'us', 'uk'];

const at = (version: string, text = MICROSERVICE): string => text.replace('version: 2.1.0', `version: ${version}`);

const pipelineOf = (
  name: string,
  more: { range?: string; given?: string; team?: string } = {},
): string => `pipeline: ${name}
team: ${more.team ?? 'social'}
images: { api: { repository: acme.dev/social/${name}, tag: "*" } }
on: [{ push: api }]
stages:
  release:
    uses: microservice@${more.range ?? '2'}
    targets: [jp, us]
    with:
      image: \${{ images.api }}${more.given === undefined ? '' : `\n      ${more.given}`}
`;

let stores: Embedded;
let service: TemplateService;
const clock = manualClock();

beforeEach(() => {
  stores = openEmbedded({ path: IN_MEMORY, clock, parse: documentParsers });
  service = templateService({
    ...stores,
    plans: planReader(stores.blobs),
    clock,
    log: recordingLog(),
    kinds: stageKinds(),
    openLibrary: libraryOf(stores),
  });
});
afterEach(() => stores.close());

const publish = (text: string, more: { rings?: string; after?: number; takeOver?: boolean } = {}) =>
  service.publish({ file: 'microservice.yaml', text, by: 'aki', ...more });

const problemsOf = async (text: string, more: { rings?: string; after?: number } = {}) => {
  const published = await publish(text, more);
  return published.is === 'refused'
    ? published.problems.map(({ line, column, message }) => `${line}:${column}  ${message}`)
    : [];
};

const apply = async (name: string, text = pipelineOf(name)): Promise<void> => {
  const applied = await applyByHand(
    {
      ...stores,
      clock,
      kinds: stageKinds(),
      targets: TARGETS.map((target) => ({ name: target, labels: {} })),
      openLibrary: libraryOf(stores),
      renderer: { render: () => Promise.reject(new Error('nothing is rendered here')) },
    },
    { file: `${name}.yaml`, text, files: {}, by: 'aki' },
  );
  if (applied.is === 'refused') throw new Error(applied.problems.map(({ message }) => message).join('\n'));
};

const lockOf = async (name: string) => (await stores.pipelines.get({ name }))?.templates;

describe('publishing a template', () => {
  it('takes the library’s own', async () => {
    expect(await publish(MICROSERVICE)).toMatchObject({ is: 'published', template: 'microservice', version: '2.1.0' });
    expect(await publish(MICROSERVICE)).toMatchObject({ is: 'unchanged' });
    expect(await publish(`# a comment\n${MICROSERVICE}`)).toMatchObject({ is: 'unchanged' });
    expect(await service.list()).toMatchObject([
      { name: 'microservice', owner: 'platform', released: '2.1.0', versions: [{ version: '2.1.0', usedBy: [] }] },
    ]);
  });

  it.each([
    [
      'other content under the same version',
      MICROSERVICE.replace('default: 8080', 'default: 80'),
      /^3:10 {2}version {2}microservice 2\.1\.0 is published with other content, .* the next is 2\.1\.1 or higher$/,
    ],
    ['a lower version', at('2.0.9'), /^3:10 {2}version {2}2\.0\.9 is lower than 2\.1\.0, which is published/],
    [
      'another owner',
      at('2.1.1').replace('owner: platform', 'owner: social'),
      /^4:8 {2}owner {2}"microservice" belongs to platform, not to social; .*--take-over$/,
    ],
    [
      'a breaking change in the same major version',
      at('2.2.0').replace('  port:', '  door:').replaceAll('inputs.port', 'inputs.door'),
      /^3:10 {2}version {2}2\.2\.0 breaks files that are right with 2\.1\.0, so it must be 3\.0\.0: inputs\.port is gone$/,
    ],
    ['a wrong template', MICROSERVICE.replace('before: deploy', 'before: deplyo'), /deplyo/],
    [
      'a file of something else',
      'pipeline: a\nstages: { a: { uses: wait, with: { for: 1s } } }\n',
      /^1:1 {2}the file must have one template/,
    ],
  ])('refuses %s', async (_, text, expected) => {
    await publish(MICROSERVICE);
    expect(await problemsOf(text)).toEqual([expect.stringMatching(expected)]);
  });

  it('takes a breaking change under a higher major version, and a patch of an older one', async () => {
    await publish(MICROSERVICE);
    const broken = at('3.0.0').replace('  port:', '  door:').replaceAll('inputs.port', 'inputs.door');
    expect(await publish(broken)).toMatchObject({
      is: 'published',
      changes: [{ path: 'inputs.port', isBreaking: true }, { path: 'inputs.door' }, { path: 'stages.deploy' }],
    });
    expect(await publish(at('2.1.1'))).toMatchObject({ is: 'published' });
    expect((await service.list())[0]?.versions.map(({ version }) => version)).toEqual(['3.0.0', '2.1.1', '2.1.0']);
  });

  it('hands a template over only where that is said', async () => {
    await publish(MICROSERVICE);
    const text = at('2.1.1').replace('owner: platform', 'owner: social');
    expect(await publish(text, { takeOver: true })).toMatchObject({ is: 'published' });
    expect((await service.list())[0]?.owner).toBe('social');
  });
});

describe('the lock of a pipeline', () => {
  it('is the highest released version in its range, taken when it is applied', async () => {
    await publish(MICROSERVICE);
    await apply('likes-api');
    await apply('items-api', pipelineOf('items-api', { range: '2.1.0' }));
    await publish(at('2.2.0'));
    await publish(at('3.0.0'));
    expect(await lockOf('likes-api')).toEqual({ microservice: '2.1.0' });
    await apply('likes-api');
    await apply('items-api', pipelineOf('items-api', { range: '2.1.0' }));
    expect(await lockOf('likes-api')).toEqual({ microservice: '2.2.0' });
    expect(await lockOf('items-api')).toEqual({ microservice: '2.1.0' });
  });

  it('moves in rings, not for new pipelines before the version is released, and back', async () => {
    await publish(MICROSERVICE);
    await apply('likes-api');
    await apply('items-api');
    await apply('pinned-api', pipelineOf('pinned-api', { range: '2.1.0' }));
    await publish(at('2.2.0'), { rings: 'likes-api,100%', after: 1 });
    await apply('new-api');
    await apply('items-api');
    const locks = async () => Promise.all(['likes-api', 'items-api', 'pinned-api', 'new-api'].map(lockOf));
    const [old, next] = [{ microservice: '2.1.0' }, { microservice: '2.2.0' }];
    expect(await locks()).toEqual([next, old, old, old]);
    expect(await service.show({ name: 'microservice' })).toMatchObject({
      template: {
        released: '2.1.0',
        rollout: {
          state: 'proving',
          text: 'Ring 1 of 2 (likes-api) waits for 1 more successful execution on 2.2.0; it has 0 of 1.',
          unblock: [{ command: 'gennaker run likes-api' }, { command: 'gennaker templates rollback microservice' }],
        },
      },
    });
    expect(await problemsOf(at('2.3.0'))).toEqual([expect.stringContaining('2.2.0 is on its way through its rings')]);

    expect(await service.rollBack({ template: 'microservice', by: 'aki' })).toMatchObject({ is: 'decided' });
    expect(await locks()).toEqual([old, old, old, old]);
    expect(await problemsOf(at('2.2.0'))).toEqual([
      expect.stringContaining('microservice 2.2.0 was rolled back; the next is 2.2.1 or higher'),
    ]);
    expect(await publish(at('2.2.1'))).toMatchObject({ is: 'published' });
  });

  it('is no version that was rolled back or has not reached the pipeline, also where that is named exactly', async () => {
    const named = (name: string) => apply(name, pipelineOf(name, { range: '2.2.0' }));
    await publish(MICROSERVICE);
    await apply('likes-api');
    await apply('items-api');
    await publish(at('2.2.0'), { rings: 'likes-api,100%', after: 1 });
    await expect(named('items-api')).rejects.toThrow(/microservice.*2\.2\.0/);
    await expect(named('new-api')).rejects.toThrow(/microservice.*2\.2\.0/);
    await named('likes-api');
    expect(await lockOf('likes-api')).toEqual({ microservice: '2.2.0' });

    await service.rollBack({ template: 'microservice', by: 'aki' });
    await expect(named('items-api')).rejects.toThrow(/microservice.*2\.2\.0/);
    await expect(named('new-api')).rejects.toThrow(/microservice.*2\.2\.0/);
    // It is pinned there, and can be changed otherwise.
    await apply('likes-api', pipelineOf('likes-api', { range: '2.2.0', given: 'port: 9000' }));
    expect(await lockOf('likes-api')).toEqual({ microservice: '2.2.0' });
  });

  it('does not move to a version that the file does not fit, and the rollout says where', async () => {
    const open = MICROSERVICE.replace('protected: [deploy]', 'protected: []');
    await publish(open);
    const override = '\n    override: { deploy: { timeout: 5m } }';
    await apply('likes-api', pipelineOf('likes-api').trimEnd() + override);
    // Which versions go together is seen from what pipelines are given; what they may not do any more is not part of that.
    expect(await publish(at('2.2.0', MICROSERVICE), { rings: '100%' })).toMatchObject({ is: 'published' });
    expect(await lockOf('likes-api')).toEqual({ microservice: '2.1.0' });
    expect(await service.show({ name: 'microservice' })).toMatchObject({
      template: {
        rollout: {
          state: 'stopped',
          text: expect.stringMatching(
            /^Ring 1 of 1 \(100 %\) stopped at likes-api: Its file does not fit microservice@2\.2\.0: likes-api\.yaml:11:\d+ {2}stages\.release\.override\.deploy/,
          ),
        },
      },
    });
    // A version that mends it follows, and takes along who the stopped one had reached.
    expect(await publish(at('2.2.1', open), { rings: '100%' })).toMatchObject({ is: 'published' });
    expect(await lockOf('likes-api')).toEqual({ microservice: '2.2.1' });
  });
});

describe('the impact of a version', () => {
  const COUNT = 300;

  it(`names, over ${COUNT} pipelines, exactly those that would break`, async () => {
    await publish(MICROSERVICE);
    const breaking: string[] = [];
    for (let index = 0; index < COUNT; index += 1) {
      const name = `service-${String(index).padStart(3, '0')}`;
      const isBroken = index % 7 === 3;
      if (isBroken) breaking.push(name);
      const given = isBroken ? 'health: /alive' : index % 2 === 0 ? 'port: 9000' : undefined;
      await apply(name, pipelineOf(name, { range: '>=2', ...(given === undefined ? {} : { given }) }));
    }
    const text = at('3.0.0')
      .replace(
        '  health:\n    type: string\n    pattern: /.*\n    default: /healthz',
        '  probe:\n    type: string\n    pattern: /.*\n    default: /healthz',
      )
      .replaceAll('inputs.health', 'inputs.probe');
    const impact = await service.impact({ file: 'microservice.yaml', text });
    if (impact.is === 'refused') throw new Error(JSON.stringify(impact.problems));
    expect(impact.changes[0]).toMatchObject({ path: 'inputs.health', isBreaking: true });
    expect(impact.pipelines).toHaveLength(COUNT);
    const broken = impact.pipelines.filter(({ problems }) => problems.length > 0);
    expect(broken.map(({ pipeline }) => pipeline)).toEqual(breaking);
    expect(broken[0]).toMatchObject({
      from: '2.1.0',
      moves: true,
      problems: [
        {
          file: 'service-003.yaml',
          line: 11,
          column: 7,
          message: expect.stringMatching(/^stages\.release\.with\.health {2}is not an input of microservice@3\.0\.0/),
        },
      ],
    });
    expect(impact.pipelines.every(({ problems, changes }) => problems.length > 0 || changes.length === 0)).toBe(true);
  }, 60_000);

  it('leaves open what somebody gives only when the pipeline starts, and so does a ring', async () => {
    const soaked = (version: string, more = '') => `template: soaked
version: ${version}
owner: platform
inputs: { soak: { type: string, required: true } }
stages:
  pause: { uses: wait, with: { for: "\${{ inputs.soak }}" } }
${more}`;
    await publish(soaked('1.0.0'));
    await apply(
      'likes-api',
      `pipeline: likes-api
inputs: { soak: { type: string, required: true } }
stages:
  release: { uses: soaked@1, with: { soak: "\${{ inputs.soak }}" } }
`,
    );
    const next = soaked('1.1.0', '  look: { needs: pause, uses: wait, with: { for: 1s } }\n');
    const impact = await service.impact({ file: 'soaked.yaml', text: next });
    expect(impact).toMatchObject({
      is: 'compared',
      pipelines: [
        {
          pipeline: 'likes-api',
          moves: true,
          problems: [],
          changes: [{ is: 'stage-added', stage: 'release.look', kind: 'wait', needs: ['release.pause'] }],
        },
      ],
    });
    expect(await publish(next, { rings: '100%', after: 1 })).toMatchObject({ is: 'published' });
    expect(await lockOf('likes-api')).toEqual({ soaked: '1.1.0' });
  });

  it('leaves open what only an event tells, and so does a ring', async () => {
    await publish(MICROSERVICE);
    const given = `port: "\${{ trigger.source == 'manual' ? 9000 : 8080 }}"`;
    const text = pipelineOf('likes-api', { given });
    await apply('likes-api', text);
    const next = at('2.2.0').replaceAll('revisionHistoryLimit: 5', 'revisionHistoryLimit: 9');
    expect(await service.impact({ file: 'microservice.yaml', text: next })).toMatchObject({
      is: 'compared',
      pipelines: [
        {
          pipeline: 'likes-api',
          moves: true,
          problems: [],
          changes: [
            { from: 5, to: 9 },
            { from: 5, to: 9 },
          ],
        },
      ],
    });
    expect(await publish(next, { rings: '100%', after: 1 })).toMatchObject({ is: 'published' });
    expect(await lockOf('likes-api')).toEqual({ microservice: '2.2.0' });
  });

  it('tells what plans would do differently, and who stays', async () => {
    await publish(MICROSERVICE);
    await apply('likes-api');
    await apply('items-api', pipelineOf('items-api', { range: '~2.1' }));
    const text = at('2.2.0').replaceAll('revisionHistoryLimit: 5', 'revisionHistoryLimit: 9');
    const impact = await service.impact({ file: 'microservice.yaml', text });
    expect(impact).toMatchObject({
      is: 'compared',
      pipelines: [
        { pipeline: 'items-api', moves: false, problems: [] },
        {
          pipeline: 'likes-api',
          moves: true,
          problems: [],
          changes: [{ path: expect.stringContaining('revisionHistoryLimit'), from: 5, to: 9 }],
        },
      ],
    });
  });
});
