/** The names of images: where they live, their tags and digests, in the one spelling that everything compares. */

const HOST = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::\d{1,5})?$/;
const PATH = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;
const MAXIMUM_REPOSITORY = 255;

export const DOCKER_HUB = 'docker.io';
const DOCKER_HUB_ALIASES: ReadonlySet<string> = new Set([
  'index.docker.io',
  'registry-1.docker.io',
  'registry.hub.docker.com',
]);

/** An image by name; `repository` is normalised. */
export type ImageReference = { readonly repository: string; readonly tag?: string; readonly digest?: string };

/**
 * The one spelling of a repository: with its host, Docker Hub's short names written out
 * (`nginx` is `docker.io/library/nginx`). What is not a repository stays as it is.
 */
export function normalizeRepository(text: string): string {
  const slash = text.indexOf('/');
  const first = slash < 0 ? '' : text.slice(0, slash);
  const hasHost = first.includes('.') || first.includes(':') || first === 'localhost';
  const given = hasHost ? first.toLowerCase() : DOCKER_HUB;
  const host = DOCKER_HUB_ALIASES.has(given) ? DOCKER_HUB : given;
  const path = hasHost ? text.slice(slash + 1) : text;
  return `${host}/${host === DOCKER_HUB && !path.includes('/') ? `library/${path}` : path}`;
}

/** The host and the path of a repository, normalised first. */
export function splitRepository(repository: string): { host: string; path: string } {
  const normal = normalizeRepository(repository);
  const slash = normal.indexOf('/');
  return { host: normal.slice(0, slash), path: normal.slice(slash + 1) };
}

/** What keeps the text from being a repository, as a sentence without its subject; undefined where nothing does. */
export function repositoryProblem(text: string): string | undefined {
  const { host, path } = splitRepository(text);
  if (text.includes('@') || /:[^/]*$/.test(path)) return `must not carry a tag or digest: "${text}"`;
  if (text.length > MAXIMUM_REPOSITORY) return `must have at most ${MAXIMUM_REPOSITORY} characters, not ${text.length}`;
  if (!HOST.test(host) || !PATH.test(path)) {
    return `must be a repository such as asia-northeast1-docker.pkg.dev/acme/items/items-api, not "${text}"`;
  }
  return undefined;
}

export function isTag(text: string): boolean {
  return TAG.test(text);
}

export function isDigest(text: string): boolean {
  return DIGEST.test(text);
}

/** Reads `host/path[:tag][@digest]`; undefined where the text is no such name. */
export function parseReference(text: string): ImageReference | undefined {
  const [name = '', digest, ...more] = text.split('@');
  if (more.length > 0 || (digest !== undefined && !isDigest(digest))) return undefined;
  const colon = name.lastIndexOf(':');
  const hasTag = colon > name.lastIndexOf('/');
  const repository = hasTag ? name.slice(0, colon) : name;
  const tag = hasTag ? name.slice(colon + 1) : undefined;
  if (repositoryProblem(repository) !== undefined || (tag !== undefined && !isTag(tag))) return undefined;
  return {
    repository: normalizeRepository(repository),
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
}
