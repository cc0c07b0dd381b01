/** Takes the call of a webhook that pipelines declare: each way of verification that fits makes one event, for those that agree in it. */
import type { Json } from '../core/json.ts';
import { readDefinition } from '../pipeline/parse.ts';
import { CannotSettle, settle } from '../pipeline/settle.ts';
import type { Pipelines } from '../ports/pipelines.ts';
import { BadPayload, type SourceRequest } from '../triggers/source.ts';
import type { WebhookCalled } from '../triggers/webhook/event.ts';
import { hookKey } from '../triggers/webhook/kind.ts';
import type { WebhookFields } from '../triggers/webhook/schema.ts';
import { WEBHOOK_PATH, webhookEvent } from '../triggers/webhook/source.ts';
import { verificationOf, verifyWebhook } from '../triggers/webhook/verify.ts';
import {
  MAXIMUM_WEBHOOK_BYTES,
  parseJson,
  publishEvents,
  type Received,
  type ReceivePorts,
  recordRefusal,
} from './receive-event.ts';
import type { LockedTemplates } from './templates/locked.ts';

/** Triggers that one path may have: all of their pipelines are read for each call, before anybody is trusted. */
const MAXIMUM_TRIGGERS = 100;
/** What no pipeline names, so that no pipeline can name a secret of the system itself. */
const SECRET_PREFIX = 'hook-';

export type TeamWebhookPorts = ReceivePorts & {
  readonly pipelines: Pick<Pipelines, 'get' | 'triggers'>;
  readonly lockedTemplates: LockedTemplates;
};

/** The path's name stands in the request where the secret of other sources does. Resolves once every event is kept by the bus. */
export async function receiveTeamWebhook(
  ports: TeamWebhookPorts,
  command: { readonly request: SourceRequest; readonly trace?: string | undefined },
): Promise<Received> {
  const { request, trace } = command;
  const { rawBody, pathSecret: path } = request;
  if (rawBody.byteLength > MAXIMUM_WEBHOOK_BYTES) {
    const text = `the body has ${rawBody.byteLength} bytes; at most ${MAXIMUM_WEBHOOK_BYTES} are taken`;
    await recordRefusal(ports, WEBHOOK_PATH, text, 'too-large');
    return { is: 'too-large', text };
  }
  const ways = await waysOf(ports, path);
  const trusted: [string, WebhookFields][] = [];
  const refusals: string[] = [];
  for (const [verification, fields] of ways) {
    const secret = await ports.secrets.get({ name: `${SECRET_PREFIX}${fields.secret}` });
    const verified = verifyWebhook(fields, request, secret);
    if (verified === 'ok') trusted.push([verification, fields]);
    else refusals.push(verified.refused);
  }
  if (trusted.length === 0) {
    const text = [...new Set(refusals)].join('; or ') || 'no pipeline has a webhook of this path';
    await recordRefusal(ports, WEBHOOK_PATH, text, refusals.length === 0 ? 'unknown path' : text);
    return { is: 'unauthorized', text };
  }
  try {
    const body = parseJson(rawBody) as Json;
    const at = ports.clock.now();
    const { events, problems } = eventsOf(trusted, { request, body, at });
    const [problem] = problems;
    if (events.length === 0 && problem !== undefined) throw new BadPayload(problem);
    const ids = await publishEvents(ports, events, trace);
    // What one pipeline asks of the body and does not find is no fault of the others that listen.
    for (const one of problems) await recordRefusal(ports, WEBHOOK_PATH, one);
    return { is: 'taken', events: ids, ignored: problems.length };
  } catch (error) {
    if (!(error instanceof BadPayload)) throw error;
    await recordRefusal(ports, WEBHOOK_PATH, error.message);
    return { is: 'bad-body', text: error.message };
  }
}

type Called = { readonly request: SourceRequest; readonly body: Json; readonly at: number };

/** An event for each way that trusts the sender; `problems` are of those that find no event in the body. */
function eventsOf(
  trusted: readonly (readonly [verification: string, fields: WebhookFields])[],
  called: Called,
): { readonly events: readonly WebhookCalled[]; readonly problems: readonly string[] } {
  const events: WebhookCalled[] = [];
  const problems = new Set<string>();
  for (const [verification, fields] of trusted) {
    try {
      events.push(webhookEvent({ fields, verification, ...called }));
    } catch (error) {
      if (!(error instanceof BadPayload)) throw error;
      problems.add(error.message);
    }
  }
  return { events, problems: [...problems] };
}

/** The ways in which the path's triggers verify their sender, each once. */
async function waysOf(ports: TeamWebhookPorts, path: string): Promise<ReadonlyMap<string, WebhookFields>> {
  const entries = path === '' ? [] : await ports.pipelines.triggers({ key: hookKey(path) });
  if (entries.length > MAXIMUM_TRIGGERS) {
    const count = { path, triggers: entries.length, read: MAXIMUM_TRIGGERS };
    ports.log.write('WARNING', 'More triggers listen to one webhook than are read', count);
  }
  const ways = new Map<string, WebhookFields>();
  const read = entries.slice(0, MAXIMUM_TRIGGERS).map(async ({ pipeline, index }) => {
    const fields = await fieldsOf(ports, pipeline, index);
    const verification = fields?.path === path ? verificationOf(fields) : undefined;
    if (fields !== undefined && verification !== undefined) ways.set(verification, fields);
  });
  await Promise.all(read);
  return ways;
}

async function fieldsOf(ports: TeamWebhookPorts, name: string, index: number): Promise<WebhookFields | undefined> {
  const pipeline = await ports.pipelines.get({ name });
  if (pipeline === undefined) return undefined;
  try {
    const templates = await ports.lockedTemplates(pipeline.templates);
    const definition = readDefinition(pipeline.definition);
    const trigger = settle({ definition, templates, inputs: {}, isOpen: true }).on[index];
    return trigger !== undefined && 'webhook' in trigger ? trigger.webhook : undefined;
  } catch (error) {
    if (!(error instanceof CannotSettle)) throw error;
    ports.log.write('WARNING', 'A pipeline with a webhook cannot be planned', { pipeline: name, error });
    return undefined;
  }
}
