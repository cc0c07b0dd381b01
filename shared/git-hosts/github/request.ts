/** One request to GitHub's REST API, with its limits kept: bounded tries, its rate limits respected, failures sorted. */
import type { z } from 'zod';
import type { Clock } from '../../ports/clock.ts';
import { HttpUnreachable } from '../../stages/http-client.ts';
import type { HttpClient } from '../../stages/kind.ts';

const VERSION = '2022-11-28';
const MAXIMUM_TRIES = 3;
const BACK_OFF_MS = 500;
/** Longer than this is left to a later delivery. */
const MAXIMUM_WAIT_MS = 5_000;
const MAXIMUM_PAGES = 40;
export const PAGE_SIZE = 100;

export type GitHubErrorKind =
  /** Asking again later may succeed. */
  | 'later'
  /** No retry helps until someone changes something. */
  | 'refused';

export class GitHubError extends Error {
  override readonly name = 'GitHubError';
  readonly kind: GitHubErrorKind;
  /** 0 where nothing answered. */
  readonly status: number;

  constructor(kind: GitHubErrorKind, status: number, message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.kind = kind;
    this.status = status;
  }
}

export type Ask = {
  readonly method: 'GET' | 'POST' | 'PATCH';
  /** Below the API's address: `/repos/acme/items`. */
  readonly path: string;
  readonly body?: unknown;
  readonly token: string;
  readonly signal: AbortSignal;
};

export type Asking = {
  readonly http: HttpClient;
  readonly clock: Clock;
  /** Without a slash at its end. */
  readonly apiUrl: string;
};

type Answer = { readonly status: number; readonly headers: Headers; readonly body: unknown };

/** Throws GitHubError. A POST that may have been done is never repeated here: its caller looks first. */
export async function ask<T>(asking: Asking, request: Ask, schema: z.ZodType<T>): Promise<T> {
  const { body } = await answered(asking, request, `${asking.apiUrl}${request.path}`);
  return readAnswer(request, schema, body);
}

/** Every page of a list, in order, until `enough`. Throws GitHubError where there are more pages than are read. */
export async function askAll<T>(
  asking: Asking,
  request: Omit<Ask, 'method' | 'body'>,
  schema: z.ZodType<readonly T[]>,
  enough: (found: readonly T[]) => boolean = () => false,
): Promise<readonly T[]> {
  const get: Ask = { ...request, method: 'GET' };
  let url: string | undefined = `${asking.apiUrl}${request.path}`;
  const found: T[] = [];
  for (let page = 0; url !== undefined; page += 1) {
    if (page === MAXIMUM_PAGES) {
      throw new GitHubError(
        'refused',
        200,
        `${told(get)}: it has more than ${MAXIMUM_PAGES} pages, which is all that is read`,
      );
    }
    const { body, headers }: Answer = await answered(asking, get, url);
    found.push(...readAnswer(get, schema, body));
    if (enough(found)) return found;
    url = nextPage(asking, get, headers);
  }
  return found;
}

/** The next page's address, which must be one of the API itself: the token goes nowhere else. */
function nextPage({ apiUrl }: Asking, request: Ask, headers: Headers): string | undefined {
  const link = /<([^>]+)>\s*;\s*rel="next"/.exec(headers.get('link') ?? '')?.[1];
  if (link === undefined) return undefined;
  if (link.startsWith(`${apiUrl}/`)) return link;
  throw new GitHubError('refused', 200, `${told(request)}: its next page lies outside of ${apiUrl}`);
}

async function answered(asking: Asking, request: Ask, url: string): Promise<Answer> {
  for (let tries = 1; ; tries += 1) {
    const failure = await attempt(asking, request, url);
    if (!(failure instanceof Failed)) return failure;
    const { error, waitMs, mayRepeat } = failure;
    if (tries === MAXIMUM_TRIES || !mayRepeat || waitMs > MAXIMUM_WAIT_MS) throw error;
    await new Promise<void>((resolve) => asking.clock.after(waitMs * tries, resolve));
    request.signal.throwIfAborted();
  }
}

