/** A tag to its digest, and the tags that there are, asked at the registry by the OCI distribution API. */
import { createHash } from 'node:crypto';
import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { guardOf, HttpRefused, type Resolve } from '../stages/http-client.ts';
import { DOCKER_HUB, isDigest, isTag, splitRepository } from './reference.ts';

const MAXIMUM_MANIFEST_BYTES = 4 * 1024 * 1024;
const MAXIMUM_TOKEN_BYTES = 256 * 1024;
const MAXIMUM_TAGS_BYTES = 4 * 1024 * 1024;
const TAGS_PER_PAGE = 1_000;
const MAXIMUM_TAG_PAGES = 20;
/** A repository with more tags than this has its newest found by pushes alone. */
export const MAXIMUM_TAGS = TAGS_PER_PAGE * MAXIMUM_TAG_PAGES;
const DEFAULT_TIMEOUT_MS = 10_000;
const DOCKER_HUB_API = 'registry-1.docker.io';
/** Registries whose tokens come from another host of their own. */
const TOKEN_HOSTS: ReadonlyMap<string, string> = new Map([
  [DOCKER_HUB, 'auth.docker.io'],
  ['registry.gitlab.com', 'gitlab.com'],
]);

const ACCEPT = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

export interface TagResolver {
  /** The digest that the tag has now. Throws RegistryError. */
  resolve(query: { repository: string; tag: string; signal: AbortSignal }): Promise<{ digest: string }>;
  /** The repository's tags, in no order, MAXIMUM_TAGS at most. Absent where they cannot be listed. Throws RegistryError. */
  list?(query: { repository: string; signal: AbortSignal }): Promise<readonly string[]>;
}

/** `notFound` and `refused` are final; `unreachable` may pass. */
export type RegistryErrorCode = 'notFound' | 'refused' | 'unreachable';

/** A question that a registry did not answer. The message names the image and what was being done. */
export class RegistryError extends Error {
  override readonly name = 'RegistryError';
  readonly code: RegistryErrorCode;

  constructor(code: RegistryErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }

  /** Whether asking again later may help without anyone mending anything. */
  get retryable(): boolean {
    return this.code === 'unreachable';
  }
}

export type Login = { readonly username: string; readonly password: string };

/**
 * `login` gives the credentials for a registry's host, looked up anew each time so that they can be short-lived;
 * without one, what is public can be read. `tokenHosts` names the host of the token server of each registry whose is
 * not its own. `timeoutMs` bounds each question as a whole.
 *
 * `allow` holds the hosts that may be asked, as `guardedHttpClient` takes them: whoever writes a pipeline names its
 * registries. Without it any is asked, which is for a person at their own machine. `resolve` is for tests.
 */
export function registryTagResolver(
  options: {
    login?: (host: string) => Promise<Login | undefined>;
    tokenHosts?: { readonly [registry: string]: string };
    timeoutMs?: number;
    allow?: readonly string[];
    resolve?: Resolve;
  } = {},
): TagResolver {
  const login = options.login ?? (async () => undefined);
  const tokenHosts = new Map([...TOKEN_HOSTS, ...Object.entries(options.tokenHosts ?? {})]);
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const { allow, resolve } = options;
  const guard: Guard =
    allow === undefined
      ? async (url) => ({ target: new URL(url) })
      : guardOf({ allow, ...(resolve === undefined ? {} : { resolve }) });
  return {
    async resolve({ repository, tag, signal }) {
      const bounded = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
      const question = new Question({ repository, tag, signal: bounded, login, tokenHosts, guard });
      return { digest: await question.ask() };
    },
    async list({ repository, signal }) {
      const bounded = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
      return new Question({ repository, signal: bounded, login, tokenHosts, guard }).tags();
    },
  };
}

/** Where a request may go, and how its host is looked up where not by the name service of the machine. */
type Guard = (url: string) => Promise<{ readonly target: URL; readonly lookup?: LookupFunction }>;

/** The hosts that may be asked: those that are allowed anyway, and the registries that the admins name. */
export function allowedRegistries(
  allow: readonly string[],
  registryHosts: { readonly [reported: string]: string },
): readonly string[] {
  const named = Object.values(registryHosts).flatMap((host) => {
    const url = URL.parse(`https://${host}`);
    return url === null ? [] : [url.hostname.replace(/^\[|\]$/g, '')];
  });
  return [...allow, ...named];
}

