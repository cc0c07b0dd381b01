/** A tag to its digest, and the tags that there are, asked at the registry by the OCI distribution API. */
import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
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
 */
export function registryTagResolver(
  options: {
    login?: (host: string) => Promise<Login | undefined>;
    tokenHosts?: { readonly [registry: string]: string };
    timeoutMs?: number;
  } = {},
): TagResolver {
  const login = options.login ?? (async () => undefined);
  const tokenHosts = new Map([...TOKEN_HOSTS, ...Object.entries(options.tokenHosts ?? {})]);
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  return {
    async resolve({ repository, tag, signal }) {
      const bounded = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
      const question = new Question({ repository, tag, signal: bounded, login, tokenHosts });
      return { digest: await question.ask() };
    },
    async list({ repository, signal }) {
      const bounded = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
      return new Question({ repository, signal: bounded, login, tokenHosts }).tags();
    },
  };
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
  #authorization: string | undefined;

  constructor(command: {
    repository: string;
    tag?: string;
    signal: AbortSignal;
    login: (host: string) => Promise<Login | undefined>;
    tokenHosts: ReadonlyMap<string, string>;
  }) {
    const { host, path } = splitRepository(command.repository);
    this.#name = command.tag === undefined ? `${host}/${path}` : `${host}/${path}:${command.tag}`;
    this.#host = host;
    this.#path = path;
    this.#tag = command.tag ?? '';
    this.#signal = command.signal;
    this.#login = command.login;
    this.#tokenHosts = command.tokenHosts;
  }

  async ask(): Promise<string> {
    const head = await this.#manifest('HEAD');
    await head.body?.cancel();
    const told = head.headers.get('docker-content-digest');
    if (told !== null && isDigest(told)) return told;
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
      const hasMore = response.headers.has('link');
      const tags = tagsIn(parseJson(Buffer.from(await this.#read(response, MAXIMUM_TAGS_BYTES)).toString('utf8')));
      const before = all.size;
      for (const tag of tags) all.add(tag);
      last = tags.at(-1);
      if (!hasMore || last === undefined || all.size === before) return [...all];
    }
    const text = `asking for the tags of ${this.#name}: there are more than ${MAXIMUM_TAGS}; name one, or push one`;
    throw new RegistryError('refused', text);
  }

  #manifest(method: 'HEAD' | 'GET'): Promise<Response> {
    return this.#ask(method, `manifests/${encodeURIComponent(this.#tag)}`, ACCEPT);
  }

  async #ask(method: 'HEAD' | 'GET', path: string, accept: string): Promise<Response> {
    const base = origin(this.#host === DOCKER_HUB ? DOCKER_HUB_API : this.#host);
    const url = `${base}/v2/${this.#path}/${path}`;
    let response = await this.#fetch(url, method, { accept });
    if (response.status === 401 && this.#authorization === undefined) {
      await response.body?.cancel();
      this.#authorization = await this.#authorize(response.headers.get('www-authenticate') ?? '');
      response = await this.#fetch(url, method, { accept });
    }
    if (response.ok) return response;
    await response.body?.cancel();
    throw this.#failure(response.status);
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
    if (!response.ok) {
      await response.body?.cancel();
      throw this.#failure(response.status);
    }
    return `Bearer ${this.#token(await this.#read(response, MAXIMUM_TOKEN_BYTES))}`;
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

  async #fetch(url: string, method: string, headers: { readonly [name: string]: string }): Promise<Response> {
    try {
      return await fetch(url, {
        method,
        redirect: 'error',
        signal: this.#signal,
        headers: { ...(this.#authorization === undefined ? {} : { authorization: this.#authorization }), ...headers },
      });
    } catch (cause) {
      throw new RegistryError('unreachable', `asking for ${this.#name}: ${this.#host} does not answer`, { cause });
    }
  }

  async #read(response: Response, maximumBytes: number): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    try {
      for await (const chunk of response.body ?? []) {
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