class Failed {
  readonly error: GitHubError;
  readonly waitMs: number;
  readonly mayRepeat: boolean;

  constructor(error: GitHubError, waitMs: number, mayRepeat: boolean) {
    this.error = error;
    this.waitMs = waitMs;
    this.mayRepeat = mayRepeat;
  }
}

async function attempt(asking: Asking, request: Ask, url: string): Promise<Answer | Failed> {
  const { method, body, token, signal } = request;
  const isSafe = method !== 'POST';
  let answer: { status: number; headers: Headers; body: string };
  try {
    answer = await asking.http.request({
      method,
      url,
      headers: {
        accept: 'application/vnd.github+json',
        authorization: `Bearer ${token}`,
        'x-github-api-version': VERSION,
        'user-agent': 'gennaker',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal,
    });
  } catch (cause) {
    if (cause instanceof HttpUnreachable) {
      return new Failed(new GitHubError('later', 0, `${told(request)}: no answer`, { cause }), BACK_OFF_MS, isSafe);
    }
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new GitHubError('refused', 0, `${told(request)}: ${why}`, { cause });
  }
  const { status, headers } = answer;
  if (status >= 200 && status < 300) return { status, headers, body: parsed(request, answer.body) };
  const limitMs = rateLimitMs(asking.clock, status, headers, answer.body);
  if (limitMs !== undefined) {
    const seconds = Math.ceil(limitMs / 1_000);
    // Refused before anything was done, so even a POST may be repeated.
    return new Failed(
      new GitHubError('later', status, `${told(request)}: GitHub asks for a pause of ${seconds} s`),
      limitMs,
      true,
    );
  }
  if (status >= 500) {
    return new Failed(
      new GitHubError('later', status, `${told(request)}: GitHub answered ${status}`),
      BACK_OFF_MS,
      isSafe,
    );
  }
  throw new GitHubError(
    'refused',
    status,
    `${told(request)}: GitHub answered ${status}: ${messageOf(answer.body)}${wayOn(status)}`,
  );
}

/** How long GitHub wants to be left alone; undefined where the refusal has another reason. */
function rateLimitMs(clock: Clock, status: number, headers: Headers, body: string): number | undefined {
  if (status !== 403 && status !== 429) return undefined;
  const after = Number(headers.get('retry-after') ?? Number.NaN);
  if (Number.isFinite(after)) return Math.max(0, after * 1_000);
  const reset = Number(headers.get('x-ratelimit-reset') ?? Number.NaN);
  if (headers.get('x-ratelimit-remaining') === '0' && Number.isFinite(reset)) {
    return Math.max(0, reset * 1_000 - clock.now());
  }
  return status === 429 || /secondary rate limit/i.test(body) ? 60_000 : undefined;
}

function wayOn(status: number): string {
  switch (status) {
    case 401:
      return '; store a valid token, or the key of the App, as the secret that the registration names';
    case 403:
    case 404:
      return '; the credentials need contents (read), pull requests, checks and commit statuses (write) on this repository';
    default:
      return '';
  }
}

function parsed(request: Ask, body: string): unknown {
  try {
    return body === '' ? undefined : JSON.parse(body);
  } catch (cause) {
    throw new GitHubError('later', 200, `${told(request)}: the answer is not JSON`, { cause });
  }
}

function readAnswer<T>(request: Ask, schema: z.ZodType<T>, body: unknown): T {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  throw new GitHubError('refused', 200, `${told(request)}: the answer is not what GitHub documents`, {
    cause: result.error,
  });
}

const MAXIMUM_TOLD = 300;

function messageOf(body: string): string {
  try {
    const { message, errors } = Object(JSON.parse(body)) as { message?: unknown; errors?: unknown };
    const more = errors === undefined ? '' : ` ${JSON.stringify(errors)}`;
    return `${typeof message === 'string' ? message : 'it does not say why'}${more}`.slice(0, MAXIMUM_TOLD);
  } catch {
    return 'it does not say why';
  }
}

function told({ method, path }: Ask): string {
  return `asking GitHub for ${method} ${path.replace(/\?.*$/, '')}`;
}