/** One question, with the token that it may take to be allowed to ask it. */
class Question {
  readonly #name: string;
  readonly #host: string;
  readonly #path: string;
  readonly #tag: string;
  readonly #signal: AbortSignal;
  readonly #login: (host: string) => Promise<Login | undefined>;
  readonly #tokenHosts: ReadonlyMap<string, string>;
  readonly #guard: Guard;
  #authorization: string | undefined;

  constructor(command: {
    repository: string;
    tag?: string;
    signal: AbortSignal;
    login: (host: string) => Promise<Login | undefined>;
    tokenHosts: ReadonlyMap<string, string>;
    guard: Guard;
  }) {
    const { host, path } = splitRepository(command.repository);
    this.#name = command.tag === undefined ? `${host}/${path}` : `${host}/${path}:${command.tag}`;
    this.#host = host;
    this.#path = path;
    this.#tag = command.tag ?? '';
    this.#signal = command.signal;
    this.#login = command.login;
    this.#tokenHosts = command.tokenHosts;
    this.#guard = command.guard;
  }

  async ask(): Promise<string> {
    const head = await this.#manifest('HEAD');
    head.destroy();
    const told = head.headers['docker-content-digest'];
    if (typeof told === 'string' && isDigest(told)) return told;
    // Not every registry tells the digest; it is the hash of the manifest's bytes.
    const body = await this.#read(await this.#manifest('GET'), MAXIMUM_MANIFEST_BYTES);
    return `sha256:${createHash('sha256').update(body).digest('hex')}`;
  }

  /** Page by page; each next one is asked for by the last tag of the one before, at the registry's own address. */
  async tags(): Promise<readonly string[]> {
    const all = new Set<string>();
    let last: string | undefined;
    for (let page = 0; page < MAXIMUM_TAG_PAGES; page += 1) {
      const query = new URLSearchParams({ n: String(TAGS_PER_PAGE), ...(last === undefined ? {} : { last }) });
      const response = await this.#ask('GET', `tags/list?${query}`, 'application/json');
      const hasMore = response.headers.link !== undefined;
      const tags = tagsIn(parseJson(Buffer.from(await this.#read(response, MAXIMUM_TAGS_BYTES)).toString('utf8')));
      const before = all.size;
      for (const tag of tags) all.add(tag);
      last = tags.at(-1);
      if (!hasMore || last === undefined || all.size === before) return [...all];
    }
    const text = `asking for the tags of ${this.#name}: there are more than ${MAXIMUM_TAGS}; name one, or push one`;
    throw new RegistryError('refused', text);
  }

  #manifest(method: 'HEAD' | 'GET'): Promise<IncomingMessage> {
    return this.#ask(method, `manifests/${encodeURIComponent(this.#tag)}`, ACCEPT);
  }

  async #ask(method: 'HEAD' | 'GET', path: string, accept: string): Promise<IncomingMessage> {
    const base = origin(this.#host === DOCKER_HUB ? DOCKER_HUB_API : this.#host);
    const url = `${base}/v2/${this.#path}/${path}`;
    let response = await this.#fetch(url, method, { accept });
    if (response.statusCode === 401 && this.#authorization === undefined) {
      response.destroy();
      this.#authorization = await this.#authorize(response.headers['www-authenticate'] ?? '');
      response = await this.#fetch(url, method, { accept });
    }
    return this.#accepted(response);
  }

  #accepted(response: IncomingMessage): IncomingMessage {
    const { statusCode = 0 } = response;
    if (statusCode >= 200 && statusCode < 300) return response;
    response.destroy();
    throw this.#failure(statusCode);
  }

  async #authorize(challenge: string): Promise<string> {
    const login = await this.#login(this.#host);
    const basic =
      login === undefined
        ? undefined
        : `Basic ${Buffer.from(`${login.username}:${login.password}`).toString('base64')}`;
    const [, scheme = '', rest = ''] = /^\s*([A-Za-z]+)\s+(.*)$/.exec(challenge) ?? [];
    if (scheme.toLowerCase() === 'basic' && basic !== undefined) return basic;
    const parameters = new Map(
      [...rest.matchAll(/([a-z_]+)="([^"]*)"/g)].map(([, name = '', value = '']) => [name, value]),
    );
    const realm = parameters.get('realm');
    if (scheme.toLowerCase() !== 'bearer' || realm === undefined) throw this.#failure(401);
    const url = this.#tokenUrl(realm, parameters.get('service'));
    const response = await this.#fetch(url.href, 'GET', basic === undefined ? {} : { authorization: basic });
    return `Bearer ${this.#token(await this.#read(this.#accepted(response), MAXIMUM_TOKEN_BYTES))}`;
  }

