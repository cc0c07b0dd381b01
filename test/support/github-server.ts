/** A GitHub that is as strict as the real one on what the product uses, records everything, and fails on demand. */
import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';

export type GitHubCall = { readonly method: string; readonly path: string; readonly status: number };

export type PullFixture = {
  readonly number: number;
  head: string;
  readonly base?: string;
  /** The repository of its head; null where it was deleted. */
  readonly headRepository?: string | null;
  readonly files: readonly string[];
  readonly state?: 'open' | 'closed';
};

export type CommentRecord = {
  readonly id: number;
  readonly pull: number;
  body: string;
  readonly user: string;
  edits: number;
};
export type CheckRecord = {
  readonly id: number;
  readonly head_sha: string;
  name: string;
  status: string;
  conclusion: string | undefined;
  external_id: string | undefined;
  output: { title: string; summary: string } | undefined;
  edits: number;
};
export type StatusRecord = { readonly sha: string; readonly state: string; readonly context: string };

/** What the next call of a route is to suffer. `after`: the call takes effect first. */
export type GitHubFault =
  | {
      readonly is: 'status';
      readonly status: number;
      readonly when: 'before' | 'after';
      readonly headers?: { [name: string]: string };
    }
  | { readonly is: 'hangUp'; readonly when: 'before' | 'after' };

export type GitHubServer = {
  /** For GENNAKER_GITHUB_API_URL. */
  readonly url: string;
  readonly calls: readonly GitHubCall[];
  readonly comments: readonly CommentRecord[];
  readonly checks: readonly CheckRecord[];
  readonly statuses: readonly StatusRecord[];
  /** Adds or replaces a pull request. */
  setPull(pull: PullFixture): void;
  /** Somebody else writes on a pull request. */
  comment(pull: number, user: string, body: string): void;
  deleteComment(id: number): void;
  /** `route` begins the call: `POST /repos/acme/items/check-runs`. */
  failNext(route: string, ...faults: readonly GitHubFault[]): void;
  close(): Promise<void>;
};

const MAXIMUM_BODY = 65_536;
const MAXIMUM_SUMMARY = 65_535;
const MAXIMUM_PAGE = 100;
const DEFAULT_PAGE = 30;
const MAXIMUM_PULL_FILES = 3_000;
const MAXIMUM_JWT_SECONDS = 600;
const SHA = /^[0-9a-f]{40}$/;

const commentBody = z.strictObject({ body: z.string().min(1).max(MAXIMUM_BODY) });
const output = z.strictObject({
  title: z.string().min(1).max(255),
  summary: z.string().max(MAXIMUM_SUMMARY),
  text: z.string().max(MAXIMUM_SUMMARY).optional(),
});
const conclusions = ['action_required', 'cancelled', 'failure', 'neutral', 'success', 'skipped', 'timed_out'] as const;
const checkFields = {
  details_url: z.url().optional(),
  external_id: z.string().optional(),
  status: z.enum(['queued', 'in_progress', 'completed']).optional(),
  started_at: z.iso.datetime().optional(),
  completed_at: z.iso.datetime().optional(),
  conclusion: z.enum(conclusions).optional(),
  output: output.optional(),
};
/** https://docs.github.com/en/rest/checks/runs: a conclusion belongs to `completed` and needs to be there for it. */
const isWhole = (run: { status?: string | undefined; conclusion?: string | undefined }): boolean =>
  run.status !== 'completed' || run.conclusion !== undefined;
const checkCreate = z
  .strictObject({ name: z.string().min(1), head_sha: z.string().regex(SHA), ...checkFields })
  .refine(isWhole);
/** The commit of a check cannot be changed. */
const checkUpdate = z.strictObject({ name: z.string().min(1).optional(), ...checkFields }).refine(isWhole);
const statusCreate = z.strictObject({
  state: z.enum(['error', 'failure', 'pending', 'success']),
  target_url: z.url().optional(),
  description: z.string().max(140).optional(),
  context: z.string().min(1).optional(),
});
const tokenCreate = z.strictObject({ repositories: z.array(z.string()).min(1).optional() });

