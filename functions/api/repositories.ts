/** The routes of repositories and teams: what is registered, and syncing it now. */
import { z } from 'zod';
import type { ListedCells } from '../../shared/ports/cells.ts';
import type { Repository, Team } from '../../shared/ports/repositories.ts';
import { timestamp } from '../../shared/use-cases/describe-execution.ts';
import type { RegisterCommand, Registered } from '../../shared/use-cases/repositories.ts';
import type { SyncRequested } from '../../shared/use-cases/request-sync.ts';
import { MAXIMUM_LIMIT, UNNAMED } from './executions.ts';
import { json, Refusal, readBody, readQuery } from './http.ts';
import type { Route } from './router.ts';

export type RepositoryCommands = {
  readonly repositories: Pick<ListedCells<Repository>, 'list'>;
  readonly teams: Pick<ListedCells<Team>, 'list'>;
  readonly registerRepository: (command: RegisterCommand) => Promise<Registered>;
  readonly removeRepository: (command: { id: string }) => Promise<boolean>;
  readonly requestSync: (command: { id: string; requestId: string; by: string }) => Promise<SyncRequested>;
  readonly setTeam: (command: Omit<Team, 'format'>) => Promise<'created' | 'changed'>;
  readonly removeTeam: (command: {
    name: string;
  }) => Promise<{ readonly is: 'removed' | 'unknown' } | { readonly is: 'refused'; readonly text: string }>;
};

/** A registration as the API shows it. Secrets are names here as everywhere. */
export type RepositoryDescription = Omit<Repository, 'format' | 'registeredAt' | 'claim' | 'live' | 'outcome'> & {
  /** ISO 8601, UTC. */
  readonly registeredAt: string;
  readonly isSyncing: boolean;
  /** Where pushes are to be told. */
  readonly hook: string;
  readonly live: { readonly commit: string; readonly at: string; readonly pipelines: readonly string[] } | null;
  readonly outcome: {
    readonly is: 'synced' | 'unchanged' | 'refused';
    readonly commit: string;
    readonly at: string;
    readonly lines: readonly string[];
  } | null;
};

const MAXIMUM_FOLDERS = 50;
const MAXIMUM_PATTERNS = 200;
const name = z.string().regex(/^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/, 'must be lower-case letters, digits and "-"');
/** Only secrets that are meant for repositories can be named, so that no registration sends another to a host of its choice. */
const secret = z.string().regex(/^git-[a-z0-9-]{1,100}$/, 'must be the name of a secret that begins with "git-"');
const folder = z
  .string()
  .max(500)
  .refine((path) => !path.startsWith('/') && !path.split('/').includes('..'), 'must be a path inside the repository');
const pattern = z.string().regex(/^[a-z0-9*-]{1,100}$/, 'must be lower-case letters, digits, "-" and "*"');
const patterns = z.array(pattern).max(MAXIMUM_PATTERNS).default([]);

const RegisterBody = z.strictObject({
  url: z.string().min(1).max(1_000),
  branch: z
    .string()
    .regex(/^(?!-)(?!.*\.\.)[\w./-]{1,200}$/, 'must be the name of a branch')
    .default('main'),
  folders: z.array(folder).min(1).max(MAXIMUM_FOLDERS).default(['']),
  team: name,
  host: z.enum(['github', 'git']).optional(),
  pushSecret: secret.optional(),
  credentials: secret.optional(),
});
const SyncBody = z.strictObject({
  requestId: z.string().min(1).max(200),
  by: z.string().trim().min(1).max(200).default(UNNAMED),
});
const TeamBody = z.strictObject({ pipelines: patterns, targets: patterns, namespaces: patterns });
const ListQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(MAXIMUM_LIMIT).default(MAXIMUM_LIMIT),
  after: z.string().min(1).max(200).optional(),
});

export function repositoryRoutes(commands: RepositoryCommands, baseUrl: string): readonly Route[] {
  const idOf = (given: string | undefined): string => {
    const parsed = name.safeParse(given);
    if (parsed.success) return parsed.data;
    throw new Refusal(400, 'invalid-name', `"${given}" is no name: it must be lower-case letters, digits and "-".`);
  };
  const unknown = (id: string) =>
    new Refusal(404, 'not-found', `No repository "${id}" is registered; gennaker get repositories lists them.`);
  return [
    {
      method: 'GET',
      pattern: '/api/repositories',
      access: 'holder',
      async handle(request) {
        const { limit, after } = readQuery(request, ListQuery);
        const found = await commands.repositories.list({ limit, ...(after !== undefined && { after }) });
        return json(200, { items: found.map(({ value }) => describeRepository(value, baseUrl)) });
      },
    },
    {
      method: 'PUT',
      pattern: '/api/repositories/:id',
      access: 'holder',
      async handle(request) {
        const id = idOf(request.parameters.id);
        const answer = await commands.registerRepository({ id, ...(await readBody(request, RegisterBody)) });
        if (answer.is === 'refused') throw new Refusal(422, 'invalid-repository', `${answer.text}.`);
        return json(200, { change: answer.change, repository: describeRepository(answer.repository, baseUrl) });
      },
    },
    {
      method: 'DELETE',
      pattern: '/api/repositories/:id',
      access: 'holder',
      async handle(request) {
        const id = idOf(request.parameters.id);
        if (!(await commands.removeRepository({ id }))) throw unknown(id);
        return json(200, { removed: id });
      },
    },
    {
      method: 'POST',
      pattern: '/api/repositories/:id/sync',
      access: 'holder',
      async handle(request) {
        const id = idOf(request.parameters.id);
        const answer = await commands.requestSync({ id, ...(await readBody(request, SyncBody)) });
        if (answer.is === 'unknown') throw unknown(id);
        return json(202, { event: answer.event, record: answer.record });
      },
    },
    {
      method: 'GET',
      pattern: '/api/teams',
      access: 'holder',
      async handle(request) {
        const { limit, after } = readQuery(request, ListQuery);
        const found = await commands.teams.list({ limit, ...(after !== undefined && { after }) });
        return json(200, { items: found.map(({ value: { format: _, ...team } }) => team) });
      },
    },
    {
      method: 'PUT',
      pattern: '/api/teams/:name',
      access: 'holder',
      async handle(request) {
        const team = { name: idOf(request.parameters.name), ...(await readBody(request, TeamBody)) };
        return json(200, { change: await commands.setTeam(team), team });
      },
    },
    {
      method: 'DELETE',
      pattern: '/api/teams/:name',
      access: 'holder',
      async handle(request) {
        const team = idOf(request.parameters.name);
        const answer = await commands.removeTeam({ name: team });
        if (answer.is === 'unknown') throw new Refusal(404, 'not-found', `There is no team "${team}".`);
        if (answer.is === 'refused') throw new Refusal(409, 'in-use', `${answer.text}.`);
        return json(200, { removed: team });
      },
    },
  ];
}

function describeRepository(repository: Repository, baseUrl: string): RepositoryDescription {
  const { format: _, registeredAt, claim, live, outcome, ...rest } = repository;
  return {
    ...rest,
    registeredAt: timestamp(registeredAt),
    isSyncing: claim !== undefined,
    hook: `${baseUrl}/hooks/${repository.host}/${repository.id}`,
    live: live === undefined ? null : { ...live, at: timestamp(live.at) },
    outcome:
      outcome === undefined
        ? null
        : { is: outcome.is, commit: outcome.commit, at: timestamp(outcome.at), lines: outcome.lines },
  };
}
