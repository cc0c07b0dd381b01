/** `gennaker events`: what arrived from outside, and what came of it. */
import { existsSync } from 'node:fs';
import { BadPayload, type SourceEvent } from '../../shared/triggers/source.ts';
import type { EventDescription, EventFilter, EventList } from '../api.ts';
import { type Context, currentUser } from '../context.ts';
import { CommandFailure, EXIT, type ExitCode, UsageError } from '../failure.ts';
import { readText } from '../pipeline-files.ts';
import { renderExplanation } from '../render/explanation.ts';
import { renderTable } from '../render/table.ts';
import { describeVerdict, poll, verdictLines } from '../requests.ts';
import { painter } from '../terminal.ts';
import { ago, count, cutTo, shortId, shortIds, wrap } from '../text.ts';

/** Among so many of the latest events a beginning of an id is looked for. */
const MAXIMUM_SEARCHED = 200;
/** The part of a line that the phrase for an event may take: what came of it is what people look for. */
const SHARE_OF_TEXT = 0.4;
/** Stands for the id of the event that arrived last. */
const LATEST = 'latest';

export type EventsCommand = 'list' | 'show' | 'explain' | 'replay';
export type EventsOptions = EventFilter & { readonly limit: number };

export async function events(
  context: Context,
  what: EventsCommand,
  id: string | undefined,
  options: EventsOptions,
): Promise<ExitCode> {
  if (what === 'list') {
    if (id !== undefined) {
      throw new UsageError(`"events list" takes no id. One event: gennaker events show ${id}`);
    }
    await listEvents(context, options);
    return EXIT.success;
  }
  if (id === undefined) {
    throw new UsageError(`"events ${what}" needs the id of an event. The latest ones: gennaker events`);
  }
  const pipeline = what === 'explain' ? undefined : options.pipeline;
  const needless = Object.entries({ pipeline, source: options.source, verdict: options.verdict });
  const [given] = needless.filter(([, value]) => value !== undefined);
  if (given !== undefined) {
    throw new UsageError(`--${given[0]} chooses among many events; leave it out of "events ${what}".`);
  }
  if (what === 'explain') return explainEvent(context, id, options.pipeline);
  if (what === 'replay') return replayEvent(context, id);
  await showEvent(context, id);
  return EXIT.success;
}

export async function listEvents(context: Context, options: EventsOptions): Promise<void> {
  const api = await context.api();
  const { limit, pipeline, source, verdict } = options;
  const list = await api.events({ limit, pipeline, source, verdict });
  context.result(list, () => {
    if (list.items.length === 0) return [nothingFound(list, [pipeline, source, verdict])];
    const { now, width, colour } = context.view();
    const short = shortIds(list.items.map(withoutSource));
    const [head = '', ...rows] = renderTable(
      ['ID', 'ARRIVED', 'EVENT', 'WHAT CAME OF IT'],
      list.items.map((entry) => [
        short(withoutSource(entry)),
        ago(Date.parse(entry.receivedAt), now),
        cutTo(entry.text, Math.floor(width * SHARE_OF_TEXT)),
        outcome(entry),
      ]),
      width,
    );
    return [painter(colour)('quiet', head), ...rows];
  });
}

function nothingFound({ seenBackTo }: EventList, filters: readonly (string | undefined)[]): string {
  if (filters.every((filter) => filter === undefined)) {
    return 'Nothing has arrived yet. Send a push:  gennaker push IMAGE:TAG';
  }
  const among = seenBackTo === undefined ? 'all that is kept' : `what arrived since ${seenBackTo}`;
  return `No such event among ${among}. All:  gennaker events`;
}

/** The part of an event's id that tells it from others of the same source. */
function withoutSource({ id, source }: EventDescription): string {
  return id.startsWith(`${source}-`) ? id.slice(source.length + 1) : id;
}

function outcome(entry: EventDescription): string {
  if (entry.refused !== undefined) {
    return `refused: ${entry.refused}`;
  }
  if (entry.changes !== undefined && entry.verdicts.length === 0) {
    return entry.changes.length === 0 ? 'changes nothing' : entry.changes.join(', ');
  }
  const telling = entry.verdicts.find((verdict) => verdict.is !== 'filtered') ?? entry.verdicts[0];
  if (telling === undefined) {
    return 'no pipeline looks at it';
  }
  const more = entry.verdicts.length - 1 + (entry.untold ?? 0);
  const told =
    'execution' in telling
      ? `${telling.is} ${shortId(telling.execution)} of ${telling.pipeline}`
      : `${telling.pipeline} ${describeVerdict(telling)}`;
  return `${told}${more > 0 ? `, and ${more} more` : ''}`;
}

