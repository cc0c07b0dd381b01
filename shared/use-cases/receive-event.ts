/** Takes what the world sends: verifies the sender, parses the body, and publishes each source event; what is refused is recorded. */
import { createHash } from 'node:crypto';
import { repositoryKey } from '../git/repository-key.ts';
import type { Bus, Delivery } from '../ports/bus.ts';
import type { Cells } from '../ports/cells.ts';
import type { Clock } from '../ports/clock.ts';
import type { Inbox } from '../ports/inbox.ts';
import type { Log } from '../ports/log.ts';
import type { Repository } from '../ports/repositories.ts';
import type { Secrets } from '../ports/secrets.ts';
import { depthOfJson, MAXIMUM_JSON_DEPTH } from '../triggers/json-depth.ts';
import { maskSecrets } from '../triggers/mask.ts';
import {
  BadPayload,
  eventProblem,
  type HttpSource,
  type MessageSource,
  type SourceEvent,
  type SourceRequest,
} from '../triggers/source.ts';
import { PoisonMessage, sourceEventMessage, TOPICS } from './messages.ts';
import { traceOf } from './trace.ts';

/** The largest body that a source may send, in bytes. */
export const MAXIMUM_WEBHOOK_BYTES = 2 * 1024 * 1024;
/** Refusals of one source and reason share an inbox entry for this long, in ms, so that strangers cannot fill the inbox. */
const REFUSAL_WINDOW_MS = 60_000;
/** Refusals of single events that one body makes entries for. */
const MAXIMUM_REFUSALS_PER_BODY = 10;

export type ReceivePorts = {
  readonly bus: Bus;
  readonly inbox: Pick<Inbox, 'record'>;
  readonly secrets: Secrets;
  /** Values that are taken out of whatever is kept, besides what looks like a secret by itself. */
  readonly knownSecrets?: readonly string[] | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly repositories: Pick<Cells<Repository>, 'read'>;
  readonly httpSources: ReadonlyMap<string, HttpSource>;
  readonly messageSources: ReadonlyMap<string, MessageSource>;
};

export type Received =
  | { readonly is: 'taken'; readonly events: readonly string[]; readonly ignored: number }
  | { readonly is: 'unknown-source'; readonly known: readonly string[] }
  | { readonly is: 'unauthorized' | 'too-large' | 'bad-body'; readonly text: string };

/** `path` is the source's part of the URL. Resolves once every event is kept by the bus. */
export async function receiveWebhook(
  ports: ReceivePorts,
  command: { readonly path: string; readonly request: SourceRequest; readonly trace?: string | undefined },
): Promise<Received> {
  const source = ports.httpSources.get(command.path);
  if (source === undefined) return { is: 'unknown-source', known: [...ports.httpSources.keys()] };
  const { rawBody } = command.request;
  if (rawBody.byteLength > MAXIMUM_WEBHOOK_BYTES) {
    const text = `the body has ${rawBody.byteLength} bytes; at most ${MAXIMUM_WEBHOOK_BYTES} are taken`;
    // Its sender is not known yet: the size, which a stranger chooses, must not make an entry of its own.
    await recordRefusal(ports, source.name, text, 'too-large');
    return { is: 'too-large', text };
  }
  const named = source.repositoryOf?.(command.request);
  const registered = named === undefined ? undefined : (await ports.repositories.read({ key: named }))?.value;
  const secretName = named === undefined ? source.secretName : registered?.pushSecret;
  const secret = secretName === undefined ? undefined : await ports.secrets.get({ name: secretName });
  const verified = source.verify(command.request, secret);
  if (verified !== 'ok') {
    // Whether there is such a repository is nothing that a stranger should learn.
    const isUnknown = named !== undefined && (secret === undefined || secret === '');
    const text = isUnknown
      ? 'the URL names no repository that is registered with a secret, or that secret is not configured'
      : verified.refused;
    await recordRefusal(ports, source.name, text);
    return { is: 'unauthorized', text };
  }
  try {
    requireMediaType(source, command.request.headers['content-type']);
    const body = parseJson(rawBody);
    const parsed = source.parse({ body, at: ports.clock.now(), request: command.request });
    const events = await publishEvents(ports, withOwnRepository(parsed.events, registered), command.trace);
    return { is: 'taken', events, ignored: parsed.ignored };
  } catch (error) {
    if (!(error instanceof BadPayload)) throw error;
    await recordRefusal(ports, source.name, error.message);
    return { is: 'bad-body', text: error.message };
  }
}

/** Takes a message of a source's subscription. Throws PoisonMessage for one that is not what its topic says. */
export async function receiveMessage(
  ports: ReceivePorts,
  command: { readonly source: string; readonly delivery: Delivery; readonly trace?: string | undefined },
): Promise<void> {
  const source = ports.messageSources.get(command.source);
  if (source === undefined) throw new PoisonMessage(`no source of messages is called ${command.source}`);
  const { delivery } = command;
  try {
    const parsed = source.parse({ message: delivery, at: ports.clock.now() });
    await publishEvents(ports, parsed.events, command.trace);
  } catch (error) {
    if (error instanceof BadPayload) throw new PoisonMessage(error.message, { cause: error });
    throw error;
  }
}

