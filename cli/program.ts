/** The command line: its commands, their help, and what they exit with. Each command's code is loaded when it runs. */
import { Command, CommanderError } from 'commander';
import packageJson from '../package.json' with { type: 'json' };
import type { ContextOf, Finish } from './command-parts.ts';
import { createContext } from './context.ts';
import { addEventsCommand } from './event-commands.ts';
import { addExecutionCommands } from './execution-commands.ts';
import { CommandFailure, describeError, EXIT, type ExitCode } from './failure.ts';
import { addFileCommands } from './file-commands.ts';
import { addHoldCommands } from './hold-commands.ts';
import { addRepositoryCommands } from './repository-commands.ts';
import { addSystemCommands } from './system-commands.ts';
import { addTemplateCommands } from './template-commands.ts';
import { columnsOf, type Surroundings, wantsColour } from './terminal.ts';

const EVERYDAY = 'Everyday commands:';
const OTHER = 'More commands:';

const EXIT_CODES = `Exit codes:
  0  success
  1  failure
  2  the command line is wrong
  3  the execution was cancelled or skipped
  4  the plan has changes
That of an execution is told by run --wait, restart --wait, watch --exit-status;
that of a plan by plan --exit-code.`;

const ENVIRONMENT = `Environment:
  GENNAKER_URL          the system to talk to; by default that of this machine
  GENNAKER_TOKEN        its token; not needed for a system on this machine
  GENNAKER_HOOK_SECRET  what its registry hook takes, for push
  GENNAKER_STAGE_KINDS  modules of stage kinds of your own, as a JSON list
  GENNAKER_DEBUG        when set, errors are printed with where they came from
  NO_COLOR, FORCE_COLOR`;

/** Runs one command line, without the program's own name. Everything that it prints goes to `surroundings`. */
export async function run(args: readonly string[], surroundings: Surroundings): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT.success;
  const program = createProgram(surroundings, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) {
      return error.exitCode === 0 ? EXIT.success : EXIT.usage;
    }
    if (surroundings.signal.aborted) {
      return EXIT.interrupted;
    }
    surroundings.stderr.write(`${describeFailure(error, surroundings.environment.GENNAKER_DEBUG)}\n`);
    return error instanceof CommandFailure ? error.exitCode : EXIT.failure;
  }
}

function describeFailure(error: unknown, debug: string | undefined): string {
  if (debug !== undefined && debug !== '' && error instanceof Error) {
    return error.stack ?? error.message;
  }
  return describeError(error);
}

/** The program. A command that has run hands its exit code to `finish`. */
export function createProgram(surroundings: Surroundings, finish: Finish): Command {
  const { stdout, stderr, environment } = surroundings;
  const program = new Command('gennaker')
    .description('Continuous delivery for microservices on Kubernetes.')
    .usage('<command> [options]')
    .version(packageJson.version, '--version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      outputError: (text, write) => write(text.replace(/^error: /u, '')),
      getOutHelpWidth: () => columnsOf(stdout, environment),
      getErrHelpWidth: () => columnsOf(stderr, environment),
      getOutHasColors: () => wantsColour(stdout, environment),
      getErrHasColors: () => wantsColour(stderr, environment),
    })
    .configureHelp({
      subcommandTerm: (command) => `${command.name()} ${command.usage().replace('[options]', '').trim()}`,
    })
    .exitOverride()
    .addHelpText('after', `\n${EXIT_CODES}\n\n${ENVIRONMENT}\n\nMore about a command: gennaker <command> --help`);
  const context: ContextOf = (options) => createContext(surroundings, options.output);
  program.commandsGroup(EVERYDAY);
  addExecutionCommands(program, context, finish);
  program.commandsGroup(OTHER);
  addFileCommands(program, context, finish);
  addTemplateCommands(program, context, finish);
  addEventsCommand(program, context, finish);
  addRepositoryCommands(program, context, finish);
  addHoldCommands(program, context);
  addSystemCommands(program, context);
  for (const command of program.commands) {
    command.helpOption('-h, --help', 'print this help');
    command.showHelpAfterError(`Its help: gennaker ${command.name()} --help`);
  }
  return program.showHelpAfterError('All commands: gennaker --help');
}
