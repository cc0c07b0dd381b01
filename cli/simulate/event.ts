/** The event that a simulation begins with: what a sender sends, read by the source that would take it. */
import { didYouMean } from '../../shared/pipeline/nearest.ts';
import type { SettledDefinition } from '../../shared/pipeline/settle.ts';
import { maskSecrets } from '../../shared/triggers/mask.ts';
import { httpSources, messageSources } from '../../shared/triggers/registry.ts';
import { BadPayload, eventProblem, type SourceEvent, type SourceRequest } from '../../shared/triggers/source.ts';
import { OWN_SOURCES, ownEvent } from './own-event.ts';
import type { EventFile } from './script-schema.ts';

/**
 * The one event in the payload. `definition` is the pipeline that it is for, of whose own webhooks and schedules it may
 * be. Throws BadPayload.
 */
export function readEvent(file: EventFile, at: number, definition?: SettledDefinition): SourceEvent {
  const { source, headers, body } = file;
  const request: SourceRequest = {
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
    rawBody: Buffer.from(JSON.stringify(body)),
    pathSecret: '',
  };
  const own = ownEvent(file, request, at, definition);
  const byHttp = httpSources().get(source);
  const byMessage = messageSources().get(source);
  if (own === undefined && byHttp === undefined && byMessage === undefined) {
    const known = [...httpSources().keys(), ...messageSources().keys(), ...OWN_SOURCES];
    const hint = didYouMean(source, known) || `; the sources are ${known.join(', ')}`;
    throw new BadPayload(`"${source}": no such source${hint}`);
  }
  // A message's attributes stand where a request's headers do; its subscription is one of them.
  const { subscription, ...attributes } = headers;
  const message = {
    messageId: 'simulation',
    data: JSON.stringify(body),
    attributes,
    ...(subscription === undefined ? {} : { subscription }),
  };
  const parsed = byHttp?.parse({ body, at, request }) ?? byMessage?.parse({ message, at });
  const events = own === undefined ? (parsed?.events ?? []) : [own];
  const [event] = events;
  if (event === undefined) {
    throw new BadPayload(`reading a ${source} payload: it holds nothing that a trigger could look at`);
  }
  if (events.length > 1) {
    throw new BadPayload(
      `reading a ${source} payload: it holds ${events.length} events; leave the one that this is about`,
    );
  }
  const { id, ...told } = event;
  // As the event is kept where it arrives, so that conditions see here what they would see there.
  const kept = { ...maskSecrets(JSON.parse(JSON.stringify(told))), id } as SourceEvent;
  const problem = eventProblem(kept);
  if (problem !== undefined) throw new BadPayload(problem);
  return kept;
}
