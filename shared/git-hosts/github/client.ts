/** GitHub's REST API as reviews need it: pull requests, one comment, one check; as an App or with a token. */
import { SignJWT } from 'jose';
import { z } from 'zod';
import type { Credentials } from '../../git/credentials.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Repository } from '../../ports/repositories.ts';
import { HttpRefused } from '../../stages/http-client.ts';
import type { HttpClient } from '../../stages/kind.ts';
import { type Asking, ask, askAll, GitHubError, PAGE_SIZE } from './request.ts';

export const GITHUB_API_URL = 'https://api.github.com';
/** Of the summary of a check; a comment may have one more. */
export const MAXIMUM_TEXT_CHARACTERS = 65_535;
/** Each file comes with its difference, so a page of a hundred could be larger than what is read. */
const FILES_PAGE_SIZE = 30;
const JWT_SECONDS = 540;
/** The clocks of two machines differ. */
const CLOCK_SKEW_SECONDS = 60;
/** A token is made anew before it ends in the middle of a request. */
const TOKEN_MARGIN_MS = 5 * 60_000;

export type PullRequest = {
  readonly isOpen: boolean;
  /** The commit that its branch stands at. */
  readonly head: string;
  /** The branch that it is to be merged into. */
  readonly base: string;
  readonly isFork: boolean;
};

export type Conclusion = 'success' | 'failure' | 'neutral';
export type CheckText = { readonly title: string; readonly summary: string };
export type Comment = { readonly id: number; readonly body: string };

/** One repository, by one set of credentials. Every method throws GitHubError. */
export interface GitHubClient {
  /** What Git takes as password beside the user `x-access-token`. */
  token(signal: AbortSignal): Promise<string>;
  pullRequest(query: { number: number; signal: AbortSignal }): Promise<PullRequest>;
  /** The paths that it changes, old names included; undefined where there are more than GitHub tells of. */
  pullRequestPaths(query: { number: number; signal: AbortSignal }): Promise<readonly string[] | undefined>;
  /** The oldest comment of our own that begins with the tag. */
  findComment(query: { number: number; tag: string; signal: AbortSignal }): Promise<Comment | undefined>;
  createComment(command: { number: number; body: string; signal: AbortSignal }): Promise<Comment>;
  /** Undefined where somebody has deleted it. */
  updateComment(command: { id: number; body: string; signal: AbortSignal }): Promise<Comment | undefined>;
  /**
   * Shows the conclusion on the commit: as a check where an App asks, else as a commit status, because GitHub takes
   * checks from Apps only. There is one for each commit and name. Returns the check's id, 0 for a status.
   */
  conclude(command: {
    commit: string;
    name: string;
    conclusion: Conclusion;
    text: CheckText;
    detailsUrl: string;
    signal: AbortSignal;
  }): Promise<number>;
}

/** Clients by repository. Tokens of Apps are kept until shortly before they end. */
export type GitHubClients = { of(repository: Repository, credentials: Credentials): GitHubClient };

type Token = { readonly value: string; readonly until: number };

export function gitHubClients(options: {
  readonly http: HttpClient;
  readonly clock: Clock;
  readonly apiUrl?: string | undefined;
}): GitHubClients {
  const asking: Asking = {
    http: options.http,
    clock: options.clock,
    apiUrl: (options.apiUrl ?? GITHUB_API_URL).replace(/\/+$/, ''),
  };
  const tokens = new Map<string, Token>();
  return { of: (repository, credentials) => clientOf(asking, tokens, repository, credentials) };
}

const pullRequest = z.object({
  state: z.enum(['open', 'closed']),
  head: z.object({ sha: z.string(), repo: z.object({ full_name: z.string() }).nullable() }),
  base: z.object({ ref: z.string(), repo: z.object({ full_name: z.string() }) }),
});
const file = z.object({ filename: z.string(), previous_filename: z.string().optional() });
const comment = z.object({ id: z.int(), body: z.string().nullish(), user: z.object({ login: z.string() }).nullable() });
const check = z.object({ id: z.int() });
const checks = z.object({ check_runs: z.array(z.object({ id: z.int(), external_id: z.string().nullish() })) });
const installation = z.object({ id: z.int() });
const accessToken = z.object({ token: z.string(), expires_at: z.string() });

