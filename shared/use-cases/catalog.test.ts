import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { executionOf, manualClock } from '../../test/support/execution-fixtures.ts';
import { putPipeline } from '../../test/support/put-pipeline.ts';
import { type Embedded, IN_MEMORY, openEmbedded } from '../adapters/embedded/index.ts';
import type { Execution, ExecutionEnd } from '../core/run.ts';
import { readCatalog } from './catalog.ts';
import { documentParsers } from './documents.ts';

const clock = manualClock();
let stores: Embedded;
let executions: Execution[];

beforeEach(async () => {
  stores = openEmbedded({ path: IN_MEMORY, clock, parse: documentParsers });
  executions = [];
  const put = (name: string, team: string, uses: string, more: object = {}) =>
    putPipeline(stores.pipelines, {
      format: 1,
      name,
      team,
      file: 'gennaker.yaml',
      definition: {
        images: { api: { repository: `acme.dev/${team}/${name}`, tag: '*' } },
        stages: { release: { uses, targets: ['jp', 'us'] } },
      },
      appliedAt: 0,
      generation: 1,
      ...more,
    });
  await put('items-api', 'items', 'deploy');
  await put('likes-api', 'social', 'microservice@2', { templates: { microservice: '2.1.0' } });
  await put('odd', 'social', 'deploy', { definition: { stages: 'of another time' } });
  const version = {
    version: '2.1.0',
    definition: '',
    source: '',
    file: '',
    publishedAt: 0,
    by: 'aki',
    standing: 'released',
  } as const;
  await stores.templates.write({
    key: 'microservice',
    value: { format: 1, name: 'microservice', owner: 'platform', description: 'A web service', versions: [version] },
    expected: 'absent',
  });
});
afterEach(() => stores.close());

const read = (query: { search?: string; limit?: number; after?: string } = {}) =>
  readCatalog(
    {
      ...stores,
      executions: { list: async ({ pipeline }) => executions.filter((one) => one.pipeline === pipeline) },
    },
    { limit: 50, ...query },
  );
const namesOf = async (query: Parameters<typeof read>[0]) => (await read(query)).map(({ name }) => name);

describe('the catalog', () => {
  it('has the templates and pipelines of all teams, with their owners', async () => {
    expect(await read()).toMatchObject([
      { kind: 'template', name: 'microservice', owner: 'platform', released: '2.1.0', users: 1 },
      { kind: 'pipeline', name: 'items-api', owner: 'items', uses: ['deploy'], targets: ['jp', 'us'] },
      { kind: 'pipeline', name: 'likes-api', owner: 'social', templates: { microservice: '2.1.0' } },
      { kind: 'pipeline', name: 'odd', owner: 'social', uses: [] },
    ]);
  });

  it('is searched by every word, in names, owners, images and what is used', async () => {
    expect(await namesOf({ search: 'MICRO service' })).toEqual(['microservice', 'likes-api']);
    expect(await namesOf({ search: 'social likes' })).toEqual(['likes-api']);
    expect(await namesOf({ search: 'acme.dev/items' })).toEqual(['items-api']);
    expect(await namesOf({ search: 'nothing' })).toEqual([]);
  });

  it('goes on after a page', async () => {
    expect(await namesOf({ limit: 2 })).toEqual(['microservice', 'items-api']);
    expect(await namesOf({ limit: 2, after: 'items-api' })).toEqual(['likes-api', 'odd']);
  });

  it('tells how a pipeline ran', async () => {
    const ended = (id: string, end: ExecutionEnd) =>
      executionOf({ id, pipeline: 'items-api', phase: { is: 'ended', end, at: 1, promoted: [] } });
    executions.push(ended('d', 'cancelled'), ended('c', 'failed'), ended('b', 'succeeded'), ended('a', 'succeeded'));
    const [, entry] = await read();
    expect(entry).toMatchObject({
      last: [{ id: 'd', status: 'cancelled' }, { status: 'failed' }, { status: 'succeeded' }, { status: 'succeeded' }],
      successRate: 2 / 3,
    });
  });
});
