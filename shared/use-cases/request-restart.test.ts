import { describe, expect, it } from 'vitest';
import { type EngineBench, openBench, scripted } from '../../test/support/engine-bench.ts';
import type { Plan } from '../core/plan.ts';
import type { InboxEntry } from '../ports/inbox.ts';
import type { AppliedPipeline } from '../ports/pipelines.ts';
import type { Repository, Team } from '../ports/repositories.ts';
import { requestRestart } from './request-restart.ts';

const TEAM: Team = { format: 1, name: 'items', pipelines: ['items-*'], targets: ['*'], namespaces: ['items'] };
const REPOSITORY: Repository = {
  format: 1,
  id: 'items',
  url: 'https://git.example.com/items.git',
  branch: 'main',
  folders: [''],
  team: 'items',
  host: 'git',
  pushSecret: 'git-items-push',
  registeredAt: 0,
};
const MANAGED = {
  format: 1,
  name: 'items-api',
  team: 'items',
  file: 'gennaker.yaml',
  definition: {},
  appliedAt: 0,
  generation: 1,
  managed: { repository: 'items', commit: 'a'.repeat(40) },
} as const satisfies AppliedPipeline;

type World = { readonly pipeline?: AppliedPipeline; readonly team?: Team };

function portsOf(bench: EngineBench, { pipeline, team }: World = {}) {
  const entries: InboxEntry[] = [];
  const ports = {
    ...bench.engine,
    inbox: { record: async ({ entry }: { entry: InboxEntry }) => void entries.push(entry) },
    pipelines: { get: async () => pipeline },
    repositories: { read: async () => ({ value: REPOSITORY, version: '1' }) },
    teams: {
      read: async ({ key }: { key: string }) =>
        team === undefined || key !== team.name ? undefined : { value: team, version: '1' },
    },
  };
  return { ports, entries };
}

const ended = async (bench: EngineBench, plan: Partial<Plan> = {}) => {
  await bench.start('e1', { namespace: 'items', ...plan, stages: [scripted('build', ['fail'])] });
  await bench.settle();
};
const command = { id: 'e1', by: 'Aki' };

it('a restart stands in the inbox under its event, so that whoever asked sees what came of it', async () => {
  await using bench = openBench();
  await ended(bench);
  const { ports, entries } = portsOf(bench);
  const answer = await requestRestart(ports, command);
  if (answer.is !== 'accepted') throw new Error(answer.is);
  expect(entries).toMatchObject([
    {
      id: answer.event,
      text: 'Aki asked for a restart of e1',
      verdicts: [{ is: 'started', pipeline: 'items-api', execution: answer.execution }],
    },
  ]);
  expect(await requestRestart(ports, { id: 'nowhere', by: 'Aki' })).toEqual({ is: 'unknown' });
});

describe("a restart of a team's pipeline", () => {
  it('runs while the team may do all that was planned', async () => {
    await using bench = openBench();
    await ended(bench, { namespaces: ['items'] });
    const team = { ...TEAM, namespaces: ['items', 'items-*'] };
    expect(await requestRestart(portsOf(bench, { pipeline: MANAGED, team }).ports, command)).toMatchObject({
      is: 'accepted',
    });
  });

  it.each([
    ['its namespace was taken from the team', ['items'], { ...TEAM, namespaces: ['other'] }, /"items" is not among/],
    ['another namespace was', ['items', 'shop'], TEAM, /when its team could use other namespaces/],
    ['it was planned without a team', undefined, TEAM, /before it was held to a team/],
    ['the team is gone', ['items'], undefined, /there is no such team any more/],
  ])('is refused where %s', async (_, namespaces, team, text) => {
    await using bench = openBench();
    await ended(bench, namespaces === undefined ? {} : { namespaces });
    const { ports, entries } = portsOf(bench, { pipeline: MANAGED, ...(team === undefined ? {} : { team }) });
    expect(await requestRestart(ports, command)).toEqual({ is: 'refused', text: expect.stringMatching(text) });
    expect(entries).toEqual([]);
  });

  it('is refused where the repository has it no more', async () => {
    await using bench = openBench();
    await ended(bench, { namespaces: ['items'] });
    expect(await requestRestart(portsOf(bench, { team: TEAM }).ports, command)).toEqual({
      is: 'refused',
      text: expect.stringMatching(/was removed from its repository/),
    });
  });
});
