/** Counts what the adapters are asked for: documents read and written, creations, publications. */
import type { Message } from '../../shared/ports/bus.ts';
import type { Write } from '../../shared/ports/execution-store.ts';
import type { FaultHooks, PortCall } from '../support/faults.ts';

/** What was asked of the adapters. A commit counts each of its documents. */
export type Tally = {
  /** Documents of the state machine that were read: executions, runs, groups. */
  reads: number;
  /** Documents of the state machine that were written, without the creations of runs. */
  writes: number;
  /** Runs that were created: one for each stage that starts. */
  creates: number;
  commits: number;
  wakeUps: number;
  /** Publications and messages by topic. */
  readonly topics: Map<string, { publications: number; messages: number }>;
  /** Calls of every other port, by `port.method`. */
  readonly others: Map<string, number>;
};

const READS: ReadonlySet<string> = new Set(['readExecution', 'readRun', 'readGroup']);

export const emptyTally = (): Tally => ({
  reads: 0,
  writes: 0,
  creates: 0,
  commits: 0,
  wakeUps: 0,
  topics: new Map(),
  others: new Map(),
});

/** Hooks that add every call to the tally. */
export const counting = (tally: Tally): FaultHooks => ({ before: (call) => count(tally, call) });

function count(tally: Tally, { port, method, argument }: PortCall): void {
  if (port === 'executions' && READS.has(method)) {
    tally.reads += 1;
  } else if (port === 'executions' && method === 'commit') {
    const { writes } = argument as { writes: readonly Write[] };
    const creates = writes.filter((write) => write.document === 'run' && write.expected === 'absent').length;
    tally.commits += 1;
    tally.creates += creates;
    tally.writes += writes.length - creates;
  } else if (port === 'wakeUps') {
    tally.wakeUps += 1;
  } else if (port === 'bus') {
    const { topic, messages } = argument as { topic: string; messages: readonly Message[] };
    const { publications, messages: before } = tally.topics.get(topic) ?? { publications: 0, messages: 0 };
    tally.topics.set(topic, { publications: publications + 1, messages: before + messages.length });
  } else {
    const name = `${port}.${method}`;
    tally.others.set(name, (tally.others.get(name) ?? 0) + 1);
  }
}

export const publicationsTo = (tally: Tally, topic: string): number => tally.topics.get(topic)?.publications ?? 0;
