/** Tells which triggers look at an event and what each of their conditions gives, without starting anything. */
import { DEFAULT_STARTS } from '../core/limits.ts';
import { startRule } from '../pipeline/compile.ts';
import { readDefinition } from '../pipeline/parse.ts';
import type { SettledDefinition } from '../pipeline/settle.ts';
import type { Clock } from '../ports/clock.ts';
import type { ExecutionStore } from '../ports/execution-store.ts';
import type { Compared, Inbox, Verdict } from '../ports/inbox.ts';
import type { AppliedPipeline, Pipelines } from '../ports/pipelines.ts';
import { keysOf, triggerEntries } from '../triggers/keys.ts';
import type { SourceEvent } from '../triggers/source.ts';
import { CannotPlan } from './make-plan.ts';
import { matchTrigger } from './match-trigger.ts';
import { isBounded, type OverBound, overBound } from './start-bound.ts';
import { pausedTrigger, type StartPorts, settledOf } from './start-executions.ts';

/** Triggers that one explanation tells of. */
const MAXIMUM_TRIGGERS = 500;

export type ExplainedTrigger = {
  readonly pipeline: string;
  /** The position in `on`; -1 where a person asked for the pipeline. */
  readonly trigger: number;
  readonly takes: boolean;
  /** What was compared, each condition that the trigger has for such an event. */
  readonly conditions: readonly Compared[];
  /** Why it does not take the event; absent where it does. */
  readonly text?: string;
};

export type Explanation = {
  readonly event: { readonly id: string; readonly type: string; readonly source: string; readonly text: string };
  readonly triggers: readonly ExplainedTrigger[];
  /** Triggers beyond those that are told. */
  readonly more: number;
  /** What came of it where it has arrived; what it would start now may differ. */
  readonly verdicts?: readonly Verdict[];
  /** No pipeline of the name that was asked for. */
  readonly unknownPipeline?: string;
};

export type ExplainPorts = Pick<StartPorts, 'lockedTemplates' | 'holds'> & {
  readonly pipelines: Pick<Pipelines, 'get' | 'triggers'>;
  readonly inbox: Pick<Inbox, 'get'>;
  readonly executions: Pick<ExecutionStore, 'readGroup'>;
  readonly clock: Clock;
};

/** `pipeline` adds the triggers of that one which are not about such an event at all, with the reason. */
export async function explainEvent(
  ports: ExplainPorts,
  command: { readonly event: SourceEvent; readonly pipeline?: string | undefined },
): Promise<Explanation> {
  const { event } = command;
  const { id, type, source, text } = event;
  const candidates = await candidatesOf(ports, event);
  const entry = await ports.inbox.get({ id });
  const told = await Promise.all(
    candidates.slice(0, MAXIMUM_TRIGGERS).map((candidate) => explainTrigger(ports, event, candidate)),
  );
  const asked = command.pipeline === undefined ? undefined : await ports.pipelines.get({ name: command.pipeline });
  const others = asked === undefined ? [] : await othersOf(ports, event, asked, candidates);
  return {
    event: { id, type, source, text },
    triggers: [...told, ...others],
    more: Math.max(0, candidates.length - MAXIMUM_TRIGGERS),
    ...(entry === undefined ? {} : { verdicts: entry.verdicts }),
    ...(command.pipeline !== undefined && asked === undefined ? { unknownPipeline: command.pipeline } : {}),
  };
}

type Candidate = { readonly pipeline: string; readonly index: number };

async function candidatesOf(ports: ExplainPorts, event: SourceEvent): Promise<readonly Candidate[]> {
  if (event.type === 'manual') return [{ pipeline: event.manual.pipeline, index: -1 }];
  const found = await Promise.all(keysOf(event).map((key) => ports.pipelines.triggers({ key })));
  const unique = new Map(found.flat().map((entry) => [JSON.stringify([entry.pipeline, entry.index]), entry]));
  return [...unique.values()].sort((one, other) =>
    one.pipeline === other.pipeline ? one.index - other.index : one.pipeline < other.pipeline ? -1 : 1,
  );
}

async function explainTrigger(
  ports: ExplainPorts,
  event: SourceEvent,
  { pipeline: name, index }: Candidate,
): Promise<ExplainedTrigger> {
  const head = { pipeline: name, trigger: index };
  const pipeline = await ports.pipelines.get({ name });
  if (pipeline === undefined) return { ...head, takes: false, conditions: [], text: `no pipeline is called ${name}` };
  if (event.type === 'manual') return { ...head, takes: true, conditions: [] };
  try {
    const settled = await settledOf(ports, pipeline, readDefinition(pipeline.definition));
    const { conditions, text: unmet } = matchTrigger(settled, index, event);
    const text = unmet ?? (await pausedTrigger(ports, name, index));
    const over = text === undefined ? await startedTooOften(ports, event, settled) : undefined;
    if (over !== undefined)
      return { ...head, takes: false, conditions: [...conditions, over.compared], text: over.text };
    return { ...head, takes: text === undefined, conditions, ...(text === undefined ? {} : { text }) };
  } catch (error) {
    if (!(error instanceof CannotPlan)) throw error;
    return { ...head, takes: false, conditions: [], text: error.message };
  }
}

/** By the bound that the file itself says: what a template says is only known when a plan is made. */
async function startedTooOften(
  ports: ExplainPorts,
  event: SourceEvent,
  { pipeline, concurrency }: SettledDefinition,
): Promise<OverBound | undefined> {
  if (!isBounded(event)) return undefined;
  const starts = (await ports.executions.readGroup({ key: pipeline }))?.value.starts;
  const rule = concurrency?.starts === undefined ? DEFAULT_STARTS : startRule(concurrency.starts);
  return overBound(pipeline, starts, rule, ports.clock.now());
}

/** The pipeline's triggers whose key is another's: they are never asked about the event. */
async function othersOf(
  ports: ExplainPorts,
  event: SourceEvent,
  pipeline: AppliedPipeline,
  candidates: readonly Candidate[],
): Promise<readonly ExplainedTrigger[]> {
  const settled = await settledOf(ports, pipeline, readDefinition(pipeline.definition));
  const looked = new Set(candidates.filter((one) => one.pipeline === pipeline.name).map(({ index }) => index));
  const got = keysOf(event).join(', ') || event.type;
  const keys = new Map<number, string[]>();
  for (const { index, key } of triggerEntries(settled)) keys.set(index, [...(keys.get(index) ?? []), key]);
  return [...keys].flatMap(([index, own]) => {
    if (looked.has(index)) return [];
    const wanted = own.join(' or ');
    const conditions = [{ condition: 'event', wanted, got, met: false }];
    return [
      {
        pipeline: pipeline.name,
        trigger: index,
        takes: false,
        conditions,
        text: `it looks at ${wanted}, not at ${got}`,
      },
    ];
  });
}
