import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TemplateDescription } from '../../shared/use-cases/templates/describe.ts';
import { secondsAgo } from '../testing/executions.ts';
import { gennaker } from '../testing/system.ts';

const TEMPLATE: TemplateDescription = {
  name: 'microservice',
  owner: 'platform',
  description: 'A web service from its image',
  released: '2.1.0',
  versions: [
    {
      version: '2.2.0',
      standing: 'rolling',
      publishedAt: secondsAgo(60),
      by: 'aki',
      deprecated: null,
      usedBy: ['likes-api'],
    },
    {
      version: '2.1.0',
      standing: 'released',
      publishedAt: secondsAgo(86_400),
      by: 'aki',
      deprecated: 'use 2.2: it drains requests',
      usedBy: ['items-api', 'profile-api'],
    },
  ],
  rollout: {
    version: '2.2.0',
    state: 'stopped',
    rings: [
      { ring: '10 %', moved: 1, state: 'current' },
      { ring: '100 %', moved: 0, state: 'later' },
    ],
    after: 3,
    counted: null,
    startedAt: secondsAgo(60),
    text: 'Ring 1 of 2 (10 %) stopped at likes-api: Its execution 7f3k2ab failed.',
    unblock: [
      { what: 'See what failed', command: 'gennaker why 7f3k2ab' },
      { what: 'Go back to the version before', command: 'gennaker templates rollback microservice' },
    ],
  },
};

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gennaker-templates-'));
  file = join(folder, 'microservice.yaml');
  await writeFile(file, 'template: microservice\n');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('templates', () => {
  it('are listed with their owners, users and rollouts', async () => {
    const { stdout } = await gennaker('get templates', { 'GET /api/templates': { body: { items: [TEMPLATE] } } });
    expect(stdout).toMatchInlineSnapshot(`
      "TEMPLATE      OWNER     RELEASED  USED BY      ROLLOUT          DESCRIPTION
      microservice  platform  2.1.0     3 pipelines  ✖ 2.2.0 stopped  A web service f…
      "
    `);
  });

  it('are shown with who uses which version, and with the way on', async () => {
    const { stdout } = await gennaker('get template microservice', {
      'GET /api/templates/microservice': { body: TEMPLATE },
    });
    expect(stdout).toMatchInlineSnapshot(`
      "microservice   owned by platform
      A web service from its image

      VERSION  STANDING              PUBLISHED         USED BY
      2.2.0    rolling               1 min ago by aki  1 pipeline: likes-api
      2.1.0    released, deprecated  1 d ago by aki    2 pipelines: items-api, profil…
      2.1.0 is deprecated: use 2.2: it drains requests

        ✖ 10 %    1 pipeline on it
        ◌ 100 %   0 pipelines on it
      Ring 1 of 2 (10 %) stopped at likes-api: Its execution 7f3k2ab failed.

        See what failed:                gennaker why 7f3k2ab
        Go back to the version before:  gennaker templates rollback microservice
      "
    `);
  });

  it('are published in rings', async () => {
    const published = { is: 'published', template: 'microservice', version: '2.2.0', changes: [], rollout: {} };
    const { exitCode, stdout, asked } = await gennaker(`templates publish ${file} --rings 10%,100% --after 2`, {
      'PUT /api/templates': { body: published },
    });
    expect(exitCode).toBe(0);
    expect(stdout).toContain('gennaker templates rollout microservice');
    expect(asked[0]?.body).toMatchObject({ file, text: 'template: microservice\n', rings: '10%,100%', after: 2 });
    expect((await gennaker(`templates publish ${file} --after 2`)).exitCode).toBe(2);
  });

  it('are refused with the places of what is wrong', async () => {
    const problems = [{ file, line: 3, column: 10, message: 'version  2.0.9 is lower than 2.1.0' }];
    const { exitCode, stderr } = await gennaker(`templates publish ${file}`, {
      'PUT /api/templates': {
        status: 422,
        body: { error: { code: 'invalid-pipeline', message: '1 problem.', problems } },
      },
    });
    expect({ exitCode, stderr }).toEqual({
      exitCode: 1,
      stderr: `${file}:3:10  version  2.0.9 is lower than 2.1.0\n1 problem in 1 file. Nothing was published.\n`,
    });
  });

  it('tell what a version would change and break, and exit with 1 where it breaks', async () => {
    const report = {
      is: 'compared',
      file,
      template: 'microservice',
      version: '2.2.0',
      changes: [{ path: 'inputs.port', text: 'is gone', isBreaking: true }],
      pipelines: [
        {
          pipeline: 'items-api',
          team: 'items',
          from: '2.1.0',
          moves: true,
          changes: [],
          problems: [{ file: 'items.yaml', line: 9, column: 7, message: 'stages.release.with.port  is not an input' }],
        },
        {
          pipeline: 'likes-api',
          team: 'social',
          from: '2.1.0',
          moves: true,
          changes: [{ is: 'changed', path: 'release.deploy.timeout', from: '15m', to: '5m' }],
          problems: [],
        },
        { pipeline: 'profile-api', team: 'social', from: '2.1.0', moves: false, changes: [], problems: [] },
      ],
    };
    const { exitCode, stdout } = await gennaker(`templates impact ${file}`, {
      'POST /api/templates/impact': { body: report },
    });
    expect(exitCode).toBe(1);
    expect(stdout).toMatchInlineSnapshot(`
      "microservice@2.2.0   3 pipelines use microservice
        ! inputs.port is gone (breaking)

      1 pipeline would break
        ✖ items-api (items)
            items.yaml:9:7  stages.release.with.port  is not an input

      1 pipeline would change
        ~ likes-api (social), from 2.1.0
            ~ release.deploy.timeout   15m → 5m

      1 pipeline would stay: the versions that they ask for do not include 2.2.0
      "
    `);
  });

  it('are deprecated by version, with a message or not any more', async () => {
    const answers = { 'POST /api/templates/microservice/deprecation': { body: TEMPLATE } };
    const { asked } = await gennaker('templates deprecate microservice@2.1.0 --message later', answers);
    expect(asked[0]?.body).toEqual({ version: '2.1.0', message: 'later' });
    expect((await gennaker('templates deprecate microservice@2.1.0', answers)).exitCode).toBe(2);
    expect((await gennaker('templates deprecate microservice --undo', answers)).exitCode).toBe(2);
  });
});

