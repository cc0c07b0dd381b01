/** The page about the command line, made of what `--help` prints. */
import type { Command } from 'commander';
import { createProgram } from '../../cli/program.ts';
import { testSurroundings } from '../../cli/testing/system.ts';

export function cliReference(): string {
  const { surroundings } = testSurroundings();
  const program = createProgram(surroundings, () => undefined);
  const sections = program.commands.flatMap((command) => sectionsOf('gennaker', command));
  return [
    '# The command line',
    '',
    'This page is what `gennaker --help` and `gennaker <command> --help` print; a test keeps it so.',
    'In a checkout, type `npx gennaker` for `gennaker`.',
    '',
    ...section('gennaker', program).slice(2),
    ...sections.flat(),
  ].join('\n');
}

type Program = Command;

/** Of the command, and of those below it. */
function sectionsOf(parent: string, command: Program): string[][] {
  const title = `${parent} ${command.name()}`;
  return [section(title, command), ...command.commands.flatMap((below) => sectionsOf(title, below))];
}

function section(title: string, command: Program): string[] {
  let help = '';
  command.configureOutput({
    ...command.configureOutput(),
    writeOut: (text) => {
      help += text;
    },
  });
  command.outputHelp();
  return [`## ${title}`, '', '```text', help.trimEnd(), '```', ''];
}
