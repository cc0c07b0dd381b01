/** One spelling for each repository, however its URL was written, so that a push and a registration find each other. */

/** Such as `github.com/acme/items`; undefined where the text is no http(s) URL of a repository. */
export function repositoryKey(url: string): string | undefined {
  const parsed = URL.parse(url);
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) return undefined;
  const path = parsed.pathname.replace(/\/+$/, '').replace(/\.git$/, '');
  // Hosts differ in whether case matters; what is found by this key is checked no further than what it does.
  return path === '' ? undefined : `${parsed.host}${path}`.toLowerCase();
}
