/** `gennaker events`: what arrived from outside, and what came of it. */
import type { EventDescription } from '../api.ts';
import type { Context } from '../context.ts';
import { CommandFailure, UsageError } from '../failure.ts';
import { renderTable } from '../render/table.ts';
import { describeVerdict, verdictLines } from '../requests.ts';
import { painter } from '../terminal.ts';
import { ago, cutTo, shortId, shortIds, wrap } from '../text.ts';

/** Among so many of the latest events a beginning of an id is looked for. */
const MAXIMUM_SEARCHED = 200;

export async function events(
  context: Context,
  what: 'list' | 'show',
  id: string | undefined,
  options: { limit: number },
): Promise<void> {
  if (what === 'show' && id === undefined) {
    throw new UsageError('"events show" needs the id of an event. The latest ones: gennaker events');
  }
  if (what === 'list' && id !== undefined) {
    throw new UsageError(`"events list" takes no id. One event: gennaker events show ${id}`);
  }
  return id === undefined ? listEvents(context, options) : showEvent(context, id);
}

export async function listEvents(context: Context, options: { limit: number }): Promise<void> {
  const api = await context.api();
  const list = await api.events({ limit: options.limit });
  context.result(list, () => {
    if (list.items.length === 0) {
      return ['Nothing has arrived yet. Send a push:  gennaker push IMAGE:TAG'];
    }
    const { now, width, colour } = context.view();
    const short = shortIds(list.items.map(withoutSource));
    const [head = '', ...rows] = renderTable(
      ['ID', 'ARRIVED', 'EVENT', 'WHAT CAME OF IT'],
      list.items.map((entry) => [
        short(withoutSource(entry)),
        ago(Date.parse(entry.receivedAt), now),
        entry.text,
        outcome(entry),
      ]),
      width,
    );
    return [painter(colour)('quiet', head), ...rows];
  });
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
  const more = entry.verdicts.length - 1;
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
  return [...wrap(head, view.width), ...refused, ...changes, ...none, ...verdictLines(entry.verdicts, view.width)];
}

/** The event of this id, or of one that begins so. Throws CommandFailure. */
export async function findEvent(context: Context, id: string): Promise<EventDescription> {
  const api = await context.api();
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
