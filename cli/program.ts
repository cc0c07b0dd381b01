/** The command line: its commands, their help, and what they exit with. Each command's code is loaded when it runs. */
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import packageJson from '../package.json' with { type: 'json' };
import { type Context, createContext, type OutputFormat } from './context.ts';
import { CommandFailure, describeError, EXIT, type ExitCode } from './failure.ts';
import { columnsOf, type Surroundings, wantsColour } from './terminal.ts';

const EVERYDAY = 'Everyday commands:';
const OTHER = 'More commands:';

const EXECUTION = 'an execution, by any unique beginning of its id';

const MAXIMUM_LISTED = 200;
const DEFAULT_LISTED = 20;

const EXIT_CODES = `Exit codes:
  0  success
  1  failure
  2  the command line is wrong
  3  the execution was cancelled or skipped
That of an execution is told by run --wait, restart --wait, watch --exit-status.`;

const ENVIRONMENT = `Environment:
  GENNAKER_URL          the system to talk to; by default that of this machine
  GENNAKER_TOKEN        its token; not needed for a system on this machine
  GENNAKER_HOOK_SECRET  what its registry hook takes, for push
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
export function createProgram(surroundings: Surroundings, finish: (code: ExitCode) => void): Command {
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
  addEverydayCommands(program, surroundings, finish);
  addOtherCommands(program, surroundings, finish);
  for (const command of program.commands) {
    command.helpOption('-h, --help', 'print this help');
    command.showHelpAfterError(`Its help: gennaker ${command.name()} --help`);
  }
  return program.showHelpAfterError('All commands: gennaker --help');
}

type Finish = (code: ExitCode) => void;
type WithOutput = { readonly output: OutputFormat };

function addEverydayCommands(program: Command, surroundings: Surroundings, finish: Finish): void {
  const context = (options: WithOutput): Context => createContext(surroundings, options.output);
  program.commandsGroup(EVERYDAY);

  describe(program.command('watch'), 'follow an execution live', [
    'gennaker watch',
    'gennaker watch 7f3k2 --exit-status',
  ])
    .argument('[id]', `${EXECUTION}; by default the latest`)
    .option('--exit-status', 'exit with 0, 1 or 3, as the execution ends')
    .addOption(outputOption())
    .action(async (id: string | undefined, options: WithOutput & { exitStatus?: boolean }) => {
      const { watch } = await import('./commands/watch.ts');
      finish(await watch(context(options), id, options));
    });

  describe(program.command('why'), 'say why an execution is where it is, and how to go on', [
    'gennaker why',
    'gennaker why 7f3k2',
  ])
    .argument('[id]', `${EXECUTION}; by default the latest`)
    .addOption(outputOption())
    .action(async (id: string | undefined, options: WithOutput) => {
      const { why } = await import('./commands/why.ts');
      await why(context(options), id);
    });

  describe(program.command('get'), 'list executions, pipelines or events, or show one of them', [
    'gennaker get executions --pipeline items-api',
    'gennaker get execution 7f3k2',
    'gennaker get executions -o json',
  ])
    .argument('<kind>', 'executions, pipelines or events')
    .argument('[id]', 'one of them')
    .option('--pipeline <name>', 'only executions of this pipeline')
    .addOption(limitOption())
    .addOption(outputOption())
    .action(
      async (kind: string, id: string | undefined, options: WithOutput & { pipeline?: string; limit: number }) => {
        const { get } = await import('./commands/get.ts');
        await get(context(options), kind, id, options);
      },
    );

  describe(program.command('run'), 'start a pipeline', [
    'gennaker run items-api',
    'gennaker run items-api --image api=1.3.0 --wait',
  ])
    .argument('<pipeline>', 'its name')
    .option('--image <name=tag>', 'the tag to deliver of an image; may be repeated', collect)
    .option('--input <name=value>', 'an input of the pipeline; may be repeated', collect)
    .option('--wait', 'follow it, and exit with 0, 1 or 3, as it ends')
    .addOption(outputOption())
    .action(async (pipeline: string, options: WithOutput & { image?: string[]; input?: string[]; wait?: boolean }) => {
      const commands = await import('./commands/run.ts');
      finish(await commands.run(context(options), pipeline, options));
    });

  describe(program.command('restart'), 'run an execution that has ended again, as a new one', [
    'gennaker restart 7f3k2 --wait',
  ])
    .argument('<id>', EXECUTION)
    .option('--wait', 'follow it, and exit with 0, 1 or 3, as it ends')
    .addOption(outputOption())
    .action(async (id: string, options: WithOutput & { wait?: boolean }) => {
      const { restart } = await import('./commands/run.ts');
      finish(await restart(context(options), id, options));
    });

  describe(program.command('cancel'), 'stop an execution', ['gennaker cancel 7f3k2 --reason "wrong version"'])
    .argument('<id>', EXECUTION)
    .option('--reason <text>', 'why, for those who look at it later')
    .addOption(outputOption())
    .action(async (id: string, options: WithOutput & { reason?: string }) => {
      const { cancel } = await import('./commands/cancel.ts');
      await cancel(context(options), id, options);
    });

  describe(program.command('logs'), 'print everything that happened in an execution, in order', [
    'gennaker logs 7f3k2',
    'gennaker logs 7f3k2 --stage deploy',
  ])
    .argument('[id]', `${EXECUTION}; by default the latest`)
    .option('--stage <id>', 'only of this stage')
    .addOption(outputOption())
    .action(async (id: string | undefined, options: WithOutput & { stage?: string }) => {
      const { logs } = await import('./commands/logs.ts');
      await logs(context(options), id, options);
    });
}

function addOtherCommands(program: Command, surroundings: Surroundings, finish: Finish): void {
  const context = (options: WithOutput): Context => createContext(surroundings, options.output);
  program.commandsGroup(OTHER);

  describe(program.command('validate'), 'check pipeline files; needs no running system', [
    'gennaker validate gennaker.yaml',
  ])
    .argument('<files...>', 'pipeline files')
    .addOption(outputOption())
    .action(async (files: string[], options: WithOutput) => {
      const { validate } = await import('./commands/apply.ts');
      finish(await validate(context(options), files));
    });

  describe(program.command('apply'), 'create or change pipelines, with the manifests that they name', [
    'gennaker apply gennaker.yaml',
  ])
    .argument('<files...>', 'pipeline files')
    .addOption(outputOption())
    .action(async (files: string[], options: WithOutput) => {
      const { apply } = await import('./commands/apply.ts');
      finish(await apply(context(options), files));
    });

  addEventsCommand(program, context);

  describe(program.command('push'), 'tell the system of a pushed image, as a registry would', [
    'gennaker push asia-northeast1-docker.pkg.dev/acme/items/items-api:1.2.3',
  ])
    .argument('<image>', 'the image, with its tag')
    .addOption(outputOption())
    .action(async (image: string, options: WithOutput) => {
      const { push } = await import('./commands/push.ts');
      await push(context(options), image);
    });

  describe(program.command('up'), 'run a whole system on this machine', [
    'gennaker up',
    'gennaker up --data ~/gennaker',
    'gennaker up --kubeconfig ~/.kube/config --context tokyo=jp --context iowa=us',
  ])
    .option('--data <dir>', 'keep the state here; without it a fresh one is kept for this run only')
    .option('--port <number>', 'listen here; 0 takes any free port', portOf, DEFAULT_PORT)
    .option('--kubeconfig <file>', 'deliver to real clusters instead of the sandbox')
    .option('--context <name=target>', 'a context of that file, and the target it is; may be repeated', collect)
    .action(async (options: { data?: string; port: number; kubeconfig?: string; context?: string[] }) => {
      const { contextsOf } = await import('./commands/up-options.ts');
      const contexts = contextsOf(options);
      const { up } = await import('./up.ts');
      await up({
        port: options.port,
        contexts,
        signal: surroundings.signal,
        ...(options.data === undefined ? {} : { data: options.data }),
        ...(options.kubeconfig === undefined ? {} : { kubeconfig: options.kubeconfig }),
      });
    });
}

function addEventsCommand(program: Command, context: (options: WithOutput) => Context): void {
  describe(program.command('events'), 'list what arrived from outside and what came of it', [
    'gennaker events',
    'gennaker events show 3c1e9a0',
  ])
    .addArgument(new Argument('[what]', 'show: one event in full').choices(['list', 'show']).default('list'))
    .argument('[id]', 'with show: an event, by any unique beginning of its id')
    .addOption(limitOption())
    .addOption(outputOption())
    .action(async (what: 'list' | 'show', id: string | undefined, options: WithOutput & { limit: number }) => {
      const { events } = await import('./commands/events.ts');
      await events(context(options), what, id, options);
    });
}

const DEFAULT_PORT = 8080;
const HIGHEST_PORT = 65_535;

function describe(command: Command, summary: string, examples: readonly string[]): Command {
  const heading = examples.length === 1 ? 'Example:' : 'Examples:';
  return command
    .summary(summary)
    .description(`${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`)
    .addHelpText('after', `\n${heading}\n${examples.map((example) => `  ${example}`).join('\n')}`);
}

function outputOption(): Option {
  return new Option('-o, --output <format>', 'the form of the result').choices(['text', 'json']).default('text');
}

function limitOption(): Option {
  return new Option('--limit <number>', `how many to list, at most ${MAXIMUM_LISTED}`)
    .default(DEFAULT_LISTED)
    .argParser((text) => integer(text, 1, MAXIMUM_LISTED));
}

function portOf(text: string): number {
  return integer(text, 0, HIGHEST_PORT);
}

function integer(text: string, least: number, most: number): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isInteger(value) || value < least || value > most) {
    throw new InvalidArgumentError(`It is a whole number from ${least} to ${most}.`);
  }
  return value;
}

function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}
