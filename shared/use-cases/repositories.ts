/** Registers repositories and teams: what is bound to whom, and which secrets stand for it. */
import { repositoryKey } from '../git/repository-key.ts';
import { didYouMean } from '../pipeline/nearest.ts';
import type { Cells, ListedCells } from '../ports/cells.ts';
import type { Clock } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';
import type { RepositoriesOfUrl, Repository, Team } from '../ports/repositories.ts';
import { untilCommitted } from './engine.ts';

export type RepositoryPorts = {
  readonly repositories: ListedCells<Repository>;
  readonly repositoryUrls: Cells<RepositoriesOfUrl>;
  readonly teams: ListedCells<Team>;
  readonly clock: Clock;
  readonly random: Random;
};

/** Registrations of one URL. */
const MAXIMUM_OF_URL = 200;
const MAXIMUM_TEAMS_LOOKED_THROUGH = 1_000;

export type RegisterCommand = {
  readonly id: string;
  readonly url: string;
  readonly branch: string;
  readonly folders: readonly string[];
  readonly team: string;
  readonly host?: 'github' | 'git' | undefined;
  readonly pushSecret?: string | undefined;
  readonly credentials?: string | undefined;
};

export type Registered =
  | { readonly is: 'registered'; readonly change: 'created' | 'changed' | 'unchanged'; readonly repository: Repository }
  | { readonly is: 'refused'; readonly text: string };

/** Registers, or changes what is registered under the id. What is live of it stays until the next sync. */
export async function registerRepository(ports: RepositoryPorts, command: RegisterCommand): Promise<Registered> {
  const url = command.url.replace(/\/+$/, '');
  const key = repositoryKey(url);
  const parsed = URL.parse(url);
  if (key === undefined || parsed === null)
    return { is: 'refused', text: `"${url}" is not the http(s) URL of a repository` };
  if (parsed.username !== '' || parsed.password !== '') {
    const text = 'the URL holds credentials; store them as a secret, and name it with --credentials';
    return { is: 'refused', text };
  }
  if (parsed.search !== '' || parsed.hash !== '') return { is: 'refused', text: `"${url}" has more than a path` };
  if ((await ports.teams.read({ key: command.team })) === undefined) {
    const known = (await ports.teams.list({ limit: MAXIMUM_TEAMS_LOOKED_THROUGH })).map((team) => team.key);
    const hint = didYouMean(command.team, known) || `; make it: gennaker teams set ${command.team}`;
    return { is: 'refused', text: `there is no team "${command.team}"${hint}` };
  }
  const isListed = await changeUrl(ports, key, (ids) => [...new Set([...ids, command.id])]);
  if (!isListed)
    return { is: 'refused', text: `${url} is registered ${MAXIMUM_OF_URL} times; that is as often as it may be` };
  return untilCommitted(ports, `registering ${command.id}`, async () => {
    const before = await ports.repositories.read({ key: command.id });
    const wanted = {
      url,
      branch: command.branch,
      folders: command.folders.map(normalFolder),
      team: command.team,
      host: command.host ?? (parsed.hostname === 'github.com' ? ('github' as const) : ('git' as const)),
      pushSecret: command.pushSecret ?? `git-${command.id}-push`,
      ...(command.credentials === undefined ? {} : { credentials: command.credentials }),
    };
    if (before !== undefined && isSame(before.value, wanted)) {
      return { is: 'registered', change: 'unchanged', repository: before.value };
    }
    const { live, claim } = before?.value ?? {};
    const repository: Repository = {
      format: 1,
      id: command.id,
      ...wanted,
      registeredAt: ports.clock.now(),
      ...(claim === undefined ? {} : { claim }),
      // The commit that is live was read under another registration, so the next sync reads it again.
      ...(live === undefined ? {} : { live: { ...live, commit: '' } }),
    };
    const expected = before?.version ?? 'absent';
    if ((await ports.repositories.write({ key: command.id, value: repository, expected })) === 'conflict')
      return 'conflict';
    return { is: 'registered', change: before === undefined ? 'created' : 'changed', repository };
  });
}

