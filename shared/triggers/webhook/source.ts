/** Makes the source event of a call of a webhook that a pipeline declares. */
import type { Json } from '../../core/json.ts';
import { contentOfJson } from '../content.ts';
import { pick } from '../event-cel.ts';
import { MAXIMUM_ATTRIBUTES, MAXIMUM_DATA_CHARACTERS, MAXIMUM_PATH } from '../event-fields.ts';
import { BadPayload, eventId, type SourceRequest } from '../source.ts';
import type { WebhookCalled } from './event.ts';
import type { WebhookFields } from './schema.ts';

/** Its part of the URL: `/hooks/webhook/<path>`. */
export const WEBHOOK_PATH = 'webhook';

/** Headers that carry secrets, or nothing that a trigger could want. */
const LEFT_OUT = /auth|cookie|token|secret|signature|password|api-key|x-forwarded|^host$|^connection$|^content-length$/;

/** Throws BadPayload. */
export function webhookEvent(command: {
  fields: WebhookFields;
  verification: string;
  request: SourceRequest;
  body: Json;
  at: number;
}): WebhookCalled {
  const { fields, verification, request, body, at } = command;
  const { path, signature, token, delivery } = fields;
  if (JSON.stringify(body).length > MAXIMUM_DATA_CHARACTERS) {
    throw new BadPayload(
      `reading a call of the webhook ${path}: it has more than ${MAXIMUM_DATA_CHARACTERS} characters`,
    );
  }
  const secret = [signature?.header, token?.header].map((name) => name?.toLowerCase());
  const kept = Object.entries(request.headers).flatMap(([name, value]): [string, string][] =>
    value === undefined || LEFT_OUT.test(name) || secret.includes(name) ? [] : [[name, value.slice(0, MAXIMUM_PATH)]],
  );
  const headers = Object.fromEntries(kept.slice(0, MAXIMUM_ATTRIBUTES));
  const id = delivery === undefined ? undefined : deliveryOf(fields, delivery, body, headers);
  return {
    // Without an id each call is one of its own: a hash of the content would take a tag that moves back for a repetition.
    id: eventId('webhook', path, verification, id ?? `${at}-${JSON.stringify(body)}`),
    type: 'webhook-called',
    source: 'webhook',
    at,
    text: `webhook ${path} called`,
    call: {
      path,
      verification,
      data: JSON.parse(JSON.stringify(body)),
      headers,
      ...(id === undefined ? { isRepeatable: true } : {}),
    },
  };
}

function deliveryOf(
  { format, path }: WebhookFields,
  delivery: string,
  body: Json,
  headers: { readonly [name: string]: string },
): string {
  const content = contentOfJson(format, body);
  if ('problem' in content) throw new BadPayload(`reading a call of the webhook ${path}: ${content.problem}`);
  const picked = pick(delivery, { ...content, headers });
  const value = 'problem' in picked ? undefined : picked.value;
  if (typeof value === 'string' && value !== '') return value;
  const why = 'problem' in picked ? picked.problem : `${delivery} gives no text`;
  throw new BadPayload(`reading a call of the webhook ${path}: delivery: ${why}`);
}
