/** The commands about Git repositories and the teams that they belong to, for the program. */
import { Argument, type Command, Option } from 'commander';
import { type ContextOf, collect, describe, type Finish, outputOption, type WithOutput } from './command-parts.ts';
import type { AddOptions } from './commands/repositories.ts';

export function addRepositoryCommands(program: Command, context: ContextOf, finish: Finish): void {
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