function isSame(before: Repository, wanted: Omit<Repository, 'format' | 'id' | 'registeredAt'>): boolean {
  const { url, branch, folders, team, host, pushSecret, credentials } = before;
  const now = { url, branch, folders, team, host, pushSecret, ...(credentials === undefined ? {} : { credentials }) };
  return JSON.stringify(now) === JSON.stringify(wanted);
}

/** `deploy/items` of `/deploy/items/`; `''` of `.`. */
function normalFolder(folder: string): string {
  return folder
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/');
}

/** Its pipelines stay live, and from then on may be applied by hand. False where there is none of that id. */
export async function removeRepository(ports: RepositoryPorts, { id }: { id: string }): Promise<boolean> {
  return untilCommitted(ports, `removing ${id}`, async () => {
    const before = await ports.repositories.read({ key: id });
    if (before === undefined) return false;
    if ((await ports.repositories.delete({ key: id, expected: before.version })) === 'conflict') return 'conflict';
    const key = repositoryKey(before.value.url);
    if (key !== undefined) await changeUrl(ports, key, (ids) => ids.filter((one) => one !== id));
    return true;
  });
}

/** The registrations that an event is about: the one that it names, or all of its URL. */
export async function repositoriesOf(
  ports: Pick<RepositoryPorts, 'repositories' | 'repositoryUrls'>,
  query: { readonly repository?: string | undefined; readonly registered?: string | undefined },
): Promise<readonly Repository[]> {
  const { repository, registered } = query;
  const ofUrl = repository === undefined ? undefined : await ports.repositoryUrls.read({ key: repository });
  const ids = registered === undefined ? (ofUrl?.value.ids ?? []) : [registered];
  const found = await Promise.all(ids.map((id) => ports.repositories.read({ key: id })));
  return found.flatMap((one) => {
    if (one === undefined) return [];
    // The index may be older than the registration, and a secret speaks for its own repository alone.
    const isThis = repository === undefined || repositoryKey(one.value.url) === repository;
    return isThis ? [one.value] : [];
  });
}

async function changeUrl(
  ports: RepositoryPorts,
  key: string,
  change: (ids: readonly string[]) => readonly string[],
): Promise<boolean> {
  return untilCommitted(ports, `listing the registrations of ${key}`, async () => {
    const before = await ports.repositoryUrls.read({ key });
    const ids = change(before?.value.ids ?? []);
    if (ids.length > MAXIMUM_OF_URL) return false;
    const value: RepositoriesOfUrl = { format: 1, ids };
    const written = await ports.repositoryUrls.write({ key, value, expected: before?.version ?? 'absent' });
    return written === 'conflict' ? 'conflict' : true;
  });
}

/** Sets what a team may use. Pipelines that are live are not looked at again; what they start is. */
export async function setTeam(
  ports: Pick<RepositoryPorts, 'teams' | 'clock' | 'random'>,
  command: Omit<Team, 'format'>,
): Promise<'created' | 'changed'> {
  return untilCommitted(ports, `setting the team ${command.name}`, async () => {
    const before = await ports.teams.read({ key: command.name });
    const value: Team = { format: 1, ...command };
    const expected = before?.version ?? 'absent';
    if ((await ports.teams.write({ key: command.name, value, expected })) === 'conflict') return 'conflict';
    return before === undefined ? 'created' : 'changed';
  });
}

/** Refuses while a repository is bound to it. */
export async function removeTeam(
  ports: RepositoryPorts,
  { name }: { name: string },
): Promise<{ readonly is: 'removed' | 'unknown' } | { readonly is: 'refused'; readonly text: string }> {
  let after: string | undefined;
  for (;;) {
    const page = await ports.repositories.list({ limit: PAGE, ...(after === undefined ? {} : { after }) });
    const bound = page.find(({ value }) => value.team === name);
    if (bound !== undefined) return { is: 'refused', text: `the repository ${bound.key} is bound to the team ${name}` };
    after = page.at(-1)?.key;
    if (page.length < PAGE || after === undefined) break;
  }
  return untilCommitted(ports, `removing the team ${name}`, async () => {
    const before = await ports.teams.read({ key: name });
    if (before === undefined) return { is: 'unknown' as const };
    const deleted = await ports.teams.delete({ key: name, expected: before.version });
    return deleted === 'conflict' ? 'conflict' : { is: 'removed' as const };
  });
}

const PAGE = 200;
