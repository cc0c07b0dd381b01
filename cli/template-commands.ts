/** The commands about templates, for the program. */
import type { Command } from 'commander';
import { type ContextOf, describe, type Finish, integer, outputOption, type WithOutput } from './command-parts.ts';

const MAXIMUM_PROOF = 1_000;

export function addTemplateCommands(program: Command, context: ContextOf, finish: Finish): void {
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