class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** `app` installs an App whose public key it is; `token` is a personal token of a user. Listens on a free port of 127.0.0.1. */
export async function startGitHubServer(options: {
  /** `acme/items` */
  readonly repository: string;
  readonly token?: { readonly value: string; readonly login: string };
  readonly app?: { readonly id: string; readonly slug: string; readonly publicKey: string };
}): Promise<GitHubServer> {
  const { repository } = options;
  const calls: GitHubCall[] = [];
  const comments: CommentRecord[] = [];
  const checks: CheckRecord[] = [];
  const statuses: StatusRecord[] = [];
  const pulls = new Map<number, PullFixture>();
  const faults = new Map<string, GitHubFault[]>();
  const installed = new Map<string, number>();
  const publicKey = options.app === undefined ? undefined : createPublicKey(options.app.publicKey);
  let lastId = 1_000;
  let url = '';

  type Caller = { readonly is: 'app' } | { readonly is: 'installation' | 'user'; readonly login: string };
  const callerOf = (request: IncomingMessage): Caller => {
    const [scheme, value = ''] = (request.headers.authorization ?? '').split(' ');
    if (scheme !== 'Bearer' && scheme !== 'token') throw new Refusal(401, 'Requires authentication');
    const { app, token } = options;
    if (token !== undefined && value === token.value) return { is: 'user', login: token.login };
    const until = installed.get(value);
    if (app !== undefined && until !== undefined && Date.now() < until)
      return { is: 'installation', login: `${app.slug}[bot]` };
    if (app !== undefined && publicKey !== undefined && isJwt(value, app.id, publicKey)) return { is: 'app' };
    throw new Refusal(401, 'Bad credentials');
  };
  const asApp = (caller: Caller): void => {
    if (caller.is !== 'app') throw new Refusal(401, 'A JSON web token could not be decoded');
  };
  const asWriter = (caller: Caller): string => {
    if (caller.is === 'app') throw new Refusal(403, 'Resource not accessible by integration');
    return caller.login;
  };
  const asInstallation = (caller: Caller): void => {
    if (caller.is !== 'installation') throw new Refusal(403, 'You must authenticate via a GitHub App.');
  };
  const pullOf = (number: string): PullFixture => {
    const pull = pulls.get(Number(number));
    if (pull === undefined) throw new Refusal(404, 'Not Found');
    return pull;
  };
  const commentJson = ({ id, body, user }: CommentRecord) => ({ id, body, user: { login: user } });
  const checkJson = ({ edits: _, ...run }: CheckRecord) => run;

  type Handler = (
    match: readonly string[],
    call: { caller: Caller; body: unknown; query: URLSearchParams },
  ) => { status: number; body: unknown; items?: readonly unknown[] };
  const repo = `/repos/${repository}`;
  const routes: readonly (readonly [string, RegExp, Handler])[] = [
    [
      'GET',
      /^\/app$/,
      (_, { caller }) => {
        asApp(caller);
        return { status: 200, body: { slug: options.app?.slug } };
      },
    ],
    [
      'GET',
      /^\/user$/,
      (_, { caller }) => {
        if (caller.is !== 'user') throw new Refusal(403, 'Resource not accessible by integration');
        return { status: 200, body: { login: caller.login } };
      },
    ],
    [
      'GET',
      new RegExp(`^${repo}/installation$`),
      (_, { caller }) => {
        asApp(caller);
        return { status: 200, body: { id: 77 } };
      },
    ],
    [
      'POST',
      /^\/app\/installations\/77\/access_tokens$/,
      (_, { caller, body }) => {
        asApp(caller);
        const { repositories = [] } = read(tokenCreate, body);
        if (repositories.some((name) => name !== repository.split('/')[1]))
          throw new Refusal(422, 'There is at least one repository that does not exist or is not accessible');
        const value = `ghs_${++lastId}`;
        const until = Date.now() + 3_600_000;
        installed.set(value, until);
        return { status: 201, body: { token: value, expires_at: new Date(until).toISOString() } };
      },
    ],
    [
      'GET',
      new RegExp(`^${repo}/pulls/(\\d+)$`),
      ([number = ''], { caller }) => {
        asWriter(caller);
        const { head, base = 'main', headRepository = repository, state = 'open' } = pullOf(number);
        const headRepo = headRepository === null ? null : { full_name: headRepository };
        return {
          status: 200,
          body: {
            number: Number(number),
            state,
            head: { sha: head, repo: headRepo },
            base: { ref: base, repo: { full_name: repository } },
          },
        };
      },
    ],
    [
      'GET',
      new RegExp(`^${repo}/pulls/(\\d+)/files$`),
      ([number = ''], { caller }) => {
        asWriter(caller);
        const items = pullOf(number)
          .files.slice(0, MAXIMUM_PULL_FILES)
          .map((filename) => ({ filename, status: 'modified', patch: '@@' }));
        return { status: 200, body: undefined, items };
      },
    ],
    [
      'GET',
      new RegExp(`^${repo}/issues/(\\d+)/comments$`),
      ([number = ''], { caller }) => {
        asWriter(caller);
        return {
          status: 200,
          body: undefined,
          items: comments.filter(({ pull }) => pull === pullOf(number).number).map(commentJson),
        };
      },
    ],
    [
      'POST',
      new RegExp(`^${repo}/issues/(\\d+)/comments$`),
      ([number = ''], { caller, body }) => {
        const record = {
          id: ++lastId,
          pull: pullOf(number).number,
          body: read(commentBody, body).body,
          user: asWriter(caller),
          edits: 0,
        };
        comments.push(record);
        return { status: 201, body: commentJson(record) };
      },
    ],
    [
      'PATCH',
      new RegExp(`^${repo}/issues/comments/(\\d+)$`),
      ([id], { caller, body }) => {
        const record = comments.find((one) => one.id === Number(id));
        if (record === undefined) throw new Refusal(404, 'Not Found');
        if (record.user !== asWriter(caller))
          throw new Refusal(403, 'Resource not accessible by personal access token');
        record.body = read(commentBody, body).body;
        record.edits += 1;
        return { status: 200, body: commentJson(record) };
      },
    ],
    [
      'GET',
      new RegExp(`^${repo}/commits/([0-9a-f]{40})/check-runs$`),
      ([sha], { caller, query }) => {
        asWriter(caller);
        const found = checks.filter(
          (run) => run.head_sha === sha && (query.get('check_name') ?? run.name) === run.name,
        );
        return { status: 200, body: { total_count: found.length, check_runs: found.map(checkJson) } };
      },
    ],
    [
      'POST',
      new RegExp(`^${repo}/check-runs$`),
      (_, { caller, body }) => {
        asInstallation(caller);
        const { name, head_sha, status = 'queued', conclusion, external_id, output: text } = read(checkCreate, body);
        const record = { id: ++lastId, head_sha, name, status, conclusion, external_id, output: text, edits: 0 };
        checks.push(record);
        return { status: 201, body: checkJson(record) };
      },
    ],
    [
      'PATCH',
      new RegExp(`^${repo}/check-runs/(\\d+)$`),
      ([id], { caller, body }) => {
        asInstallation(caller);
        const record = checks.find((one) => one.id === Number(id));
        if (record === undefined) throw new Refusal(404, 'Not Found');
        const { name, status, conclusion, external_id, output: text } = read(checkUpdate, body);
        Object.assign(record, {
          ...(name && { name }),
          ...(status && { status }),
          ...(conclusion && { conclusion }),
          ...(external_id && { external_id }),
          ...(text && { output: text }),
        });
        record.edits += 1;
        return { status: 200, body: checkJson(record) };
      },
    ],
    [
      'POST',
      new RegExp(`^${repo}/statuses/([0-9a-f]{40})$`),
      ([sha = ''], { caller, body }) => {
        asWriter(caller);
        const { state, context = 'default' } = read(statusCreate, body);
        statuses.push({ sha, state, context });
        return { status: 201, body: { id: ++lastId, state, context } };
      },
    ],
  ];

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = '' } = request;
    const target = new URL(request.url ?? '/', url);
    const route = `${method} ${target.pathname}`;
    const key = [...faults.keys()].find((one) => route.startsWith(one));
    const fault = key === undefined ? undefined : faults.get(key)?.shift();
    const text = Buffer.concat(await request.toArray()).toString('utf8');
    let status: number;
    let body: unknown;
    const headers: { [name: string]: string } = { 'content-type': 'application/json; charset=utf-8' };
    try {
      if (fault?.when === 'before') throw new Refusal(fault.is === 'status' ? fault.status : 0, 'injected');
      if (request.headers['user-agent'] === undefined)
        throw new Refusal(
          403,
          'Request forbidden by administrative rules. Please make sure your request has a User-Agent header',
        );
      if (request.headers.accept !== 'application/vnd.github+json')
        throw new Refusal(415, "Unsupported 'Accept' header");
      if (request.headers['x-github-api-version'] !== '2022-11-28') throw new Refusal(400, 'Invalid API version');
      const caller = callerOf(request);
      const here = routes.flatMap(([at, pattern, handle]) => {
        const match = pattern.exec(target.pathname);
        return at === method && match !== null ? [{ handle, match: match.slice(1) }] : [];
      });
      const [found] = here;
      if (found === undefined) throw new Refusal(404, 'Not Found');
      const result = found.handle(found.match, { caller, body: jsonOf(text), query: target.searchParams });
      ({ status, body } = result);
      if (result.items !== undefined) {
        const paged = page(result.items, target, headers);
        body = paged;
      }
      if (fault?.when === 'after') throw new Refusal(fault.is === 'status' ? fault.status : 0, 'injected');
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      status = error.status;
      body = { message: error.message, documentation_url: 'https://docs.github.com/rest' };
      if (fault?.is === 'status') Object.assign(headers, fault.headers);
    }
    calls.push({ method, path: `${target.pathname}${target.search}`, status });
    if (fault?.is === 'hangUp') {
      request.socket.destroy();
      return;
    }
    response.writeHead(status, headers).end(JSON.stringify(body));
  };
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  return {
    url,
    calls,
    comments,
    checks,
    statuses,
    setPull: (pull) => void pulls.set(pull.number, pull),
    comment: (pull, user, body) => void comments.push({ id: ++lastId, pull, body, user, edits: 0 }),
    deleteComment: (id) =>
      void comments.splice(
        comments.findIndex((one) => one.id === id),
        1,
      ),
    failNext: (route, ...some) => void faults.set(route, [...(faults.get(route) ?? []), ...some]),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** One page, and the Link header that leads to the next. */
function page(items: readonly unknown[], target: URL, headers: { [name: string]: string }): readonly unknown[] {
  const size = Number(target.searchParams.get('per_page') ?? DEFAULT_PAGE);
  const number = Number(target.searchParams.get('page') ?? 1);
  if (!(size >= 1 && size <= MAXIMUM_PAGE)) throw new Refusal(422, 'per_page is out of range');
  if (number * size < items.length) {
    const next = new URL(target);
    next.searchParams.set('page', String(number + 1));
    headers.link = `<${next}>; rel="next"`;
  }
  return items.slice((number - 1) * size, number * size);
}

function read<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw new Refusal(422, `Validation Failed: ${z.prettifyError(parsed.error)}`);
}

function jsonOf(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new Refusal(400, 'Problems parsing JSON');
  }
}

function isJwt(value: string, issuer: string, key: KeyObject): boolean {
  const [head, payload, signature] = value.split('.');
  if (head === undefined || payload === undefined || signature === undefined) return false;
  if (!verify('RSA-SHA256', Buffer.from(`${head}.${payload}`), key, Buffer.from(signature, 'base64url'))) return false;
  const claims = z
    .object({ iss: z.string(), iat: z.number(), exp: z.number() })
    .parse(JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')));
  const now = Date.now() / 1_000;
  if (claims.exp - claims.iat > MAXIMUM_JWT_SECONDS) return false;
  return claims.iss === issuer && claims.iat <= now && now < claims.exp;
}
