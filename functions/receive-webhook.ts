/** The way in for everyone who calls by HTTP: `POST /hooks/<source>`, and `/hooks/<source>/<secret>` for senders that cannot sign. Teams' own webhooks are at `/hooks/webhook/<path>`. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { WEBHOOK_PATH } from '../shared/triggers/webhook/source.ts';
import { MAXIMUM_WEBHOOK_BYTES, type Received, receiveWebhook } from '../shared/use-cases/receive-event.ts';
import { receiveTeamWebhook, type TeamWebhookPorts } from '../shared/use-cases/receive-team-webhook.ts';
import { decodePart } from './api/router.ts';
import type { Container } from './container.ts';
import type { Handler } from './push.ts';
import { receivePorts } from './receive-message.ts';

const PATH = /^\/(?:hooks\/)?([a-z0-9-]{1,60})(?:\/([^/]{1,400}))?(?:\/([^/]{1,400}))?\/?$/;

type Reply = { readonly status: number; readonly body: { readonly [field: string]: unknown } };

/** A handler for Node's own server and for functions-framework, which has read the body already. */
export function webhookHandler(
  ports: TeamWebhookPorts,
): (request: IncomingMessage & { readonly rawBody?: unknown }, response: ServerResponse) => Promise<void> {
  return async (request, response) => {
    let reply: Reply;
    try {
      reply = await answer(ports, request);
    } catch (error) {
      ports.log.write('ERROR', 'A webhook could not be taken', { source: sourceOf(request), error });
      reply = refusal(503, 'unavailable', 'The event could not be kept. Send it again.');
    }
    response.writeHead(reply.status, {
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      ...(reply.status === 413 ? { connection: 'close' } : {}),
    });
    response.end(`${JSON.stringify(reply.body)}\n`);
  };
}

/** The source's name alone: what stands after it may be a secret. */
const sourceOf = (request: IncomingMessage): string => PATH.exec(pathOf(request) ?? '')?.[1] ?? 'none';

/** Undefined where the request's target is no path. */
const pathOf = (request: IncomingMessage): string | undefined =>
  URL.parse(request.url ?? '/', 'http://host.invalid')?.pathname;

const refusal = (status: number, code: string, message: string): Reply => ({
  status,
  body: { error: { code, message } },
});

async function answer(
  ports: TeamWebhookPorts,
  request: IncomingMessage & { readonly rawBody?: unknown },
): Promise<Reply> {
  const match = PATH.exec(pathOf(request) ?? '');
  const path = match?.[1];
  const pathSecret = decodePart(match?.[2] ?? '');
  const pathRest = decodePart(match?.[3] ?? '');
  const isTeams = path === WEBHOOK_PATH;
  // Only webhooks of teams' own have a name before their secret.
  if (path === undefined || pathSecret === undefined || pathRest === undefined || (pathRest !== '' && !isTeams))
    return refusal(404, 'not-found', 'Hooks are called at /hooks/<source>.');
  if (request.method !== 'POST') return refusal(405, 'method-not-allowed', 'Hooks are called by POST.');
  const rawBody = await bodyOf(request);
  const headers = Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value]),
  );
  const called = { request: { headers, rawBody, pathSecret, pathRest }, trace: headers.traceparent };
  const received = isTeams ? await receiveTeamWebhook(ports, called) : await receiveWebhook(ports, { path, ...called });
  return replyOf(received);
}

function replyOf(received: Received): Reply {
  switch (received.is) {
    case 'taken':
      return { status: 202, body: { events: received.events, ignored: received.ignored } };
    case 'unknown-source':
      return refusal(404, 'unknown-source', `No source has this path; there are ${received.known.join(', ')}.`);
    case 'unauthorized':
      return refusal(401, 'unauthorized', received.text);
    case 'too-large':
      return refusal(413, 'body-too-large', received.text);
    case 'bad-body':
      return refusal(400, 'bad-body', received.text);
  }
}

/** The body, at most one byte more than is taken, so that the use case sees that it is too large. */
async function bodyOf(request: IncomingMessage & { readonly rawBody?: unknown }): Promise<Uint8Array> {
  if (request.rawBody instanceof Uint8Array) return request.rawBody;
  const chunks: Uint8Array[] = [];
  let size = 0;
  // The connection stays open when reading stops early: the refusal goes back over it.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
    size += chunk.byteLength;
    if (size > MAXIMUM_WEBHOOK_BYTES) break;
  }
  return Buffer.concat(chunks);
}

export const deployed = (container: Container): Handler => webhookHandler(receivePorts(container));
