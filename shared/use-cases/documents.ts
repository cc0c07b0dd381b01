/** The one place where stored documents are read: it checks them, and brings those of earlier formats up to the present. */
import { z } from 'zod';
import { WEEKDAYS } from '../calendar/windows.ts';
import type { Json } from '../core/json.ts';
import type { Plan } from '../core/plan.ts';
import { REASON_CODES, type Reason, WAIT_CODES, type WaitReason } from '../core/reason.ts';
import type { Execution, Group, Run, Transition } from '../core/run.ts';

const json: z.ZodType<Json> = z.json() as z.ZodType<Json>;
const instant = z.number().int().nonnegative();
const count = z.number().int().nonnegative();

const reason: z.ZodType<Reason> = z.object({
  code: z.enum(REASON_CODES),
  text: z.string(),
  unblock: z.string().exactOptional(),
});
const waitReason: z.ZodType<WaitReason> = z.object({
  // Steps that were to run again waited with the code of their failure once.
  code: z.enum(WAIT_CODES).catch('retry-back-off'),
  text: z.string(),
  unblock: z.string(),
});

const signal = z.object({ id: z.string(), name: z.string(), at: instant, value: json });
const wait = z.union([
  z.strictObject({ until: instant }),
  z.strictObject({ signal: z.string(), until: instant.exactOptional() }),
]);
const input = z.union([
  z.object({ by: z.enum(['begin', 'again', 'time', 'stop']) }),
  z.object({ by: z.literal('signal'), signal }),
]);
const stageEnd = z.enum(['succeeded', 'failed', 'cancelled', 'skipped']);
const stageStatus = z.enum(['pending', 'running', 'waiting', 'succeeded', 'failed', 'cancelled', 'skipped']);

const run: z.ZodType<Run> = z.object({
  format: z.literal(1),
  execution: z.string(),
  stage: z.string(),
  plan: z.string(),
  doing: z.enum(['forward', 'stop']),
  attempt: count,
  step: count,
  tries: count,
  repeats: count,
  cursor: json.exactOptional(),
  mail: z.array(signal),
  taken: z.array(z.string()),
  deadline: instant,
  stop: z
    .object({
      because: reason,
      end: z.enum(['cancelled', 'failed']),
      deadline: instant,
      mayHaveActed: z.literal(true).exactOptional(),
    })
    .exactOptional(),
  shown: z.string(),
  proves: count,
  at: instant,
  trace: z.string().exactOptional(),
  state: z.discriminatedUnion('is', [
    z.object({ is: z.literal('ready'), input }),
    z.object({ is: z.literal('claimed'), input, by: z.string(), until: instant }),
    z.object({ is: z.literal('waiting'), for: wait, reason: waitReason, input }),
    z.object({
      is: z.literal('ended'),
      end: stageEnd,
      reason: reason.exactOptional(),
      outputs: json.exactOptional(),
    }),
  ]),
});

export const transitionSchema: z.ZodType<Transition> = z.object({
  revision: count,
  at: instant,
  is: z.enum(['queued', 'started', 'stage', 'stopping', 'ended']),
  stage: z.string().exactOptional(),
  status: z.union([stageStatus, z.literal('queued')]),
  reason: reason.exactOptional(),
});

const stageView = z.object({
  id: z.string(),
  status: stageStatus,
  attempts: count,
  reason: reason.exactOptional(),
  startedAt: instant.exactOptional(),
  endedAt: instant.exactOptional(),
  wakeAt: instant.exactOptional(),
  startedIn: count.exactOptional(),
});

const execution: z.ZodType<Execution> = z.object({
  format: z.literal(1),
  id: z.string(),
  pipeline: z.string(),
  team: z.string(),
  plan: z.string(),
  revision: count,
  createdAt: instant,
  at: instant,
  trigger: z.object({
    event: z.string(),
    source: z.string(),
    text: z.string(),
    by: z.string().exactOptional(),
    authors: z.array(z.string()).exactOptional(),
    chain: z.array(z.string()).exactOptional(),
    at: instant,
  }),
  restartOf: z.string().exactOptional(),
  group: z.string(),
  phase: z.discriminatedUnion('is', [
    z.object({ is: z.literal('queued'), reason: waitReason, toStop: z.array(z.string()) }),
    z.object({ is: z.literal('running'), startedAt: instant, deadline: instant }),
    z.object({
      is: z.literal('ended'),
      end: stageEnd,
      at: instant,
      startedAt: instant.exactOptional(),
      reason: reason.exactOptional(),
      promoted: z.array(z.string()),
    }),
  ]),
  stop: z.object({ because: reason, end: z.enum(['cancelled', 'failed']), revision: count }).exactOptional(),
  stages: z.array(stageView),
  open: count,
  unproven: z.array(transitionSchema),
  sweepAt: instant.exactOptional(),
  trace: z.string().exactOptional(),
});

