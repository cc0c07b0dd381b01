/** What a person may apply, and what is left to the repository that manages it. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { manualClock } from '../../test/support/execution-fixtures.ts';
import { type Embedded, IN_MEMORY, openEmbedded } from '../adapters/embedded/index.ts';
import type { AppliedPipeline } from '../ports/pipelines.ts';
import { stageKinds } from '../stages/registry.ts';
import { type ApplyByHandPorts, applyByHand } from './apply-by-hand.ts';
import { documentParsers } from './documents.ts';
import { libraryOf } from './templates/library.ts';

const MANAGED = { repository: 'items', commit: 'a'.repeat(40) };
const OVERRIDE = { reason: 'the Git host is down' };
const pipeline = (name: string, wait = '1s'): string =>
  `pipeline: ${name}\nteam: items\nstages:\n  soak: { uses: wait, with: { for: ${wait} } }\n`;
const TEMPLATE = 'template: mine\nversion: 1.0.0\nowner: items\nstages:\n  soak: { uses: wait, with: { for: 1s } }\n';

let stores: Embedded;
let ports: ApplyByHandPorts;
const clock = manualClock();

beforeEach(async () => {
  stores = openEmbedded({ path: IN_MEMORY, clock, parse: documentParsers });
  ports = {
    ...stores,
    clock,
    kinds: stageKinds(),
    targets: [],
    openLibrary: libraryOf(stores),
    renderer: { render: () => Promise.reject(new Error('nothing is rendered here')) },
  };
  const repository = {
    format: 1 as const,
    id: 'items',
    url: 'https://git.example.com/items.git',
    branch: 'live',
    folders: [''],
    team: 'items',
    host: 'git' as const,
    pushSecret: 'git-items-push',
    registeredAt: clock.now(),
  };
  await stores.repositories.write({ key: 'items', value: repository, expected: 'absent' });
  await applied(pipeline('items-api'));
  const { generation, ...rest } = await stored('items-api');
  await stores.pipelines.change({
    puts: [{ pipeline: { ...rest, generation: generation + 1, managed: MANAGED }, triggers: [], expected: generation }],
    removals: [],
  });
});
afterEach(() => stores.close());

const apply = (text: string, override?: { readonly reason: string }) =>
  applyByHand(ports, { file: 'gennaker.yaml', text, files: {}, by: 'aki', override });

async function applied(text: string): Promise<void> {
  expect(await apply(text)).toMatchObject({ is: 'applied' });
}

async function stored(name: string): Promise<AppliedPipeline> {
  const found = await stores.pipelines.get({ name });
  if (found === undefined) throw new Error(`there is no pipeline ${name}`);
  return found;
}

describe('a pipeline that a repository manages', () => {
  it('is not applied by hand, nor is any other of the file', async () => {
    const before = await stored('items-api');
    expect(await apply(`${pipeline('other-api')}---\n${pipeline('items-api', '9s')}`)).toEqual({
      is: 'refused',
      problems: [
        {
          file: 'gennaker.yaml',
          line: 6,
          column: 11,
          message:
            'pipeline  "items-api" is managed by the repository items: push the change to its branch live, ' +
            'or apply it all the same with --override --reason "…"',
        },
      ],
    });
    expect(await stored('items-api')).toEqual(before);
    expect(await stores.pipelines.get({ name: 'other-api' })).toBeUndefined();
  });

  it('is applied where a person says why, stays the repository’s, and keeps who and why', async () => {
    expect(await apply(pipeline('items-api', '9s'), OVERRIDE)).toMatchObject({
      is: 'applied',
      pipelines: [{ name: 'items-api', change: 'changed' }],
    });
    expect(await stored('items-api')).toMatchObject({
      managed: MANAGED,
      override: { by: 'aki', reason: OVERRIDE.reason, at: clock.now() },
    });
  });

  it('is anybody’s once the repository is not registered any more', async () => {
    const cell = await stores.repositories.read({ key: 'items' });
    await stores.repositories.delete({ key: 'items', expected: cell?.version ?? '' });
    await applied(pipeline('items-api', '9s'));
    expect((await stored('items-api')).managed).toBeUndefined();
  });
});

describe('a template', () => {
  it.each([
    ['alone', TEMPLATE, undefined],
    ['beside a pipeline', `${pipeline('other-api')}---\n${TEMPLATE}`, undefined],
    [
      'beside a pipeline that a repository manages, with a reason',
      `${pipeline('items-api', '9s')}---\n${TEMPLATE}`,
      OVERRIDE,
    ],
  ])('is not applied: %s', async (_what, text, override) => {
    const before = await stored('items-api');
    expect(await apply(text, override)).toMatchObject({
      is: 'refused',
      problems: [
        { message: expect.stringContaining('not applied but published: gennaker templates publish gennaker.yaml') },
      ],
    });
    expect(await stored('items-api')).toEqual(before);
    expect(await stores.pipelines.get({ name: 'other-api' })).toBeUndefined();
    expect(await stores.templates.read({ key: 'mine' })).toBeUndefined();
  });
});