  /** Credentials go to the registry's own host, or to one that is known to be its own; never where an answer points. */
  #tokenUrl(realm: string, service: string | undefined): URL {
    const own = origin(this.#tokenHosts.get(this.#host) ?? this.#host);
    if (!URL.canParse(realm) || new URL(realm).origin !== new URL(own).origin) {
      const text = `asking for ${this.#name}: the registry wants a token from ${JSON.stringify(realm)}, which is not its own host`;
      throw new RegistryError('refused', text);
    }
    const url = new URL(realm);
    if (service !== undefined) url.searchParams.set('service', service);
    url.searchParams.set('scope', `repository:${this.#path}:pull`);
    return url;
  }

  #token(body: Uint8Array): string {
    const text = Buffer.from(body).toString('utf8');
    const answer: unknown = parseJson(text);
    if (typeof answer === 'object' && answer !== null) {
      if ('token' in answer && typeof answer.token === 'string') return answer.token;
      if ('access_token' in answer && typeof answer.access_token === 'string') return answer.access_token;
    }
    throw new RegistryError(
      'refused',
      `asking for ${this.#name}: the registry's token server answered without a token`,
    );
  }

  /** Redirects are not followed: they would lead anywhere, with the credentials. */
  async #fetch(url: string, method: string, headers: { readonly [name: string]: string }): Promise<IncomingMessage> {
    const authorization = this.#authorization === undefined ? {} : { authorization: this.#authorization };
    try {
      const { target, lookup } = await this.#guard(url);
      const response = await opened({
        target,
        method,
        headers: { 'accept-encoding': 'identity', ...authorization, ...headers },
        signal: this.#signal,
        ...(lookup === undefined ? {} : { lookup }),
      });
      const { statusCode = 0 } = response;
      if (statusCode < 300 || statusCode >= 400) return response;
      response.destroy();
      throw new Error(`it answered ${statusCode}, and redirects are not followed`);
    } catch (cause) {
      if (cause instanceof HttpRefused) {
        throw new RegistryError('refused', `asking for ${this.#name}: ${cause.message}`, { cause });
      }
      throw new RegistryError('unreachable', `asking for ${this.#name}: ${this.#host} does not answer`, { cause });
    }
  }

  async #read(response: IncomingMessage, maximumBytes: number): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    try {
      for await (const chunk of response as AsyncIterable<Uint8Array>) {
        bytes += chunk.length;
        if (bytes > maximumBytes) break;
        chunks.push(chunk);
      }
    } catch (cause) {
      throw new RegistryError('unreachable', `asking for ${this.#name}: the answer of ${this.#host} broke off`, {
        cause,
      });
    }
    if (bytes > maximumBytes) {
      throw new RegistryError('refused', `asking for ${this.#name}: the answer has more than ${maximumBytes} bytes`);
    }
    return Buffer.concat(chunks);
  }

  #failure(status: number): RegistryError {
    if (status === 404) return new RegistryError('notFound', `asking for ${this.#name}: there is no such tag`);
    if (status === 401 || status === 403) {
      const text = `asking for ${this.#name}: ${this.#host} does not let us read it (${status}); check its credentials`;
      return new RegistryError('refused', text);
    }
    const passing = status === 408 || status === 429 || status >= 500;
    return new RegistryError(
      passing ? 'unreachable' : 'refused',
      `asking for ${this.#name}: ${this.#host} answered ${status}`,
    );
  }
}

function tagsIn(answer: unknown): readonly string[] {
  const tags: unknown = typeof answer === 'object' && answer !== null && 'tags' in answer ? answer.tags : undefined;
  return Array.isArray(tags) ? tags.filter((tag): tag is string => typeof tag === 'string' && isTag(tag)) : [];
}

function opened(command: {
  target: URL;
  method: string;
  headers: { readonly [name: string]: string };
  signal: AbortSignal;
  lookup?: LookupFunction;
}): Promise<IncomingMessage> {
  const { target, ...options } = command;
  return new Promise((fulfil, reject) => {
    const client = target.protocol === 'https:' ? https : http;
    const request = client.request(target, { ...options, agent: false });
    request.once('response', fulfil);
    request.on('error', reject);
    request.end();
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new RegistryError('refused', "reading a registry's answer: it is not JSON", { cause });
  }
}

/** Registries speak https; plain http is for a registry on this very machine. */
function origin(host: string): string {
  const name = host.replace(/:\d+$/, '');
  const isLoopback = name === 'localhost' || name === '[::1]' || (isIP(name) === 4 && name.startsWith('127.'));
  return `${isLoopback ? 'http' : 'https'}://${host}`;
}
