/** The command about events that arrived, for the program. */
import { Argument, type Command, Option } from 'commander';
import { type ContextOf, describe, type Finish, limitOption, outputOption, type WithOutput } from './command-parts.ts';
import type { EventsCommand, EventsOptions } from './commands/events.ts';

const EVENT_VERDICTS = ['started', 'queued', 'skipped', 'filtered', 'failed', 'duplicate', 'refused', 'none'];

export function addEventsCommand(program: Command, context: ContextOf, finish: Finish): void {
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
