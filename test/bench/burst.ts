/** A burst of events among the pipelines of a large company: none may be lost, none may start anything twice, however they come. */
import { Agent, request } from 'node:http';
import type { ExecutionStore, Write } from '../../shared/ports/execution-store.ts';
import type { Inbox, InboxEntry } from '../../shared/ports/inbox.ts';
import { executionIdOf } from '../../shared/use-cases/engine.ts';
import { type BurstEvent, burstOf, ENDS, fillCompany } from './company.ts';
import { startBenchSystem } from './embedded-system.ts';
import { atLeast, atMost, type Effort, type Measure, type Section } from './section.ts';
import { counting, emptyTally, type Tally } from './tally.ts';

const EFFORTS = { full: { pipelines: 9_000, events: 10_000 }, brief: { pipelines: 90, events: 200 } } as const;
const LEAST_EVENTS_PER_SECOND = 170;
/** As registries call: several at a time, each over a connection of its own. */
const SENDERS = 16;
/** Trigger entries, pipelines, templates and what else is looked up for one event, besides the documents of its execution. */
export const MOST_LOOKUPS = 12;
const GIVE_UP_MS = 300_000;

async function run(effort: Effort): Promise<readonly Measure[]> {
  const { pipelines, events } = EFFORTS[effort];
  const tally = emptyTally();
  const decided = new Set<string>();
  const ended = new Map<string, number>();
  const { promise: isOver, resolve: over } = Promise.withResolvers<void>();
  await using bench = await startBenchSystem({
    digest: `sha256:${'d'.repeat(64)}`,
    hooks: {
      ...counting(tally),
      after(call) {
        if (call.port === 'inbox' && call.method === 'record') {
          decided.add((call.argument as { entry: InboxEntry }).entry.id);
        } else if (call.port === 'executions' && call.method === 'commit') {
          for (const write of (call.argument as { writes: readonly Write[] }).writes) {
            if (write.document === 'execution' && write.value.phase.is === 'ended')
              ended.set(write.value.id, performance.now());
          }
        }
        if (decided.size >= events && ended.size >= events) over();
      },
    },
  });
  const { ports, url } = bench.system;
  await fillCompany(ports.pipelines, pipelines);
  const burst = burstOf(events, pipelines);
  const before = lookupsOf(tally);
  const reads = tally.reads;
  const startedAt = performance.now();
  const send = await sendAll(`${url}/hooks/docker-distribution`, burst);
  const takenAt = performance.now();
  await withinTime(
    isOver,
    GIVE_UP_MS,
    () => `${decided.size} of ${events} events were decided, ${ended.size} executions ended`,
  );
  const endedAt = Math.max(...ended.values());
  await requireEachOnce(bench.system.ports, burst);
  const perSecond = (until: number): number => (events / (until - startedAt)) * 1_000;
  return [
    { name: `deliveries, ${send.repeated} of them repeated`, unit: 'deliveries', value: send.deliveries },
    { name: 'events taken by the hook', unit: '/s', value: perSecond(takenAt) },
    {
      name: `events of ${events} against ${pipelines} pipelines, to the end of what they started`,
      unit: '/s',
      value: perSecond(endedAt),
      ...(effort === 'full' ? { target: atLeast(LEAST_EVENTS_PER_SECOND) } : {}),
    },
    {
      name: 'looked up for one event',
      unit: 'reads',
      value: (lookupsOf(tally) - before) / events,
      target: atMost(MOST_LOOKUPS),
    },
    { name: 'documents of executions read for one event', unit: 'reads', value: (tally.reads - reads) / events },
  ];
}

const LOOKUPS = /\.(get|read|triggers|list)$/;

/** Reads of everything but the documents of executions. */
export function lookupsOf(tally: Tally): number {
  return [...tally.others].reduce((sum, [name, calls]) => sum + (LOOKUPS.test(name) ? calls : 0), 0);
}

async function sendAll(url: string, burst: readonly BurstEvent[]): Promise<{ deliveries: number; repeated: number }> {
  const agent = new Agent({ keepAlive: true, maxSockets: SENDERS });
  const waiting = burst.flatMap((event) => (event.isRepeated ? [event, event] : [event]));
  const deliveries = waiting.length;
  const next = waiting.values();
  try {
    await Promise.all(
      Array.from({ length: SENDERS }, async () => {
        for (const event of next) await post(agent, url, event);
      }),
    );
  } finally {
    agent.destroy();
  }
  return { deliveries, repeated: deliveries - burst.length };
}

function post(agent: Agent, url: string, { id, host, repository, tag, digest }: BurstEvent): Promise<void> {
  const target = { mediaType: 'application/vnd.oci.image.manifest.v1+json', repository, tag, digest };
  const body = JSON.stringify({ events: [{ id, action: 'push', target, request: { host } }] });
  return new Promise((resolve, reject) => {
    const asked = request(
      url,
      {
        agent,
        method: 'POST',
        headers: {
          'content-type': 'application/vnd.docker.distribution.events.v2+json',
          authorization: 'Bearer bench',
          'content-length': Buffer.byteLength(body),
        },
      },
      (response) => {
        response.resume();
        response.on('end', () => {
          if (response.statusCode === 202) resolve();
          else reject(new Error(`the hook answered ${response.statusCode}`));
        });
      },
    );
    asked.on('error', reject);
    asked.end(body);
  });
}

/** Throws with the state where the promise takes longer. */
export async function withinTime(promise: Promise<void>, ms: number, state: () => string): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`after ${ms / 1_000} s ${state()}`)), ms);
  });
  await Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Throws where an event is not in the inbox, started nothing, or something started that none of them asks for. */
export async function requireEachOnce(
  ports: { readonly inbox: Pick<Inbox, 'get'>; readonly executions: Pick<ExecutionStore, 'list'> },
  burst: readonly BurstEvent[],
): Promise<void> {
  const wanted = new Map(burst.map((event) => [executionIdOf(event.taker, event.eventId), event]));
  const all = await ports.executions.list({ limit: burst.length * 2 });
  const strange = all.filter(({ id }) => !wanted.has(id));
  if (strange.length > 0 || all.length !== wanted.size) {
    throw new Error(`${burst.length} events started ${all.length} executions, ${strange.length} of them unasked`);
  }
  const unfinished = all.filter(({ phase }) => phase.is !== 'ended' || phase.end !== ENDS);
  if (unfinished.length > 0) throw new Error(`${unfinished.length} executions have not ${ENDS}`);
  for (const event of burst) {
    const entry = await ports.inbox.get({ id: event.eventId });
    const verdicts = (entry?.verdicts ?? []).map(({ is }) => is).sort();
    if (JSON.stringify(verdicts) !== JSON.stringify(event.verdicts)) {
      throw new Error(`the event ${event.eventId} has the verdicts ${verdicts.join(', ') || 'none'}`);
    }
  }
}

export const burst: Section = {
  name: 'burst',
  about: 'a burst of events at the embedded system, a tenth of them delivered twice',
  needs: [],
  run,
};
