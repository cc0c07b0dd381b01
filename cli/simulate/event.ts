/** The event that a simulation begins with: what a sender sends, read by the source that would take it. */
import { didYouMean } from '../../shared/pipeline/nearest.ts';
import { httpSources, messageSources } from '../../shared/triggers/registry.ts';
import { BadPayload, type SourceEvent, type SourceRequest } from '../../shared/triggers/source.ts';
import type { EventFile } from './script-schema.ts';

/** The one event in the payload. Throws BadPayload. */
export function readEvent({ source, headers, body }: EventFile, at: number): SourceEvent {
  const byHttp = httpSources().get(source);
  const byMessage = messageSources().get(source);
  if (byHttp === undefined && byMessage === undefined) {
    const known = [...httpSources().keys(), ...messageSources().keys()];
    const hint = didYouMean(source, known) || `; the sources are ${known.join(', ')}`;
    throw new BadPayload(`"${source}": no such source${hint}`);
  }
  const request: SourceRequest = {
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
    rawBody: Buffer.from(JSON.stringify(body)),
    pathSecret: '',
  };
  // A message's attributes stand where a request's headers do; its subscription is one of them.
  const { subscription, ...attributes } = headers;
  const message = {
    messageId: 'simulation',
    data: JSON.stringify(body),
    attributes,
    ...(subscription === undefined ? {} : { subscription }),
  };
  const { events = [] } = byHttp?.parse({ body, at, request }) ?? byMessage?.parse({ message, at }) ?? {};
  const [event] = events;
  if (event === undefined) {
    throw new BadPayload(`reading a ${source} payload: it holds nothing that a trigger could look at`);
  }
  if (events.length > 1) {
    throw new BadPayload(`reading a ${source} payload: it holds ${events.length} events; a simulation takes one`);
  }
  return event;
}
