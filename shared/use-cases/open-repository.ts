/** Turns the name of a repository's secret into what opens it, as late as possible, and never into anything that is kept. */
import { readCredentials } from '../git/credentials.ts';
import { GitError } from '../git/git-error.ts';
import type { GitCredentials } from '../git/reader.ts';
import type { GitHubClients } from '../git-hosts/github/client.ts';
import type { Repository } from '../ports/repositories.ts';
import type { Secrets } from '../ports/secrets.ts';

/** What Git is to be given for the repository; undefined where it is public. Throws GitError. */
export type OpenRepository = (repository: Repository, signal: AbortSignal) => Promise<GitCredentials | undefined>;

export function openRepository(ports: { readonly secrets: Secrets; readonly github: GitHubClients }): OpenRepository {
  return async (repository, signal) => {
    const { credentials: name } = repository;
    if (name === undefined) return undefined;
    const value = await ports.secrets.get({ name });
    if (value === undefined) {
      throw new GitError(`opening ${repository.url}: no secret "${name}" is configured, which its registration names`);
    }
    const credentials = readCredentials(name, value);
    switch (credentials.is) {
      case 'basic':
        return { username: credentials.username, password: credentials.password };
      case 'token':
        return { username: repository.host === 'github' ? 'x-access-token' : 'git', password: credentials.token };
      case 'app':
        return { username: 'x-access-token', password: await ports.github.of(repository, credentials).token(signal) };
    }
  };
}
