/** The commands about executions, which people use every day, for the program. */
import type { Command } from 'commander';
import {
  type ContextOf,
  collect,
  describe,
  EXECUTION,
  type Finish,
  limitOption,
  outputOption,
  type WithOutput,
} from './command-parts.ts';
import type { RunOptions } from './commands/run.ts';

export function addExecutionCommands(program: Command, context: ContextOf, finish: Finish): void {
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

function addDecisionCommands(program: Command, context: ContextOf): void {
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
