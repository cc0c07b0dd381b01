/** What the use cases of the state machine are given: the ports, the kinds and the protocol's times. */
import { createHash } from 'node:crypto';
import type { Blobs } from '../ports/blobs.ts';
import type { Bus } from '../ports/bus.ts';
import type { Cells, Lock } from '../ports/cells.ts';
import type { Clock } from '../ports/clock.ts';
import type { Cluster } from '../ports/cluster.ts';
import type { ExecutionStore } from '../ports/execution-store.ts';
import type { Holds } from '../ports/holds.ts';
import type { Log } from '../ports/log.ts';
import type { OtherExecutions } from '../ports/other-executions.ts';
import type { ProgressBoard } from '../ports/progress.ts';
import type { Random } from '../ports/random.ts';
import type { Renderer } from '../ports/renderer.ts';
import type { Secrets } from '../ports/secrets.ts';
import type { WakeUps } from '../ports/wake-ups.ts';
import type { GoogleIdentity, HttpClient, StageKind } from '../stages/kind.ts';
import type { Callbacks } from './callbacks.ts';
import type { PlanReader } from './plans.ts';

/** The times of the protocol, in ms. They nest: a step ends within its lease, a lease within the acknowledgement deadline. */
export type Timing = {
  /** How long one step may take. */
  readonly stepMs: number;
  /** How long a claim lasts, counted from before it is sent. */
  readonly leaseMs: number;
  /** How long the bus waits for an acknowledgement before it delivers again. */
  readonly acknowledgementMs: number;
};

export const DEFAULT_TIMING: Timing = { stepMs: 50_000, leaseMs: 60_000, acknowledgementMs: 90_000 };

/** Returns the times, or throws a RangeError that says which does not fit into which. */
export function checkTiming(timing: Timing): Timing {
  const { stepMs, leaseMs, acknowledgementMs } = timing;
  if (0 < stepMs && stepMs < leaseMs && leaseMs < acknowledgementMs) return timing;
  throw new RangeError(
    `the times must nest: step ${stepMs} ms < lease ${leaseMs} ms < acknowledgement ${acknowledgementMs} ms`,
  );
}

/** What changes executions: enough for starting, stopping, signalling and sweeping. */
export type StatePorts = {
  readonly executions: ExecutionStore;
  readonly plans: PlanReader;
  readonly bus: Bus;
  readonly wakeUps: WakeUps;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
};

/** What running steps needs beyond that. */
export type Engine = StatePorts & {
  readonly kinds: ReadonlyMap<string, StageKind>;
  readonly blobs: Blobs;
  readonly locks: Cells<Lock>;
  /** What keeps stages from beginning; absent where nothing can. */
  readonly holds?: Pick<Cells<Holds>, 'read'>;
  readonly progress: ProgressBoard;
  readonly secrets: Secrets;
  readonly http: HttpClient;
  readonly google?: GoogleIdentity | undefined;
  readonly renderer: Renderer;
  /** The cluster of a target. Throws where no target has the name. */
  readonly clusterOf: (target: string) => Promise<Cluster>;
  readonly timing: Timing;
  /** Absent where stages reach no other executions. */
  readonly others?: OtherExecutions | undefined;
  /** Absent where nobody can call back. */
  readonly callbacks?: Callbacks | undefined;
};

/** How often a conditional write is tried again from the read before the message is left for later. */
export const MAXIMUM_CONFLICTS = 12;
const CONFLICT_PAUSE_MS = 20;

/** So many writers met at one document that the work is left for a later delivery. */
export class TooManyConflicts extends Error {
  override readonly name = 'TooManyConflicts';
}

/** Waits `ms` milliseconds of the clock. */
export function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(ms, resolve);
  });
}

/** Calls `attempt` until it gives something else than `conflict`, with jitter between. Throws TooManyConflicts. */
export async function untilCommitted<T>(
  ports: { readonly clock: Clock; readonly random: Random },
  what: string,
  attempt: () => Promise<T | 'conflict'>,
): Promise<T> {
  for (let conflicts = 0; conflicts < MAXIMUM_CONFLICTS; conflicts += 1) {
    const result = await attempt();
    if (result !== 'conflict') return result;
    await pause(ports.clock, Math.ceil(ports.random.fraction() * CONFLICT_PAUSE_MS * 2 ** Math.min(conflicts, 5)));
  }
  throw new TooManyConflicts(`${what} met ${MAXIMUM_CONFLICTS} conflicts in a row and is left for a later delivery`);
}

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';
const ID_LENGTH = 16;

/** The id of the execution that an event starts of a pipeline: 80 bits of a hash, so a redelivery meets the same execution. */
export function executionIdOf(pipeline: string, event: string): string {
  const digest = createHash('sha256').update(`${pipeline}\0${event}`).digest();
  let id = '';
  for (let index = 0; index < ID_LENGTH; index += 1) id += ALPHABET[(digest[index] ?? 0) % ALPHABET.length];
  return id;
}

/** A name for a wake-up that is spread evenly, as Cloud Tasks asks for, and never used for another. */
export function wakeName(parts: readonly (string | number)[]): string {
  return createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 40);
}
