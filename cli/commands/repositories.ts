/** `gennaker repositories` and `gennaker teams`: what is registered, for whom, and what came of its last commit. */
import { randomUUID } from 'node:crypto';
import type { RepositoryDescription } from '../../functions/api/repositories.ts';
import type { TeamDescription } from '../api.ts';
import { type Context, currentUser } from '../context.ts';
import { CommandFailure, EXIT, type ExitCode, UsageError } from '../failure.ts';
import { renderTable } from '../render/table.ts';
import { poll } from '../requests.ts';
import { painter } from '../terminal.ts';
import { ago } from '../text.ts';

const SHORT_COMMIT = 7;

export type AddOptions = {
  readonly url?: string;
  readonly branch: string;
  readonly folder?: readonly string[];
  readonly team?: string;
  readonly host?: 'github' | 'git';
  readonly secret?: string;
  readonly credentials?: string;
};

export async function addRepository(context: Context, id: string | undefined, options: AddOptions): Promise<void> {
  const { url, team, branch, folder, host, secret, credentials } = options;
  if (id === undefined || url === undefined || team === undefined) {
    throw new UsageError('"repositories add" needs an id, --url and --team.');
  }
  const api = await context.api();
  const answer = await api.registerRepository(id, {
    url,
    team,
    branch,
    ...(folder === undefined ? {} : { folders: [...folder] }),
    ...(host === undefined ? {} : { host }),
    ...(secret === undefined ? {} : { pushSecret: secret }),
    ...(credentials === undefined ? {} : { credentials }),
  });
  context.result(answer, () => [
    `${id}  ${answer.change}: ${placesOf(answer.repository)}, for the team ${team}`,
    `  pushes are told to  ${answer.repository.hook}`,
    `  and are verified by the secret ${answer.repository.pushSecret}`,
    '',
    `Bring it in now:  gennaker repositories sync ${id}`,
  ]);
}

export async function listRepositories(context: Context, id: string | undefined): Promise<void> {
  const api = await context.api();
  const list = await api.repositories();
  if (id !== undefined) {
    const found = list.items.find((item) => item.id === id);
    if (found === undefined) throw new CommandFailure(`No repository "${id}" is registered.`);
    context.result(found, () => repositoryLines(context, found));
    return;
  }
  context.result(list, () => {
    if (list.items.length === 0) {
      return ['No repository is registered yet. Register one:  gennaker repositories add ID --url URL --team TEAM'];
    }
    const { now, width, colour } = context.view();
    const [head = '', ...rows] = renderTable(
      ['REPOSITORY', 'TEAM', 'LIVE', 'LAST LOOK', 'WHERE'],
      list.items.map((item) => [item.id, item.team, liveOf(item), lookOf(item, now), placesOf(item)]),
      width,
    );
    return [painter(colour)('quiet', head), ...rows];
  });
}

function repositoryLines(context: Context, item: RepositoryDescription): string[] {
  const { now } = context.view();
  const pipelines = item.live?.pipelines ?? [];
  return [
    `${item.id}   ${placesOf(item)}, for the team ${item.team}`,
    `  live       ${liveOf(item)}${pipelines.length === 0 ? '' : `: ${pipelines.join(', ')}`}`,
    `  last look  ${lookOf(item, now)}`,
    ...(item.outcome?.lines ?? []).map((line) => `    ${line}`),
    `  hook       ${item.hook}, verified by the secret ${item.pushSecret}`,
  ];
}

function placesOf({ url, branch, folders }: RepositoryDescription): string {
  const inside = folders.map((folder) => (folder === '' ? 'all of it' : folder)).join(', ');
  return `${branch} of ${url}, ${inside}`;
}

function liveOf({ live }: RepositoryDescription): string {
  if (live === null) return 'nothing';
  return live.commit === '' ? 'being registered anew' : live.commit.slice(0, SHORT_COMMIT);
}

function lookOf({ outcome, isSyncing }: RepositoryDescription, now: number): string {
  if (isSyncing) return 'now';
  return outcome === null ? 'never' : `${outcome.is} ${ago(Date.parse(outcome.at), now)}`;
}

export async function removeRepository(context: Context, id: string | undefined): Promise<void> {
  if (id === undefined) throw new UsageError('"repositories remove" needs an id.');
  const api = await context.api();
  await api.removeRepository(id);
  context.result({ removed: id }, () => [
    `${id} is not registered any more. Its pipelines stay, and may be applied by hand.`,
  ]);
}

/** Syncs now and tells what came of it. */
export async function syncRepository(context: Context, id: string | undefined): Promise<ExitCode> {
  if (id === undefined) throw new UsageError('"repositories sync" needs an id.');
  const api = await context.api();
  const { record } = await api.syncRepository(id, { requestId: randomUUID(), by: currentUser() });
  const entry = await poll(context, () => api.event(record), `The sync of ${id} was asked for, but did not end`);
  context.result(entry, () => [
    entry.text,
    ...(entry.changes ?? []).map((line) => `  ${line}`),
    ...(entry.refused === undefined ? [] : [entry.refused]),
  ]);
  return entry.refused === undefined ? EXIT.success : EXIT.failure;
}

export type TeamOptions = {
  readonly pipelines?: readonly string[];
  readonly targets?: readonly string[];
  readonly namespaces?: readonly string[];
};

export async function setTeam(context: Context, name: string | undefined, options: TeamOptions): Promise<void> {
  if (name === undefined) throw new UsageError('"teams set" needs the name of a team.');
  const api = await context.api();
  const { pipelines = [`${name}-*`], targets = [], namespaces = [name] } = options;
  const answer = await api.setTeam(name, {
    pipelines: [...pipelines],
    targets: [...targets],
    namespaces: [...namespaces],
  });
  context.result(answer, () => [`${name}  ${answer.change}: ${mayUse(answer.team)}`]);
}

export async function listTeams(context: Context, name: string | undefined): Promise<void> {
  const api = await context.api();
  const list = await api.teams();
  if (name !== undefined) {
    const found = list.items.find((item) => item.name === name);
    if (found === undefined) throw new CommandFailure(`There is no team "${name}".`);
    context.result(found, () => [`${found.name}  ${mayUse(found)}`]);
    return;
  }
  context.result(list, () => {
    if (list.items.length === 0) return ['There is no team yet. Make one:  gennaker teams set NAME --target TARGET'];
    const { width, colour } = context.view();
    const [head = '', ...rows] = renderTable(
      ['TEAM', 'PIPELINES', 'TARGETS', 'NAMESPACES'],
      list.items.map(({ name: team, pipelines, targets, namespaces }) => [
        team,
        pipelines.join(' '),
        targets.join(' '),
        namespaces.join(' '),
      ]),
      width,
    );
    return [painter(colour)('quiet', head), ...rows];
  });
}

function mayUse({ pipelines, targets, namespaces }: TeamDescription): string {
  const of = (names: readonly string[]): string => (names.length === 0 ? 'none' : names.join(', '));
  return `pipelines ${of(pipelines)}; targets ${of(targets)}; namespaces ${of(namespaces)}`;
}

export async function removeTeam(context: Context, name: string | undefined): Promise<void> {
  if (name === undefined) throw new UsageError('"teams remove" needs the name of a team.');
  const api = await context.api();
  await api.removeTeam(name);
  context.result({ removed: name }, () => [`${name} is no team any more.`]);
}
