/** The ways in which a command ends, and the errors that carry them, so that every command exits alike. */

export const EXIT = {
  success: 0,
  /** The command, or the execution that it followed, failed. */
  failure: 1,
  /** The command line is wrong. */
  usage: 2,
  /** The execution that the command followed was cancelled or skipped. */
  cancelled: 3,
  /** The plan has changes, for `plan --exit-code`. */
  changes: 4,
  /** Stopped at the keyboard, as shells number it. */
  interrupted: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Ends the command with `message` on stderr, and with status 1. */
export class CommandFailure extends Error {
  override readonly name: string = 'CommandFailure';
  readonly exitCode: ExitCode = EXIT.failure;
}

/** Ends the command with `message` on stderr, and with status 2: the command line is wrong. */
export class UsageError extends CommandFailure {
  override readonly name = 'UsageError';
  override readonly exitCode = EXIT.usage;
}

/** Causes deeper than this say nothing more. */
const MAXIMUM_CAUSES = 5;

/**
 * The error's message and those of its causes, each fact once. A message that ends with a full stop is complete:
 * its causes are not added.
 */
export function describeError(error: unknown): string {
  const parts: string[] = [];
  let current: unknown = error;
  for (let depth = 0; depth < MAXIMUM_CAUSES && current !== undefined; depth += 1) {
    const text = current instanceof Error ? current.message || current.name : String(current);
    if (!parts.some((part) => part.includes(text))) {
      parts.push(text);
    }
    current = current instanceof Error && !text.endsWith('.') ? current.cause : undefined;
  }
  return parts.join(': ');
}
