/** The page about the command line, made of what `--help` prints. */
import { createProgram } from '../../cli/program.ts';
import { testSurroundings } from '../../cli/testing/system.ts';

export function cliReference(): string {
  const { surroundings } = testSurroundings();
  const program = createProgram(surroundings, () => undefined);
  const sections = program.commands.map((command) => section(`gennaker ${command.name()}`, command));
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

type Program = ReturnType<typeof createProgram>;

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