const group: z.ZodType<Group> = z.object({
  format: z.literal(1),
  limit: count,
  holders: z.array(z.string()),
  queue: z.array(z.string()),
  starts: z.object({ since: instant, count }).exactOptional(),
});

const policy = z.object({
  then: z.enum(['fail', 'continue']),
  others: z.enum(['cancel', 'finish']),
  undo: z.enum(['this-target', 'all-targets']).exactOptional(),
});
const moment = z.enum(['started', 'waiting', 'succeeded', 'failed', 'cancelled']);

const plan: z.ZodType<Plan> = z.object({
  format: z.literal(1),
  pipeline: z.string(),
  team: z.string(),
  namespace: z.string(),
  images: z.record(z.string(), z.object({ repository: z.string(), tag: z.string(), digest: z.string() })),
  inputs: z.record(z.string(), json),
  stages: z.array(
    z.object({
      id: z.string(),
      declaredAs: z.string(),
      kind: z.string(),
      target: z.string().exactOptional(),
      needs: z.array(z.string()),
      after: z.array(z.string()).exactOptional(),
      with: json,
      isDynamic: z.literal(true).exactOptional(),
      skip: z.string().exactOptional(),
      if: z.string().exactOptional(),
      manifests: z.string().exactOptional(),
      template: z.string().exactOptional(),
      timeoutMs: count,
      retry: z.object({ attempts: z.number().int().positive(), backOffMs: count, maximumBackOffMs: count }),
      onFailure: policy,
    }),
  ),
  concurrency: z.object({
    group: z.string(),
    limit: z.number().int().positive(),
    whenBusy: z.enum(['newest', 'queue', 'cancel-running', 'skip']),
    queue: z.number().int().positive().exactOptional(),
    starts: z.object({ limit: z.number().int().positive(), withinMs: count }).exactOptional(),
  }),
  windows: z
    .array(
      z.object({
        days: z.array(z.enum(WEEKDAYS)),
        hours: z.string(),
        timezone: z.string(),
        except: z.array(z.string()),
      }),
    )
    .exactOptional(),
  timeoutMs: count,
  notify: z.array(
    z.union([
      z.object({ slack: z.string(), when: z.array(moment) }),
      z.object({ pubsub: z.string(), when: z.array(moment).exactOptional() }),
    ]),
  ),
  manifests: z.string().exactOptional(),
  files: z.string().exactOptional(),
  namespaces: z.array(z.string()).exactOptional(),
  templates: z.record(z.string(), z.string()).exactOptional(),
});

/** A document that this code cannot read: written by a newer version, or damaged. */
export class UnreadableDocument extends Error {
  override readonly name = 'UnreadableDocument';
}

type StoredDocument = { readonly [field: string]: unknown };

/** Makes of a document in one format the same document in the next; the format's number is counted up for it. */
export type Upgrade = (document: StoredDocument) => StoredDocument;

/** The upgrades of each sort of document: the first leads from format 1 to 2. None yet: 1 is the newest. */
const UPGRADES: { readonly [sort in 'execution' | 'run' | 'group' | 'plan']: readonly Upgrade[] } = {
  execution: [],
  run: [],
  group: [],
  plan: [],
};

const versioned = z.looseObject({ format: z.int() });

/**
 * What reads stored documents of one sort in any format up to the newest, which is one more than there are upgrades;
 * `schema` is that of the newest. It throws UnreadableDocument.
 */
export function parserOf<T>(sort: string, schema: z.ZodType<T>, upgrades: readonly Upgrade[]): (stored: unknown) => T {
  const newest = upgrades.length + 1;
  return (stored) => {
    const start = versioned.safeParse(stored);
    if (!start.success) {
      throw new UnreadableDocument(`a stored ${sort} carries no format number`, { cause: start.error });
    }
    const { format } = start.data;
    if (format < 1) throw new UnreadableDocument(`a stored ${sort} has format ${format}, which never was`);
    if (format > newest) {
      throw new UnreadableDocument(
        `a stored ${sort} has format ${format}, and this version reads up to ${newest}: deploy the newer version`,
      );
    }
    let document: StoredDocument = start.data;
    for (const upgrade of upgrades.slice(format - 1)) document = upgrade(document);
    const parsed = schema.safeParse({ ...document, format: newest });
    if (parsed.success) return parsed.data;
    throw new UnreadableDocument(`a stored ${sort} is damaged: ${z.prettifyError(parsed.error)}`, {
      cause: parsed.error,
    });
  };
}

/** Each reads one stored document. Throws UnreadableDocument. */
export const parseExecution = parserOf('execution', execution, UPGRADES.execution);
export const parseRun = parserOf('run', run, UPGRADES.run);
export const parseGroup = parserOf('group', group, UPGRADES.group);
export const parsePlan = parserOf('plan', plan, UPGRADES.plan);

/** The parsers as the adapters take them. */
export const documentParsers = { execution: parseExecution, run: parseRun, group: parseGroup };
