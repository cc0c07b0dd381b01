/** All ports on one SQLite file, for a laptop, a demo or a small team: one process, and a killed one loses nothing. */
import type { Blobs } from '../../ports/blobs.ts';
import type { Bus } from '../../ports/bus.ts';
import type { Cells, ListedCells, Lock, NotificationState } from '../../ports/cells.ts';
import type { Clock } from '../../ports/clock.ts';
import type { ExecutionStore } from '../../ports/execution-store.ts';
import type { History } from '../../ports/history.ts';
import type { Holds } from '../../ports/holds.ts';
import type { Inbox } from '../../ports/inbox.ts';
import type { Log } from '../../ports/log.ts';
import type { Pipelines, Schedules } from '../../ports/pipelines.ts';
import type { ProgressBoard } from '../../ports/progress.ts';
import type { Pushes } from '../../ports/pushes.ts';
import type { Random } from '../../ports/random.ts';
import type { RepositoriesOfUrl, Repository, Review, Team } from '../../ports/repositories.ts';
import type { ActiveRollout, TemplateRecord } from '../../ports/templates.ts';
import type { WakeUps } from '../../ports/wake-ups.ts';
import { systemRandom } from '../system-random.ts';
import { EmbeddedBlobs } from './blobs.ts';
import { EmbeddedBus } from './bus.ts';
import { EmbeddedCells } from './cells.ts';
import { Database, type Later } from './database.ts';
import { type DocumentParsers, EmbeddedExecutions } from './executions.ts';
import { EmbeddedPipelines } from './pipelines.ts';
import { EmbeddedHistory, EmbeddedInbox, EmbeddedProgressBoard } from './records.ts';
import type { SubscriptionOptions } from './subscription.ts';
import { EmbeddedWakeUps } from './wake-ups.ts';

export type { Later } from './database.ts';
export { DatabaseUnavailable, IN_MEMORY } from './database.ts';
export type { SubscriptionOptions } from './subscription.ts';

/** How long `close` waits for handlers that are at work. */
const CLOSING_PATIENCE_MS = 5000;

export type EmbeddedOptions = {
  /** The path of the SQLite file, whose folder is made where it is missing, or `:memory:`. */
  readonly path: string;
  readonly clock: Clock;
  /** For the jitter of redeliveries. */
  readonly random?: Random;
  /** What stored documents go through when they are read. */
  readonly parse: DocumentParsers;
  /** Hears of handlers that failed or were too slow, and of dead letters. */
  readonly log?: Log;
  /** Runs what is for a later turn of the event loop; a simulation gives its own, so that it knows when nothing is left to do. */
  readonly later?: Later;
};

export type Embedded = {
  readonly executions: ExecutionStore;
  readonly pipelines: Pipelines;
  readonly schedules: Schedules;
  readonly inbox: Inbox;
  readonly blobs: Blobs;
  readonly locks: Cells<Lock>;
  readonly notifications: Cells<NotificationState>;
  readonly templates: ListedCells<TemplateRecord>;
  readonly rollouts: ListedCells<ActiveRollout>;
  readonly repositories: ListedCells<Repository>;
  readonly repositoryUrls: Cells<RepositoriesOfUrl>;
  readonly teams: ListedCells<Team>;
  readonly reviews: Cells<Review>;
  readonly pushes: Cells<Pushes>;
  readonly holds: Cells<Holds>;
  readonly bus: Bus;
  readonly wakeUps: WakeUps;
  readonly progress: ProgressBoard;
  readonly history: History;
  /**
   * Attaches a handler to the subscription of that name, which is made where there is none, and delivers to it all that
   * was kept since. A topic whose messages nobody may miss is subscribed to before anything is published.
   * Returns what detaches the handler once its open deliveries are answered.
   */
  subscribe(options: SubscriptionOptions): Promise<() => Promise<void>>;
  /** Ends a subscription for good, with the messages that were kept for it. It must have no handler. */
  unsubscribe(command: { name: string }): Promise<void>;
  /**
   * Ends the claims of the process that had the file before, so that their steps can be claimed at once. To be called
   * after opening and before `subscribe`, which redelivers that process's work. Returns how many there were.
   */
  recoverClaims(): Promise<number>;
  /** Removes entries of the inbox that came before `before`, the oldest first, at most `limit`. Returns how many. */
  forgetEvents(command: { before: number; limit: number }): Promise<number>;
  /** Lets open deliveries finish, for up to 5 s, and closes the file. What was not finished is delivered after the next opening. */
  close(): Promise<void>;
};

/** Opens the file for this process alone. Throws DatabaseUnavailable, which names the folder, where another has it. */
export function openEmbedded(options: EmbeddedOptions): Embedded {
  const { path, clock, random = systemRandom, parse, log, later = setImmediate } = options;
  const database = new Database(path, later);
  const executions = new EmbeddedExecutions(database, parse);
  const bus = new EmbeddedBus(database, { clock, random, log, later });
  const pipelines = new EmbeddedPipelines(database);
  const wakeUps = new EmbeddedWakeUps(database, { bus, clock, log });
  let closed: Promise<void> | undefined;
  const close = async () => {
    wakeUps.stop();
    let cancelPatience = () => {};
    const patience = new Promise<void>((resolve) => {
      cancelPatience = clock.after(CLOSING_PATIENCE_MS, resolve);
    });
    await Promise.race([bus.stop(), patience]);
    cancelPatience();
    executions.close();
    database.close();
  };
  const inbox = new EmbeddedInbox(database);
  return {
    executions,
    pipelines,
    schedules: pipelines,
    inbox,
    blobs: new EmbeddedBlobs(database),
    locks: new EmbeddedCells(database, 'lock', asWritten<Lock>),
    notifications: new EmbeddedCells(database, 'notification', asWritten<NotificationState>),
    templates: new EmbeddedCells(database, 'template', asWritten<TemplateRecord>),
    rollouts: new EmbeddedCells(database, 'rollout', asWritten<ActiveRollout>),
    repositories: new EmbeddedCells(database, 'repository', asWritten<Repository>),
    repositoryUrls: new EmbeddedCells(database, 'repository-url', asWritten<RepositoriesOfUrl>),
    teams: new EmbeddedCells(database, 'team', asWritten<Team>),
    reviews: new EmbeddedCells(database, 'review', asWritten<Review>),
    pushes: new EmbeddedCells(database, 'pushes', asWritten<Pushes>),
    holds: new EmbeddedCells(database, 'hold', asWritten<Holds>),
    bus,
    wakeUps,
    progress: new EmbeddedProgressBoard(database),
    history: new EmbeddedHistory(database),
    subscribe: (options) => bus.subscribe(options),
    unsubscribe: (command) => bus.unsubscribe(command),
    forgetEvents: (command) => inbox.forget(command),
    recoverClaims: async () => executions.releaseClaims(clock.now()),
    close() {
      closed ??= close();
      return closed;
    },
  };
}

/** For documents that have had one format only. */
function asWritten<T>(json: unknown): T {
  return json as T;
}
