/** The commands that stand in for a registry and that run a system, for the program. */
import type { Command } from 'commander';
import { type ContextOf, collect, describe, integer, outputOption, type WithOutput } from './command-parts.ts';

const DEFAULT_PORT = 8080;
const HIGHEST_PORT = 65_535;

export function addSystemCommands(program: Command, context: ContextOf): void {
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
    .option(
      '--port <number>',
      'listen here; 0 takes any free port',
      (text: string) => integer(text, 0, HIGHEST_PORT),
      DEFAULT_PORT,
    )
    .option('--kubeconfig <file>', 'deliver to real clusters instead of the sandbox')
    .option('--context <name=target>', 'a context of that file, and the target it is; may be repeated', collect)
    .action(async (options: { data?: string; port: number; kubeconfig?: string; context?: string[] }) => {
      const { contextsOf } = await import('./commands/up-options.ts');
      const { surroundings } = context({ output: 'text' });
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
