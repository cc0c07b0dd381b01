import { describe, expect, it } from 'vitest';
import { gennaker } from '../testing/system.ts';

const item = {
  id: 'items',
  url: 'https://github.com/acme/items',
  branch: 'main',
  folders: ['deploy'],
  team: 'items',
  host: 'github',
  pushSecret: 'git-items-push',
  registeredAt: '2026-03-02T09:00:00.000Z',
  isSyncing: false,
  hook: 'https://cd.example.com/hooks/github/items',
  live: {
    commit: '59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5',
    at: '2026-03-02T09:00:00.000Z',
    pipelines: ['items-api'],
  },
  outcome: null,
};

describe('repositories', () => {
  it('are registered with what was said and no more, and the next step is shown', async () => {
    const { exitCode, stdout, asked } = await gennaker(
      'repositories add items --url https://github.com/acme/items --folder deploy --team items --credentials git-app',
      { 'PUT /api/repositories/items': { body: { change: 'created', repository: item } } },
    );
    expect(exitCode).toBe(0);
    expect(asked[0]?.body).toEqual({
      url: 'https://github.com/acme/items',
      team: 'items',
      branch: 'main',
      folders: ['deploy'],
      credentials: 'git-app',
    });
    expect(stdout).toBe(
      [
        'items  created: main of https://github.com/acme/items, deploy, for the team items',
        '  pushes are told to  https://cd.example.com/hooks/github/items',
        '  and are verified by the secret git-items-push',
        '',
        'Bring it in now:  gennaker repositories sync items',
        '',
      ].join('\n'),
    );
  });

  it('need an id, a URL and a team', async () => {
    const { exitCode, stderr } = await gennaker('repositories add items --team items');
    expect(exitCode).toBe(2);
    expect(stderr).toContain('"repositories add" needs an id, --url and --team.');
  });

  it('are listed, and one of them is shown with why it was refused', async () => {
    const answers = {
      'GET /api/repositories': {
        body: {
          items: [
            {
              ...item,
              outcome: {
                is: 'refused',
                commit: item.live.commit,
                at: item.live.at,
                lines: ['deploy/a.yaml:3:7  needs "aprove": no such stage'],
              },
            },
          ],
        },
      },
    };
    const list = await gennaker('get repositories', answers);
    expect(list.stdout).toMatch(/^REPOSITORY +TEAM +LIVE +LAST LOOK +WHERE\nitems +items +59b20b8 +refused /);
    const one = await gennaker('repositories list items', answers);
    expect(one.stdout).toContain('  live       59b20b8: items-api\n');
    expect(one.stdout).toContain('    deploy/a.yaml:3:7  needs "aprove": no such stage\n');
  });

  it('are synced, and the end is told', async () => {
    const record = {
      id: 'sync-items-manual-1',
      receivedAt: item.live.at,
      source: 'github',
      text: 'commit 59b20b8 of items is live',
      changes: ['items-api changed'],
      verdicts: [],
    };
    const asking = {
      'POST /api/repositories/items/sync': { status: 202, body: { event: 'manual-1', record: record.id } },
    };
    const synced = await gennaker('repositories sync items', {
      ...asking,
      'GET /api/events/sync-items-manual-1': [
        { status: 404, body: { error: { code: 'not-found' } } },
        { body: record },
      ],
    });
    expect(synced).toMatchObject({ exitCode: 0, stdout: 'commit 59b20b8 of items is live\n  items-api changed\n' });

    const { changes: _, ...entry } = { ...record, refused: 'deploy/a.yaml:1:1  is not YAML\nNothing was changed.' };
    const refused = await gennaker('repositories sync items', {
      ...asking,
      'GET /api/events/sync-items-manual-1': { body: entry },
    });
    expect(refused.exitCode).toBe(1);
    expect(refused.stdout).toContain('deploy/a.yaml:1:1  is not YAML\nNothing was changed.\n');
  });

  it('are removed', async () => {
    const { stdout } = await gennaker('repositories remove items', {
      'DELETE /api/repositories/items': { body: { removed: 'items' } },
    });
    expect(stdout).toBe('items is not registered any more. Its pipelines stay, and may be applied by hand.\n');
  });
});

describe('teams', () => {
  it('get what is said, and their own name where nothing is', async () => {
    const team = { name: 'items', pipelines: ['items-*'], targets: ['jp'], namespaces: ['items'] };
    const { stdout, asked } = await gennaker('teams set items --target jp', {
      'PUT /api/teams/items': { body: { change: 'created', team } },
    });
    const { name: _, ...sent } = team;
    expect(asked[0]?.body).toEqual(sent);
    expect(stdout).toBe('items  created: pipelines items-*; targets jp; namespaces items\n');
  });

  it('are listed', async () => {
    const team = { name: 'items', pipelines: ['items-*'], targets: ['jp', 'us'], namespaces: ['items'] };
    const { stdout } = await gennaker('get teams', { 'GET /api/teams': { body: { items: [team] } } });
    expect(stdout).toBe('TEAM   PIPELINES  TARGETS  NAMESPACES\nitems  items-*    jp us    items\n');
  });
});
