import { describe, expect, it } from 'vitest';
import type { EventDescription } from '../api.ts';
import { ENTRY } from '../testing/executions.ts';
import { gennaker, gennakerAt, startSystem } from '../testing/system.ts';
import { digestOf } from './push.ts';

describe('push', () => {
  const image = 'asia-northeast1-docker.pkg.dev/acme/items/items-api:1.3.0';
  const repository = 'asia-northeast1-docker.pkg.dev/acme/items/items-api';

  /** A system whose inbox holds what the notification became, with these verdicts. */
  async function push(verdicts: EventDescription['verdicts']) {
    const inbox: EventDescription[] = [];
    await using system = await startSystem({
      'POST /hooks/docker-distribution': { status: 202, body: {} },
      'GET /api/events?limit=50': [
        { body: { items: [] } },
        {
          get body() {
            const sent = system.asked[0]?.body as { events: { id: string }[] };
            inbox.push({
              ...ENTRY,
              id: `docker-distribution-${sent.events[0]?.id}`,
              source: 'docker-distribution',
              verdicts,
            });
            return { items: inbox };
          },
        },
      ],
    });
    return await gennakerAt(system, `push ${image}`);
  }

  it('sends what a registry sends, and says what came of it', async () => {
    const { exitCode, stdout, asked } = await push(ENTRY.verdicts);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('  items-api   started execution 7f3k2ab\n\nFollow it:  gennaker watch 7f3k2ab\n');
    expect(asked[0]).toMatchObject({
      authorization: 'Bearer hook-secret',
      contentType: 'application/vnd.docker.distribution.events.v2+json',
      body: {
        events: [
          {
            action: 'push',
            target: {
              repository: 'acme/items/items-api',
              tag: '1.3.0',
              digest: digestOf({ repository, tag: '1.3.0' }),
            },
            request: { host: 'asia-northeast1-docker.pkg.dev' },
          },
        ],
      },
    });
  });

  it('says why nothing started', async () => {
    const text = 'semver ">=2" does not take 1.3.0';
    const { exitCode, stdout } = await push([{ is: 'filtered', pipeline: 'items-api', trigger: 0, text }]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`  items-api   did not start: ${text}\n\nNothing was started for ${repository}.\n`);
    expect((await push([])).stdout).toContain('No pipeline looks at such events.');
  });

  it('fails where a pipeline could not start', async () => {
    const { exitCode, stderr } = await push([
      { is: 'failed', pipeline: 'items-api', trigger: 0, text: 'no manifests' },
    ]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: 'items-api did not start: no manifests\n' });
  });

  it('has the same digest for the same tag, and another for another', () => {
    const digest = digestOf({ repository, tag: '1.3.0' });
    expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/u);
    expect(digestOf({ repository, tag: '1.3.0' })).toBe(digest);
    expect(digestOf({ repository, tag: '1.3.1' })).not.toBe(digest);
  });
});

describe('events', () => {
  const entries = [
    {
      ...ENTRY,
      id: 'docker-distribution-3c1e9a04',
      source: 'docker-distribution',
      text: 'image items-api:1.3.0 pushed',
    },
    {
      ...ENTRY,
      id: 'docker-distribution-3c1e9b05',
      source: 'docker-distribution',
      text: 'image web:2 pushed',
      verdicts: [],
    },
    {
      ...ENTRY,
      id: 'refused-77',
      source: 'docker-hub',
      text: 'a delivery',
      verdicts: [],
      refused: 'the secret is wrong',
    },
  ];
  const answers = {
    'GET /api/events?limit=20': { body: { items: entries } },
    'GET /api/events?limit=200': { body: { items: entries } },
  };

  it('are listed with what came of them', async () => {
    expect((await gennaker('events', answers)).stdout).toMatchInlineSnapshot(`
      "ID       ARRIVED   EVENT                         WHAT CAME OF IT
      3c1e9a0  just now  image items-api:1.3.0 pushed  started 7f3k2ab of items-api
      3c1e9b0  just now  image web:2 pushed            no pipeline looks at it
      refused  just now  a delivery                    refused: the secret is wrong
      "
    `);
    expect(JSON.parse((await gennaker('get events -o json', answers)).stdout)).toEqual({ items: entries });
  });

  it('are shown by any unique beginning of their ids', async () => {
    expect((await gennaker('events show 3c1e9a', answers)).stdout).toContain('items-api   started execution 7f3k2ab');
    expect((await gennaker('events show docker-distribution-3c1e9b', answers)).stdout).toContain('image web:2 pushed');
    expect((await gennaker('events show 3c1', answers)).stderr).toContain('is the beginning of several events');
    expect((await gennaker('events show zzz', answers)).exitCode).toBe(1);
  });
});
