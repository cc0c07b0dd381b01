/** The commands about windows, freezes and pauses, for the program. */
import { Argument, type Command } from 'commander';
import { type ContextOf, collect, describe, EXECUTION, outputOption, type WithOutput } from './command-parts.ts';
import type { WindowOptions } from './commands/holds.ts';

/** The kinds of things that can be paused. */
const PAUSABLE = ['pipeline', 'trigger', 'target', 'execution'] as const;

export function addHoldCommands(program: Command, context: ContextOf): void {
  const reasonOf = 'why, for those who look at it later';

  describe(program.command('windows'), 'say when executions may begin: for a pipeline, a team or a target', [
    'gennaker windows set target:jp --hours 10:00-17:00 --timezone Asia/Tokyo --except 2026-12-31',
    'gennaker windows list',
    'gennaker windows remove target:jp',
  ])
    .addArgument(new Argument('<what>', 'what to do').choices(['set', 'list', 'remove']))
    .argument('[scope]', 'target:NAME, team:NAME or pipeline:NAME')
    .option('--hours <from-to>', 'with set: from when to when')
    .option('--days <days>', 'with set: on which days: mon,tue,…; by default mon to fri')
    .option('--timezone <name>', 'with set: whose clocks count; by default UTC')
    .option('--except <date>', 'with set: a date on which it does not open; may be repeated', collect)
    .option('--file <file>', 'with set: a list of windows, written as in a pipeline file')
    .addOption(outputOption())
    .action(async (what: string, scope: string | undefined, options: WithOutput & WindowOptions) => {
      const commands = await import('./commands/holds.ts');
      if (what === 'set') await commands.setWindows(context(options), scope, options);
      else if (what === 'remove') await commands.removeWindows(context(options), scope);
      else await commands.listWindows(context(options));
    });

  describe(program.command('freeze'), 'keep everything, or a part, from beginning for a while', [
    'gennaker freeze add golden-week --until 2027-05-06T00:00:00+09:00 --reason "holidays"',
    'gennaker freeze add incident-42 --scope target:jp --reason "the network is bad"',
    'gennaker freeze lift incident-42',
    'gennaker freeze apply freezes.yaml',
    'gennaker freeze list',
  ])
    .addArgument(new Argument('<what>', 'what to do').choices(['add', 'lift', 'apply', 'list']))
    .argument('[name]', 'the name of the freeze; with apply: the file that lists those that come from it')
    .option('--scope <scope>', 'with add: target:NAME, team:NAME or pipeline:NAME', 'all')
    .option('--from <time>', 'with add: when it begins; by default now')
    .option('--until <time>', 'with add: when it ends by itself; by default when it is lifted')
    .option('--reason <text>', `with add: ${reasonOf}`)
    .addOption(outputOption())
    .action(
      async (
        what: string,
        name: string | undefined,
        options: WithOutput & { scope: string; from?: string; until?: string; reason?: string },
      ) => {
        const commands = await import('./commands/holds.ts');
        if (what === 'add') await commands.addFreeze(context(options), name, options);
        else if (what === 'lift') await commands.liftFreeze(context(options), name);
        else if (what === 'apply') await commands.applyFreezes(context(options), name);
        else await commands.listFreezes(context(options));
      },
    );

  const pausable = () => new Argument('<kind>', 'what sort of thing').choices(PAUSABLE);
  const pausableName = 'its name; of a trigger PIPELINE/POSITION, counted from 0; of an execution its id';

  describe(program.command('pause'), 'keep a pipeline, a trigger, a target or an execution from going on', [
    'gennaker pause pipeline items-api --reason "the database moves"',
    'gennaker pause trigger items-api/0 --reason "too many pushes"',
  ])
    .addArgument(pausable())
    .argument('<name>', pausableName)
    .requiredOption('--reason <text>', reasonOf)
    .addOption(outputOption())
    .action(async (kind: string, name: string, options: WithOutput & { reason: string }) => {
      const { pause } = await import('./commands/holds.ts');
      await pause(context(options), kind, name, options.reason);
    });

  describe(program.command('resume'), 'let what was paused go on', ['gennaker resume pipeline items-api'])
    .addArgument(pausable())
    .argument('<name>', pausableName)
    .option('--reason <text>', reasonOf)
    .addOption(outputOption())
    .action(async (kind: string, name: string, options: WithOutput & { reason?: string }) => {
      const { resume } = await import('./commands/holds.ts');
      await resume(context(options), kind, name, options.reason);
    });

  for (const [what, sentence] of [
    ['skip', 'go on without a stage that waits'],
    ['override', 'let a stage begin in spite of a window or a freeze'],
  ] as const) {
    describe(program.command(what), sentence, [`gennaker ${what} 7f3k2 deploy-jp --reason "agreed with on-call"`])
      .argument('<id>', EXECUTION)
      .argument('<stage>', 'the stage')
      .requiredOption('--reason <text>', reasonOf)
      .addOption(outputOption())
      .action(async (id: string, stage: string, options: WithOutput & { reason: string }) => {
        const { letGo } = await import('./commands/holds.ts');
        await letGo(context(options), what, id, stage, options.reason);
      });
  }
}