function clientOf(
  asking: Asking,
  tokens: Map<string, Token>,
  repository: Repository,
  credentials: Credentials,
): GitHubClient {
  const name = fullName(repository);
  const repo = `/repos/${name}`;
  const isApp = credentials.is === 'app';
  let login: Promise<string> | undefined;

  const token = async (signal: AbortSignal): Promise<string> => {
    if (credentials.is === 'basic') return credentials.password;
    if (credentials.is === 'token') return credentials.token;
    const key = `${credentials.appId} ${name}`;
    const kept = tokens.get(key);
    if (kept !== undefined && asking.clock.now() + TOKEN_MARGIN_MS < kept.until) return kept.value;
    const jwt = await appToken(asking, credentials);
    const { id } = await ask(asking, { method: 'GET', path: `${repo}/installation`, token: jwt, signal }, installation);
    const path = `/app/installations/${id}/access_tokens`;
    // For this repository alone: one team's registration opens nothing of another's.
    const body = { repositories: [name.split('/')[1]] };
    const made = await ask(asking, { method: 'POST', path, body, token: jwt, signal }, accessToken);
    tokens.set(key, { value: made.token, until: Date.parse(made.expires_at) });
    return made.token;
  };
  /** Our own name, by which our comments are told from others that carry the same tag. */
  const ownLogin = async (signal: AbortSignal): Promise<string> => {
    if (credentials.is === 'app') {
      const jwt = await appToken(asking, credentials);
      const { slug } = await ask(
        asking,
        { method: 'GET', path: '/app', token: jwt, signal },
        z.object({ slug: z.string() }),
      );
      return `${slug}[bot]`;
    }
    const own = { method: 'GET' as const, path: '/user', token: await token(signal), signal };
    return (await ask(asking, own, z.object({ login: z.string() }))).login;
  };
  const get = async <T>(path: string, schema: z.ZodType<T>, signal: AbortSignal): Promise<T> =>
    ask(asking, { method: 'GET', path, token: await token(signal), signal }, schema);
  const send = async <T>(
    method: 'POST' | 'PATCH',
    path: string,
    body: unknown,
    schema: z.ZodType<T>,
    signal: AbortSignal,
  ): Promise<T> => ask(asking, { method, path, body, token: await token(signal), signal }, schema);

  return {
    token,
    async pullRequest({ number, signal }) {
      const { state, head, base } = await get(`${repo}/pulls/${number}`, pullRequest, signal);
      return {
        isOpen: state === 'open',
        head: head.sha,
        base: base.ref,
        isFork: head.repo?.full_name !== base.repo.full_name,
      };
    },
    async pullRequestPaths({ number, signal }) {
      const path = `${repo}/pulls/${number}/files?per_page=${FILES_PAGE_SIZE}`;
      try {
        const enough = (found: readonly unknown[]) => found.length >= MAXIMUM_LISTED_FILES;
        const files = await askAll(asking, { path, token: await token(signal), signal }, z.array(file), enough);
        if (files.length >= MAXIMUM_LISTED_FILES) return undefined;
        return files.flatMap(({ filename, previous_filename: previous }) =>
          previous === undefined ? [filename] : [filename, previous],
        );
      } catch (error) {
        // A page of large differences is more than is read; then everything is looked at.
        if (error instanceof GitHubError && error.cause instanceof HttpRefused && error.status === 0) return undefined;
        throw error;
      }
    },
    async findComment({ number, tag, signal }) {
      login ??= ownLogin(signal);
      login.catch(() => {
        login = undefined;
      });
      const own = await login;
      const isOurs = (one: z.output<typeof comment>) => one.user?.login === own && one.body?.startsWith(tag) === true;
      const path = `${repo}/issues/${number}/comments?per_page=${PAGE_SIZE}`;
      const found = await askAll(asking, { path, token: await token(signal), signal }, z.array(comment), (all) =>
        all.some(isOurs),
      );
      const ours = found.find(isOurs);
      return ours === undefined ? undefined : { id: ours.id, body: ours.body ?? '' };
    },
    async createComment({ number, body, signal }) {
      const { id } = await send('POST', `${repo}/issues/${number}/comments`, { body }, comment, signal);
      return { id, body };
    },
    async updateComment({ id, body, signal }) {
      try {
        await send('PATCH', `${repo}/issues/comments/${id}`, { body }, comment, signal);
        return { id, body };
      } catch (error) {
        if (error instanceof GitHubError && error.status === 404) return undefined;
        throw error;
      }
    },
    async conclude({ commit, name: title, conclusion, text, detailsUrl, signal }) {
      if (!isApp) {
        const body = {
          state: conclusion === 'failure' ? 'failure' : 'success',
          context: title,
          description: text.title.slice(0, MAXIMUM_DESCRIPTION),
          target_url: detailsUrl,
        };
        await send('POST', `${repo}/statuses/${commit}`, body, z.object({ id: z.int() }), signal);
        return 0;
      }
      const body = {
        name: title,
        external_id: `${title} ${commit}`,
        status: 'completed',
        conclusion,
        details_url: detailsUrl,
        output: text,
      };
      const path = `${repo}/commits/${commit}/check-runs?check_name=${encodeURIComponent(title)}&filter=latest&per_page=${PAGE_SIZE}`;
      const { check_runs: runs } = await get(path, checks, signal);
      const ours = runs.find(({ external_id: external }) => external === body.external_id);
      if (ours !== undefined) return (await send('PATCH', `${repo}/check-runs/${ours.id}`, body, check, signal)).id;
      return (await send('POST', `${repo}/check-runs`, { ...body, head_sha: commit }, check, signal)).id;
    },
  };
}

/** Beyond these everything is looked at, which costs less than reading on. */
const MAXIMUM_LISTED_FILES = 1_000;
const MAXIMUM_DESCRIPTION = 140;

function fullName({ id, url }: Repository): string {
  const [owner, name, ...rest] = new URL(url).pathname
    .replace(/\.git$/, '')
    .split('/')
    .filter((part) => part !== '');
  if (owner !== undefined && name !== undefined && rest.length === 0) {
    return `${encodeURIComponent(decodeURIComponent(owner))}/${encodeURIComponent(decodeURIComponent(name))}`;
  }
  throw new GitHubError(
    'refused',
    0,
    `the repository ${id}: ${url} is not that of a repository on GitHub, https://…/OWNER/NAME`,
  );
}

/** What an App proves itself with (https://docs.github.com/en/apps: RS256, at most ten minutes). */
function appToken({ clock }: Asking, { appId, privateKey }: Extract<Credentials, { is: 'app' }>): Promise<string> {
  const now = Math.floor(clock.now() / 1_000);
  return new SignJWT({})
    .setProtectedHeader({ alg: 'RS256' })
    .setIssuer(appId)
    .setIssuedAt(now - CLOCK_SKEW_SECONDS)
    .setExpirationTime(now + JWT_SECONDS - CLOCK_SKEW_SECONDS)
    .sign(privateKey);
}
