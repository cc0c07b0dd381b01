/** The routes of the inbox: what arrived, what came of it, what would come of it, and doing it again. */
import { z } from 'zod';
import type { Inbox, InboxEntry } from '../../shared/ports/inbox.ts';
import { type SourceEvent, sourceEvent } from '../../shared/triggers/source.ts';
import { timestamp } from '../../shared/use-cases/describe-execution.ts';
import type { Explanation } from '../../shared/use-cases/explain-event.ts';
import { listEvents, VERDICTS } from '../../shared/use-cases/list-events.ts';
import type { Replayed } from '../../shared/use-cases/replay-event.ts';
import { pageQuery, UNNAMED } from './executions.ts';
import { actorOf, json, Refusal, readBody, readQuery } from './http.ts';
import { name } from './pipelines.ts';
import type { Route } from './router.ts';

/** An entry of the inbox, with its times as the API tells times. */
export type EventDescription = Omit<InboxEntry, 'receivedAt' | 'repeats'> & {
  readonly receivedAt: string;
  readonly repeats?: { readonly times: number; readonly lastAt: string };
};

export type EventCommands = {
  readonly explainEvent: (command: { event: SourceEvent; pipeline?: string | undefined }) => Promise<Explanation>;
  readonly replayEvent: (command: { id: string; by: string }) => Promise<Replayed>;
};

const EventsQuery = z.strictObject({
  ...pageQuery,
  pipeline: name.optional(),
  source: name.optional(),
  verdict: z.enum(VERDICTS).optional(),
});
/** Either an event of the inbox, or one that never arrived here. */
const ExplainBody = z.union([
  z.strictObject({ id: name, pipeline: name.optional() }),
  z.strictObject({ event: sourceEvent, pipeline: name.optional() }),
]);
const ReplayBody = z.strictObject({ by: z.string().trim().min(1).max(200).default(UNNAMED) });

export function inboxRoutes(inbox: Pick<Inbox, 'get' | 'list'>, commands: EventCommands): readonly Route[] {
  const found = async (id: string): Promise<InboxEntry> => {
    const entry = await inbox.get({ id });
    if (entry !== undefined) return entry;
    throw new Refusal(404, 'not-found', `No event "${id}" has been processed; gennaker events lists those that were.`);
  };
  const eventOf = async (id: string): Promise<SourceEvent> => {
    const entry = await found(id);
    const parsed = sourceEvent.safeParse(entry.event);
    if (parsed.success) return parsed.data;
    const why = entry.refused ?? 'it is a record of what was done, not of what arrived';
    throw new Refusal(409, 'no-event', `${id} is nothing that a trigger could look at: ${why}`);
  };
  return [
    {
      method: 'GET',
      pattern: '/api/events',
      access: 'person',
      async handle(request) {
        const { entries, seenBackTo } = await listEvents(inbox, readQuery(request, EventsQuery));
        const seen = seenBackTo === undefined ? {} : { seenBackTo: timestamp(seenBackTo) };
        return json(200, { items: entries.map(describeEvent), ...seen });
      },
    },
    {
      method: 'GET',
      pattern: '/api/events/:id',
      access: 'person',
      handle: async (request) => json(200, describeEvent(await found(request.parameters.id ?? ''))),
    },
    {
      method: 'POST',
      pattern: '/api/events/explain',
      access: 'person',
      async handle(request) {
        const body = await readBody(request, ExplainBody);
        const event = 'id' in body ? await eventOf(body.id) : body.event;
        return json(200, await commands.explainEvent({ event, pipeline: body.pipeline }));
      },
    },
    {
      method: 'POST',
      pattern: '/api/events/:id/replay',
      access: 'holder',
      async handle(request) {
        const id = request.parameters.id ?? '';
        const { by } = await readBody(request, ReplayBody);
        const answer = await commands.replayEvent({ id, by: actorOf(request, by) });
        if (answer.is === 'accepted') return json(202, { event: answer.event, isMasked: answer.isMasked });
        if (answer.is === 'unknown') await found(id);
        const why = answer.is === 'unknown' ? 'it is gone' : answer.text;
        throw new Refusal(409, 'not-replayable', `The event ${id} cannot be replayed: ${why}`);
      },
    },
  ];
}

function describeEvent({ repeats, ...entry }: InboxEntry): EventDescription {
  return {
    ...entry,
    receivedAt: timestamp(entry.receivedAt),
    ...(repeats === undefined ? {} : { repeats: { times: repeats.times, lastAt: timestamp(repeats.lastAt) } }),
  };
}