/** Who knows one repository's own secret can tell of that one alone, whatever the body says. */
function withOwnRepository(events: readonly SourceEvent[], registered: Repository | undefined): readonly SourceEvent[] {
  const key = registered === undefined ? undefined : repositoryKey(registered.url);
  if (key === undefined) return events;
  return events.flatMap((event): SourceEvent[] => {
    switch (event.type) {
      case 'commit-pushed':
        return [{ ...event, commit: { ...event.commit, repository: key } }];
      case 'pull-request-changed':
        return [{ ...event, pullRequest: { ...event.pullRequest, repository: key } }];
      case 'release-published':
        return [{ ...event, release: { ...event.release, repository: key } }];
      case 'build-finished':
        return [{ ...event, build: { ...event.build, of: key } }];
      default:
        return [];
    }
  });
}

function requireMediaType(source: HttpSource, header: string | undefined): void {
  const type = header?.split(';')[0]?.trim().toLowerCase() ?? '';
  if (source.mediaTypes.includes(type)) return;
  throw new BadPayload(
    `the content-type is ${type || 'missing'}; ${source.name} sends ${source.mediaTypes.join(' or ')}`,
  );
}

/** Throws BadPayload. */
export function parseJson(bytes: Uint8Array): unknown {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new BadPayload('the body is not JSON: it is not UTF-8', { cause });
  }
  const depth = depthOfJson(text);
  if (depth > MAXIMUM_JSON_DEPTH) {
    throw new BadPayload(`the body has values within values ${depth} deep; at most ${MAXIMUM_JSON_DEPTH} are taken`);
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new BadPayload('the body is not JSON', { cause });
  }
}

/**
 * Resolves to the ids of the events once the bus keeps them. One that cannot be kept is refused by itself, and the
 * others go on. Throws BadPayload where none can be.
 */
export async function publishEvents(
  ports: ReceivePorts,
  events: readonly SourceEvent[],
  trace: string | undefined,
): Promise<readonly string[]> {
  const prepared = events.map((event) => {
    const traced = { ...withoutSecrets(ports, event), trace: traceOf({ id: event.id, trace: event.trace ?? trace }) };
    return { event: traced, problem: eventProblem(traced) };
  });
  const taken = prepared.filter(({ problem }) => problem === undefined).map(({ event }) => event);
  const refused = prepared.flatMap(({ event, problem }) => (problem === undefined ? [] : [{ event, problem }]));
  const [first] = refused;
  if (taken.length === 0) {
    if (first !== undefined) throw new BadPayload(first.problem);
    return [];
  }
  await ports.bus.publish({
    topic: TOPICS.events,
    messages: taken.map((event) => sourceEventMessage(event, event)),
  });
  for (const { event, problem } of refused.slice(0, MAXIMUM_REFUSALS_PER_BODY)) {
    await recordRefusal(ports, event.source, problem);
  }
  const ids = taken.map(({ id }) => id);
  ports.log.write('INFO', 'Source events were taken', { events: ids, refused: refused.length });
  return ids;
}

/** The bus, the inbox and plans keep the event, so it is masked before any of them has it. */
function withoutSecrets(ports: ReceivePorts, event: SourceEvent): SourceEvent {
  const { id, at, ...told } = event;
  const masked = maskSecrets(JSON.parse(JSON.stringify(told)), ports.knownSecrets);
  return { ...masked, id, at } as SourceEvent;
}

/** What this process has recorded of late: strangers may call often, and each of their calls must not cost a write. */
const recorded = new WeakMap<ReceivePorts['inbox'], Set<string>>();
const MAXIMUM_RECORDED = 1_000;

/** Records a refusal, one entry for each source and reason a minute. `reason` is the same for refusals that are alike. */
export async function recordRefusal(ports: ReceivePorts, source: string, text: string, reason = text): Promise<void> {
  const now = ports.clock.now();
  const window = Math.floor(now / REFUSAL_WINDOW_MS);
  const name = createHash('sha256').update(reason).digest('hex').slice(0, 8);
  ports.log.write('WARNING', 'A delivery of a source was refused', {
    source,
    reason: maskSecrets(text, ports.knownSecrets),
  });
  const id = `${source}-refused-${name}-${window}`;
  const before = recorded.get(ports.inbox) ?? new Set();
  if (before.has(id)) return;
  await ports.inbox.record({
    entry: {
      format: 1,
      id,
      receivedAt: now,
      source,
      text: `a call of /hooks/${source}`,
      refused: maskSecrets(text, ports.knownSecrets),
      verdicts: [],
    },
  });
  if (before.size >= MAXIMUM_RECORDED) before.clear();
  recorded.set(ports.inbox, before.add(id));
}
