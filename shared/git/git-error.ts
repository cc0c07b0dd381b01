/** What can go wrong while a repository is read, sorted by whether asking again may help. */

export class GitError extends Error {
  override readonly name = 'GitError';
  /** Whether the same question may be answered later without anyone changing anything. */
  readonly retryable: boolean;

  constructor(message: string, options: { readonly retryable?: boolean; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.retryable = options.retryable ?? false;
  }
}