describe('the catalog', () => {
  it('lists what all teams have, and how to start from it', async () => {
    const items = [
      {
        kind: 'template',
        name: 'microservice',
        owner: 'platform',
        description: 'A web service',
        released: '2.1.0',
        users: 2,
      },
      {
        kind: 'pipeline',
        name: 'likes-api',
        owner: 'social',
        uses: ['microservice@2'],
        targets: ['jp', 'us'],
        templates: { microservice: '2.1.0' },
        last: [
          { id: 'a', status: 'succeeded', createdAt: secondsAgo(1) },
          { id: 'b', status: 'failed', createdAt: secondsAgo(2) },
        ],
        successRate: 0.5,
      },
    ];
    const { stdout } = await gennaker('get catalog --search api', {
      'GET /api/catalog?search=api&limit=20': { body: { items } },
    });
    expect(stdout).toMatchInlineSnapshot(`
      "KIND      NAME          OWNER     LAST  SUCCESS  WHAT
      template  microservice  platform                 A web service
      pipeline  likes-api     social    ✔✖    50 %     microservice@2 in jp us

      Start from one of them:  gennaker copy likes-api
      "
    `);
  });
});

describe('copy', () => {
  const COPIED = { is: 'copied', text: 'pipeline: items-api-copy\n', files: { 'k8s/a.yaml': 'kind: A' } };

  it('prints the file, or writes it with those that it names', async () => {
    const answers = { 'GET /api/pipelines/items-api/copy': { body: COPIED } };
    const { stdout, stderr } = await gennaker('copy items-api', answers);
    expect({ stdout, stderr }).toEqual({
      stdout: COPIED.text,
      stderr: 'It names files beside it; with --out DIR they are written too.\n',
    });
    const out = join(folder, 'new');
    expect((await gennaker(`copy items-api --out ${out}`, answers)).exitCode).toBe(0);
    expect((await readdir(out, { recursive: true })).sort()).toEqual(['gennaker.yaml', 'k8s', 'k8s/a.yaml']);
    expect(await readFile(join(out, 'gennaker.yaml'), 'utf8')).toBe(COPIED.text);
    const again = await gennaker(`copy items-api --out ${out}`, answers);
    expect(again).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('is there already') });
  });

  it('writes nothing outside the folder', async () => {
    const answers = {
      'GET /api/pipelines/items-api/copy': { body: { ...COPIED, files: { '../evil.yaml': 'kind: A' } } },
    };
    const { exitCode, stderr } = await gennaker(`copy items-api --out ${join(folder, 'new')}`, answers);
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('lies outside') });
    expect(await readdir(folder)).not.toContain('evil.yaml');
  });
});