export async function showEvent(context: Context, id: string): Promise<void> {
  const entry = await findEvent(context, id);
  context.result(entry, () => eventLines(entry, context.view()));
}

/** The event in lines: what it was, then what each pipeline made of it. */
export function eventLines(entry: EventDescription, view: { now: number; width: number }): string[] {
  const head = `${entry.text}   from ${entry.source}, ${ago(Date.parse(entry.receivedAt), view.now)}`;
  const refused = entry.refused === undefined ? [] : wrap(`Refused: ${entry.refused}`, view.width);
  const changes = (entry.changes ?? []).map((line) => cutTo(`  ${line}`, view.width));
  const none =
    entry.verdicts.length > 0 || entry.refused !== undefined || entry.changes !== undefined
      ? []
      : ['  No pipeline looks at such events. The applied ones:  gennaker get pipelines'];
  const { replay, repeats } = entry;
  const history = [
    ...(replay === undefined ? [] : [`  ${replay.by} had ${replay.of} published again as this one`]),
    ...(repeats === undefined
      ? []
      : [
          `  came again ${count(repeats.times, 'time')}, the last ${ago(Date.parse(repeats.lastAt), view.now)}, and started nothing`,
        ]),
  ];
  return [
    ...wrap(head, view.width),
    ...history,
    ...refused,
    ...changes,
    ...none,
    ...verdictLines(entry.verdicts, view.width),
    ...(entry.untold === undefined ? [] : [`  and ${count(entry.untold, 'verdict')} more, of which nothing is kept`]),
  ];
}

/** The event of this id, or of one that begins so, or the one that arrived last. Throws CommandFailure. */
export async function findEvent(context: Context, id: string): Promise<EventDescription> {
  const api = await context.api();
  if (id === LATEST) {
    const [latest] = (await api.events({ limit: 1 })).items;
    if (latest === undefined)
      throw new CommandFailure('Nothing has arrived yet. Send a push:  gennaker push IMAGE:TAG');
    return latest;
  }
  const exact = await api.event(id);
  if (exact !== undefined) {
    return exact;
  }
  const { items } = await api.events({ limit: MAXIMUM_SEARCHED });
  const [found, other] = items.filter((entry) => entry.id.startsWith(id) || withoutSource(entry).startsWith(id));
  if (found === undefined) {
    throw new CommandFailure(`No event ${id} has been processed. The latest ones:  gennaker events`);
  }
  if (other !== undefined) {
    throw new CommandFailure(`${id} is the beginning of several events, such as ${found.id} and ${other.id}.`);
  }
  return found;
}

/** Which triggers look at it, and what each of their conditions gave. Fails where none takes it. */
async function explainEvent(context: Context, given: string, pipeline: string | undefined): Promise<ExitCode> {
  const api = await context.api();
  const of = existsSync(given)
    ? { event: await readEventOf(context, given) }
    : { id: (await findEvent(context, given)).id };
  const explanation = await api.explain({ ...of, ...(pipeline === undefined ? {} : { pipeline }) });
  if (explanation.unknownPipeline !== undefined) {
    throw new CommandFailure(
      `There is no pipeline ${explanation.unknownPipeline}. The applied ones:  gennaker get pipelines`,
    );
  }
  context.result(explanation, () => renderExplanation(explanation, context.view()));
  return explanation.triggers.some(({ takes }) => takes) ? EXIT.success : EXIT.failure;
}

async function readEventOf(context: Context, file: string): Promise<SourceEvent> {
  const { readEventFile } = await import('../simulate/event-file.ts');
  const read = readEventFile(file, await readText(file));
  if ('problems' in read) {
    throw new CommandFailure(
      read.problems.map(({ line, column, message }) => `${file}:${line}:${column}  ${message}`).join('\n'),
    );
  }
  const { readEvent } = await import('../simulate/event.ts');
  try {
    return readEvent(read.event, context.surroundings.now());
  } catch (error) {
    if (error instanceof BadPayload) throw new CommandFailure(`${file}: ${error.message}.`, { cause: error });
    throw error;
  }
}

/** Publishes it under a new id, and says what came of that. */
async function replayEvent(context: Context, given: string): Promise<ExitCode> {
  const api = await context.api();
  const { id } = await findEvent(context, given);
  const replayed = await api.replay(id, { by: currentUser() });
  const entry = await poll(
    context,
    () => api.event(replayed.event),
    `The event was published again as ${replayed.event}, but nothing came of it`,
  );
  const masked = 'Secrets were taken out of it when it arrived, so conditions on them see "[masked]".';
  context.result({ ...replayed, of: id, verdicts: entry.verdicts }, () => [
    ...(replayed.isMasked ? wrap(masked, context.view().width) : []),
    ...eventLines(entry, context.view()),
  ]);
  return EXIT.success;
}
