/** The command line: its commands, their help, and what they exit with. Each command's code is loaded when it runs. */
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import packageJson from '../package.json' with { type: 'json' };
import type { EventsCommand, EventsOptions } from './commands/events.ts';
import type { PlanOptions } from './commands/plan.ts';
import type { AddOptions } from './commands/repositories.ts';
import type { RunOptions } from './commands/run.ts';
import type { SimulateOptions } from './commands/simulate.ts';
import { type Context, createContext, type OutputFormat } from './context.ts';
import { CommandFailure, describeError, EXIT, type ExitCode, UsageError } from './failure.ts';
import { addHoldCommands } from './hold-commands.ts';
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

  describe(
    program.command('get'),
    'list executions, pipelines, events, templates or the catalog, or show one of them',
    [
      'gennaker get executions --pipeline items-api',
      'gennaker get execution 7f3k2',
      'gennaker get executions -o json',
      'gennaker get template microservice',
      'gennaker get catalog --search social',
    ],
  )
    .argument('<kind>', 'executions, pipelines, events, templates or catalog')
    .argument('[id]', 'one of them')
    .option('--pipeline <name>', 'only executions of this pipeline')
    .option('--search <words>', 'only what the catalog has with all of these words')
    .addOption(limitOption())
    .addOption(outputOption())
    .action(
      async (
        kind: string,
        id: string | undefined,
        options: WithOutput & { pipeline?: string; search?: string; limit: number },
      ) => {
        const { get } = await import('./commands/get.ts');
        await get(context(options), kind, id, options);
      },
    );

  describe(program.command('run'), 'start a pipeline', [
    'gennaker run items-api',
    'gennaker run items-api --image api=1.3.0 --wait',
    'gennaker run items-api --dry-run',
  ])
    .argument('<pipeline>', 'its name')
    .option('--image <name=tag>', 'the tag to deliver of an image; may be repeated', collect)
    .option('--input <name=value>', 'an input of the pipeline; may be repeated', collect)
    .option('--wait', 'follow it, and exit with 0, 1 or 3, as it ends')
    .option('--dry-run', 'show the plan that would run, and start nothing')
    .addOption(outputOption())
    .action(async (pipeline: string, options: WithOutput & RunOptions) => {
      const commands = await import('./commands/run.ts');
      finish(await commands.run(context(options), pipeline, options));
    });

  describe(program.command('restart'), 'run an execution that has ended again, as a new one', [
    'gennaker restart 7f3k2 --wait',
    'gennaker restart 7f3k2 --newest',
  ])
    .argument('<id>', EXECUTION)
    .option('--newest', 'with the newest plan of the pipeline; it says from where it goes on')
    .option('--wait', 'follow it, and exit with 0, 1 or 3, as it ends')
    .addOption(outputOption())
    .action(async (id: string, options: WithOutput & { wait?: boolean; newest?: boolean }) => {
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

  addDecisionCommands(program, context);

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

function addDecisionCommands(program: Command, context: (options: WithOutput) => Context): void {
  type Options = WithOutput & { choice?: string; reason?: string; plan?: string };
  describe(program.command('approve'), 'approve a stage that waits for people', [
    'gennaker approve 7f3k2 --reason "dashboards are calm"',
    'gennaker approve 7f3k2 rollout --choice half',
  ])
    .argument('<id>', EXECUTION)
    .argument('[stage]', 'the stage; needed where more than one waits')
    .option('--choice <name>', 'what to choose, where the stage has choices')
    .option('--reason <text>', 'why, for those who look at it later')
    .option('--plan <hash>', 'refuse where the execution runs another plan than this')
    .addOption(outputOption())
    .action(async (id: string, stage: string | undefined, options: Options) => {
      const { decide } = await import('./commands/decide.ts');
      await decide(context(options), 'approve', id, stage, options);
    });

  describe(program.command('reject'), 'reject a stage that waits for people, which then fails', [
    'gennaker reject 7f3k2 --reason "error rate rises"',
  ])
    .argument('<id>', EXECUTION)
    .argument('[stage]', 'the stage; needed where more than one waits')
    .option('--reason <text>', 'why, for those who look at it later')
    .option('--plan <hash>', 'refuse where the execution runs another plan than this')
    .addOption(outputOption())
    .action(async (id: string, stage: string | undefined, options: Options) => {
      const { decide } = await import('./commands/decide.ts');
      await decide(context(options), 'reject', id, stage, options);
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

  describe(program.command('schema'), 'print the JSON Schema of pipelines and templates, for editors', [
    'gennaker schema > gennaker.schema.json',
  ]).action(async () => {
    const { schema } = await import('./commands/schema.ts');
    await schema(context({ output: 'text' }));
  });

  addPlanCommand(program, context, finish);

  describe(
    program.command('render'),
    'print the manifests of a pipeline as a plan carries them; needs no running system',
    ['gennaker render', 'gennaker render gennaker.yaml --image api=1.3.0 --target jp'],
  )
    .argument('[file]', 'a pipeline file', 'gennaker.yaml')
    .option('--image <name=tag>', 'an image to put in: TAG, or TAG@sha256:…; may be repeated', collect)
    .option('--input <name=value>', 'an input of the pipeline; may be repeated', collect)
    .option('--target <name>', 'the target, where the manifests depend on it')
    .addOption(outputOption())
    .action(async (file: string, options: WithOutput & { image?: string[]; input?: string[]; target?: string }) => {
      const { render } = await import('./commands/render.ts');
      finish(await render(context(options), file, options));
    });

  describe(program.command('apply'), 'create or change pipelines, with the manifests that they name', [
    'gennaker apply gennaker.yaml',
    'gennaker apply --plan plan.json',
  ])
    .argument('[files...]', 'pipeline files')
    .option('--plan <file>', 'apply a plan that was saved with plan --out, if it still holds')
    .option('--override', 'also pipelines that a Git repository manages, until its next change; needs --reason')
    .option('--reason <text>', 'with --override: why, for those who look at it later')
    .addOption(outputOption())
    .action(async (files: string[], options: WithOutput & { plan?: string; override?: true; reason?: string }) => {
      const { override, reason } = options;
      if ((override === undefined) !== (reason === undefined)) {
        throw new UsageError('--override and --reason go together: gennaker apply FILE --override --reason "…"');
      }
      if (override !== undefined && options.plan !== undefined) {
        throw new UsageError('--override goes with files, not with a saved plan.');
      }
      if ((options.plan === undefined) === (files.length === 0)) {
        throw new UsageError('apply takes pipeline files, or a saved plan: gennaker apply --plan FILE');
      }
      if (options.plan !== undefined) {
        const { applySaved } = await import('./commands/plan.ts');
        finish(await applySaved(context(options), options.plan));
        return;
      }
      const { apply } = await import('./commands/apply.ts');
      finish(await apply(context(options), files, reason === undefined ? undefined : { reason }));
    });

  addSimulateCommand(program, context, finish);
  addTemplateCommands(program, context, finish);
  addEventsCommand(program, context, finish);
  addRepositoryCommands(program, context, finish);
  addHoldCommands(program, context, { describe, outputOption, collect });

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

function addSimulateCommand(program: Command, context: (options: WithOutput) => Context, finish: Finish): void {
  describe(
    program.command('simulate'),
    'run a pipeline on virtual time and a sandbox cluster, and test it by scripts',
    [
      'gennaker simulate gennaker.yaml --image api=1.2.3',
      'gennaker simulate gennaker.yaml --event push.json --script tests/broken.yaml',
    ],
  )
    .argument('<file>', 'a pipeline file')
    .option('--event <file>', 'what starts it: { source, body } as JSON or YAML, the body as the sender sends it')
    .option('--image <name=tag>', 'start it by hand, with this tag of an image; may be repeated', collect)
    .option('--input <name=value>', 'start it by hand, with this input; may be repeated', collect)
    .option('--script <file>', 'what happens in the simulation, and what is expected; may be repeated', collect)
    .option(
      '--template <file>',
      'a template that the pipeline uses, beside those of the library; may be repeated',
      collect,
    )
    .option('--pipeline <name>', 'the pipeline, where the file has several')
    .addOption(outputOption())
    .action(async (file: string, options: WithOutput & SimulateOptions) => {
      const { simulate } = await import('./commands/simulate.ts');
      finish(await simulate(context(options), file, options));
    });
}

function addRepositoryCommands(program: Command, context: (options: WithOutput) => Context, finish: Finish): void {
  describe(program.command('repositories'), 'register Git repositories, whose branch is then what is live', [
    'gennaker repositories add items --url https://github.com/acme/items --folder deploy --team items',
    'gennaker repositories sync items',
    'gennaker repositories list',
  ])
    .addArgument(new Argument('<what>', 'what to do').choices(['add', 'list', 'remove', 'sync']))
    .argument('[id]', 'the name that the repository has here')
    .option('--url <url>', 'with add: its http(s) URL')
    .option('--branch <name>', 'with add: the branch that is live', 'main')
    .option('--folder <path>', 'with add: where its pipelines are; may be repeated; by default all of it', collect)
    .option('--team <name>', 'with add: the team that it belongs to')
    .addOption(
      new Option('--host <kind>', 'with add: github where it is a GitHub of your own').choices(['github', 'git']),
    )
    .option('--secret <name>', 'with add: the secret that verifies its pushes; by default git-ID-push')
    .option('--credentials <name>', 'with add: the secret that opens it, where it is private')
    .addOption(outputOption())
    .action(async (what: string, id: string | undefined, options: WithOutput & AddOptions) => {
      const commands = await import('./commands/repositories.ts');
      if (what === 'add') await commands.addRepository(context(options), id, options);
      else if (what === 'remove') await commands.removeRepository(context(options), id);
      else if (what === 'sync') finish(await commands.syncRepository(context(options), id));
      else await commands.listRepositories(context(options), id);
    });

  describe(program.command('teams'), 'say which pipelines, targets and namespaces a team may use', [
    "gennaker teams set items --pipeline 'items-*' --target jp --target us --namespace items",
    'gennaker teams list',
  ])
    .addArgument(new Argument('<what>', 'what to do').choices(['set', 'list', 'remove']))
    .argument('[name]', 'the name of the team')
    .option('--pipeline <pattern>', 'names that its pipelines may have; may be repeated; by default NAME-*', collect)
    .option('--target <pattern>', 'targets that it may use; may be repeated', collect)
    .option('--namespace <pattern>', 'namespaces that it may use; may be repeated; by default NAME', collect)
    .addOption(outputOption())
    .action(
      async (
        what: string,
        name: string | undefined,
        options: WithOutput & { pipeline?: string[]; target?: string[]; namespace?: string[] },
      ) => {
        const commands = await import('./commands/repositories.ts');
        const { pipeline: pipelines, target: targets, namespace: namespaces } = options;
        if (what === 'set') {
          await commands.setTeam(context(options), name, {
            ...(pipelines === undefined ? {} : { pipelines }),
            ...(targets === undefined ? {} : { targets }),
            ...(namespaces === undefined ? {} : { namespaces }),
          });
        } else if (what === 'remove') await commands.removeTeam(context(options), name);
        else await commands.listTeams(context(options), name);
      },
    );
}

function addPlanCommand(program: Command, context: (options: WithOutput) => Context, finish: Finish): void {
  describe(program.command('plan'), 'show what pipeline files would change, of pipelines and of clusters', [
    'gennaker plan',
    'gennaker plan gennaker.yaml --image api=1.3.0',
    'gennaker plan --out plan.json && gennaker apply --plan plan.json',
  ])
    .argument('[files...]', 'pipeline files; by default gennaker.yaml')
    .option('--image <name=ref>', 'a tag to deliver of an image, or a reference; may be repeated', collect)
    .option('--input <name=value>', 'an input of the pipelines; may be repeated', collect)
    .option('--trigger <event>', 'plan what this event would start, by any unique beginning of its id')
    .option('--out <file>', 'save the plan, to be applied as it is')
    .option('--offline', 'check the files and show their stages; needs no running system')
    .option('--exit-code', 'exit with 4 where anything would change')
    .addOption(outputOption())
    .action(async (files: string[], options: WithOutput & PlanOptions) => {
      const { plan } = await import('./commands/plan.ts');
      finish(await plan(context(options), files, options));
    });
}

function addTemplateCommands(program: Command, context: (options: WithOutput) => Context, finish: Finish): void {
  describe(program.command('copy'), 'print a pipeline as a new file, with inputs for its names and images', [
    'gennaker copy items-api > gennaker.yaml',
    'gennaker copy items-api --out ./profile-api',
  ])
    .argument('<pipeline>', 'its name')
    .option('--out <dir>', 'write it there instead, with the files that it names')
    .addOption(outputOption())
    .action(async (pipeline: string, options: WithOutput & { out?: string }) => {
      const { copy } = await import('./commands/templates.ts');
      await copy(context(options), pipeline, options);
    });

  const templates = describe(program.command('templates'), 'publish templates, and see what a version would change', [
    'gennaker templates publish microservice.yaml --rings "10%,50%,100%" --after 3',
    'gennaker templates impact microservice.yaml',
    'gennaker templates rollout microservice',
    'gennaker templates rollback microservice',
  ]);
  describe(templates.command('publish'), 'publish a version of a template, at once or in rings', [
    'gennaker templates publish microservice.yaml',
    'gennaker templates publish microservice.yaml --rings "items-*,10%,100%" --after 5',
  ])
    .argument('<file>', 'the file of the template')
    .option('--rings <list>', 'shares of the pipelines, or names of pipelines, that get it one after the other')
    .option('--after <number>', 'successful executions in a ring before the next; by default 3', (text: string) =>
      integer(text, 1, MAXIMUM_PROOF),
    )
    .option('--take-over', 'the owner in the file takes the template over from the one before')
    .addOption(outputOption())
    .action(async (file: string, options: WithOutput & { rings?: string; after?: number; takeOver?: boolean }) => {
      const { publish } = await import('./commands/templates.ts');
      finish(await publish(context(options), file, options));
    });
  describe(templates.command('impact'), 'show every pipeline that a version would change or break', [
    'gennaker templates impact microservice.yaml',
  ])
    .argument('<file>', 'the file of the template')
    .addOption(outputOption())
    .action(async (file: string, options: WithOutput) => {
      const { impact } = await import('./commands/templates.ts');
      finish(await impact(context(options), file));
    });
  describe(templates.command('rollout'), 'show where the newest version stands, and why it waits', [
    'gennaker templates rollout microservice',
  ])
    .argument('<template>', 'its name')
    .option('--continue', 'let a rollout that has stopped go on')
    .addOption(outputOption())
    .action(async (template: string, options: WithOutput & { continue?: boolean }) => {
      const { rollout } = await import('./commands/templates.ts');
      await rollout(context(options), template, options);
    });
  describe(
    templates.command('rollback'),
    'withdraw the newest version, and put every pipeline back on the one before',
    ['gennaker templates rollback microservice'],
  )
    .argument('<template>', 'its name')
    .addOption(outputOption())
    .action(async (template: string, options: WithOutput) => {
      const { rollback } = await import('./commands/templates.ts');
      await rollback(context(options), template);
    });
  describe(templates.command('deprecate'), 'tell those who use a version to leave it', [
    'gennaker templates deprecate microservice@2.0.0 --message "use 2.1.0: it drains requests"',
  ])
    .argument('<version>', 'as in microservice@2.0.0')
    .option('--message <text>', 'why, and what to use instead')
    .option('--undo', 'take it back')
    .addOption(outputOption())
    .action(async (version: string, options: WithOutput & { message?: string; undo?: boolean }) => {
      const { deprecate } = await import('./commands/templates.ts');
      await deprecate(context(options), version, options);
    });
  for (const command of templates.commands) command.helpOption('-h, --help', 'print this help');
}

const MAXIMUM_PROOF = 1_000;

function addEventsCommand(program: Command, context: (options: WithOutput) => Context, finish: Finish): void {
  describe(program.command('events'), 'list what arrived from outside, why it started what it did, or do it again', [
    'gennaker events --pipeline items-api --verdict filtered',
    'gennaker events show 3c1e9a0',
    'gennaker events explain 3c1e9a0 --pipeline items-api',
    'gennaker events explain push.json',
    'gennaker events replay 3c1e9a0',
  ])
    .addArgument(
      new Argument('[what]', 'show: one event in full; explain: what each trigger makes of it; replay: publish it anew')
        .choices(['list', 'show', 'explain', 'replay'])
        .default('list'),
    )
    .argument(
      '[id]',
      'an event, by any unique beginning of its id, or latest; with explain also a file, as simulate --event takes',
    )
    .option('--pipeline <name>', 'only events that it looked at; with explain: all of its triggers')
    .option('--source <name>', 'only of this source')
    .addOption(new Option('--verdict <verdict>', 'only with such a verdict').choices(EVENT_VERDICTS))
    .addOption(limitOption())
    .addOption(outputOption())
    .action(async (what: EventsCommand, id: string | undefined, options: WithOutput & EventsOptions) => {
      const { events } = await import('./commands/events.ts');
      finish(await events(context(options), what, id, options));
    });
}

const EVENT_VERDICTS = ['started', 'queued', 'skipped', 'filtered', 'failed', 'duplicate', 'refused', 'none'];

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
