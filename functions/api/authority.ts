/** Decides who may ask: the bearer token for the API, the same or a signed-in cookie for the pages, and only by the server's own name. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { ADMIN, type KnownPerson, type Person, personOfToken } from '../people.ts';
import { Refusal } from './http.ts';
import type { Access } from './router.ts';

export const SESSION_COOKIE = 'gennaker';
export const SESSION_SECONDS = 12 * 60 * 60;
const LOOPBACK_HOSTS: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

export type AuthorityOptions = {
  /** What the API takes as bearer token. */
  readonly token: string;
  /** The people who have a token of their own; by default none. */
  readonly people?: readonly KnownPerson[];
  /** `open`: whoever reaches the server sees the pages. `token`: whoever signed in with the token. */
  readonly pages: 'open' | 'token';
  /** Where people reach the server; with `https:` the cookie never travels in clear. */
  readonly baseUrl: string;
  /** Bound to a loopback address: requests under any other name come from a page that rebound its own. */
  readonly isLoopback: boolean;
};

export type Authority = {
  /** Throws Refusal 421 for a request that was made under another server's name. */
  requireHost(headers: IncomingHttpHeaders): void;
  /** Who holds the bearer token that was sent. */
  personOf(headers: IncomingHttpHeaders): Person | undefined;
  /** Throws Refusal 401, or 403 for a person who may not. */
  requireAccess(access: Access, headers: IncomingHttpHeaders): void;
  isToken(candidate: string): boolean;
  /** The cookie to set for whoever gave the token. */
  sessionCookie(): string;
};

export function createAuthority(options: AuthorityOptions): Authority {
  if (options.token === '') throw new RangeError('The API needs a token that is not empty.');
  // The cookie proves that the token was known and is not the token itself.
  const session = createHmac('sha256', options.token).update('gennaker pages').digest('base64url');
  const isToken = (candidate: string) => isSame(candidate, options.token);
  const personOf = (headers: IncomingHttpHeaders): Person | undefined => {
    const [scheme, candidate = ''] = (headers.authorization ?? '').split(' ', 2);
    if (scheme?.toLowerCase() !== 'bearer' || candidate === '') return undefined;
    return isToken(candidate) ? ADMIN : personOfToken(options.people ?? [], candidate);
  };
  const isSignedIn = (headers: IncomingHttpHeaders) => isSame(cookieOf(headers) ?? '', session);
  return {
    isToken,
    personOf,
    requireHost(headers) {
      if (!options.isLoopback) return;
      const host = (headers.host ?? '').replace(/:\d+$/, '').toLowerCase();
      if (LOOPBACK_HOSTS.has(host)) return;
      throw new Refusal(421, 'wrong-host', 'This system answers only under localhost or 127.0.0.1.');
    },
    requireAccess(access, headers) {
      if (access === 'anyone') return;
      const person = personOf(headers);
      if (person?.isAdmin === true || (person !== undefined && access !== 'holder')) return;
      if (person !== undefined) {
        throw new Refusal(403, 'forbidden', `Only admins may do this, and ${person.name} is none.`);
      }
      if (access === 'viewer' && (options.pages === 'open' || isSignedIn(headers))) return;
      throw new Refusal(
        401,
        'unauthorized',
        'The request carries no valid token: send "Authorization: Bearer <token>".',
        {
          headers: { 'www-authenticate': 'Bearer realm="gennaker"' },
        },
      );
    },
    sessionCookie() {
      // Lax, so that a link in Slack opens the page: everything that the cookie opens only shows.
      const secure = options.baseUrl.startsWith('https:') ? '; Secure' : '';
      return `${SESSION_COOKIE}=${session}; Path=/; Max-Age=${SESSION_SECONDS}; HttpOnly; SameSite=Lax${secure}`;
    },
  };
}

function cookieOf(headers: IncomingHttpHeaders): string | undefined {
  for (const pair of (headers.cookie ?? '').split(';')) {
    const [name, value] = pair.trim().split('=', 2);
    if (name === SESSION_COOKIE) return value;
  }
  return undefined;
}

/** Takes the same time wherever the two differ; hashing makes their lengths equal. */
function isSame(candidate: string, secret: string): boolean {
  const digest = (text: string) => createHmac('sha256', 'compare').update(text).digest();
  return timingSafeEqual(digest(candidate), digest(secret));
}
