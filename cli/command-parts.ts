/** What the declarations of all commands share: how one is described, and the options that several have. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Context, OutputFormat } from './context.ts';
import type { ExitCode } from './failure.ts';

/** Takes the exit code of a command that has run. */
export type Finish = (code: ExitCode) => void;
export type WithOutput = { readonly output: OutputFormat };
export type ContextOf = (options: WithOutput) => Context;

/** How help names the argument that is an execution. */
export const EXECUTION = 'an execution, by any unique beginning of its id';

const MAXIMUM_LISTED = 200;
const DEFAULT_LISTED = 20;

/** Gives the command its sentence, without a capital and a full stop, and its examples. */
export function describe(command: Command, summary: string, examples: readonly string[]): Command {
  const heading = examples.length === 1 ? 'Example:' : 'Examples:';
  return command
    .summary(summary)
    .description(`${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`)
    .addHelpText('after', `\n${heading}\n${examples.map((example) => `  ${example}`).join('\n')}`);
}

export function outputOption(): Option {
  return new Option('-o, --output <format>', 'the form of the result').choices(['text', 'json']).default('text');
}

export function limitOption(): Option {
  return new Option('--limit <number>', `how many to list, at most ${MAXIMUM_LISTED}`)
    .default(DEFAULT_LISTED)
    .argParser((text) => integer(text, 1, MAXIMUM_LISTED));
}

/** Parses an option that is a whole number. Throws InvalidArgumentError. */
export function integer(text: string, least: number, most: number): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isInteger(value) || value < least || value > most) {
    throw new InvalidArgumentError(`It is a whole number from ${least} to ${most}.`);
  }
  return value;
}

/** Parses an option that may be repeated. */
export function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}
