/** What every command is given: where to print, how, and the system that it talks to. */
import { userInfo } from 'node:os';
import type { StageKinds } from '../shared/pipeline/usable.ts';
import type { Api } from './api.ts';
import { columnsOf, type Output, type Surroundings, wantsColour } from './terminal.ts';

export type OutputFormat = 'text' | 'json';

/** The result of a command, in the form that was asked for. */
export type Context = {
  readonly surroundings: Surroundings;
  readonly format: OutputFormat;
  /** Connects where the environment or the local file says. */
  api(): Promise<Api>;
  /** The built-in stage kinds and those that GENNAKER_STAGE_KINDS names. Throws CommandFailure. */
  kinds(): Promise<StageKinds>;
  /** The value as JSON, or what `lines` makes of it for people. Goes to stdout. */
  result(value: unknown, lines: () => readonly string[]): void;
  /** Lines of progress. They go to stderr. */
  progress(lines: readonly string[]): void;
  /** How to draw on stdout, now. */
  view(): { now: number; width: number; colour: boolean };
};

export function createContext(surroundings: Surroundings, format: OutputFormat): Context {
  const { stdout, stderr, environment, signal } = surroundings;
  return {
    surroundings,
    format,
    api: async () => {
      const [{ createApi }, { readConnection }] = await Promise.all([import('./api.ts'), import('./connection.ts')]);
      return createApi(await readConnection(environment), signal);
    },
    kinds: async () => (await import('./stage-kinds.ts')).configuredKinds(environment),
    result: (value, lines) => {
      if (format === 'json') {
        stdout.write(`${JSON.stringify(value, null, 2)}\n`);
      } else {
        writeLines(stdout, lines());
      }
    },
    progress: (lines) => writeLines(stderr, lines),
    view: () => ({
      now: surroundings.now(),
      width: columnsOf(stdout, environment),
      colour: wantsColour(stdout, environment),
    }),
  };
}

export function writeLines(output: Output, lines: readonly string[]): void {
  if (lines.length > 0) {
    output.write(`${lines.join('\n')}\n`);
  }
}

/** Who asks, as the executions will name them. */
export function currentUser(): string {
  return userInfo().username;
}

/** Waits. Rejects with the signal's reason when it aborts. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { setTimeout } = await import('node:timers/promises');
  await setTimeout(ms, undefined, { signal });
}
