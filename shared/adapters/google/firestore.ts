/** All ports that Firestore serves, on one database. */
import type { Blobs } from '../../ports/blobs.ts';
import type { Cells, ListedCells, Lock, NotificationState } from '../../ports/cells.ts';
import type { Clock } from '../../ports/clock.ts';
import type { ExecutionStore } from '../../ports/execution-store.ts';
import type { History } from '../../ports/history.ts';
import type { Holds } from '../../ports/holds.ts';
import type { Inbox } from '../../ports/inbox.ts';
import type { Pipelines, Schedules } from '../../ports/pipelines.ts';
import type { ProgressBoard } from '../../ports/progress.ts';
import type { Pushes } from '../../ports/pushes.ts';
import type { Random } from '../../ports/random.ts';
import type { RepositoriesOfUrl, Repository, Review, Team } from '../../ports/repositories.ts';
import type { ActiveRollout, TemplateRecord } from '../../ports/templates.ts';
import { systemRandom } from '../system-random.ts';
import { GoogleBlobs } from './blobs.ts';
import { GoogleCells } from './cells.ts';
import { Documents, type FirestoreClient } from './documents.ts';
import { type DocumentParsers, GoogleExecutions } from './executions.ts';
import { lazily } from './lazily.ts';
import { noCredentials } from './no-credentials.ts';
import { GooglePipelines } from './pipelines.ts';
import { GoogleHistory, GoogleInbox, GoogleProgressBoard } from './records.ts';
import { within } from './within.ts';

const CLOSE_TIMEOUT_MS = 5_000;
const DEFAULT_INBOX_KEPT_MS = 90 * 24 * 60 * 60_000;

type FirestoreOptions = {
  readonly projectId: string;
  /** `(default)` where none is given. */
  readonly databaseId?: string;
  readonly clock: Clock;
  /** For the jitter of repetitions. */
  readonly random?: Random;
  /** What stored documents go through when they are read. */
  readonly parse: DocumentParsers;
  /** How long what arrived is kept; 90 days where it is not said. */
  readonly inboxKeptMs?: number;
  /** `127.0.0.1:<port>` of an emulator that stands in for Google. */
  readonly emulator?: string | undefined;
};

export type FirestorePorts = {
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
  readonly progress: ProgressBoard;
  readonly history: History;
  close(): Promise<void>;
};

export function openFirestore(options: FirestoreOptions): FirestorePorts {
  const { projectId, databaseId = '(default)', clock, random = systemRandom, parse, emulator } = options;
  const client = lazily<FirestoreClient>({
    async make() {
      const library = await import('@google-cloud/firestore');
      const place = emulator === undefined ? {} : { host: emulator, ssl: false, ...(await noCredentials()) };
      return { library, firestore: new library.Firestore({ projectId, databaseId, ...place }) };
    },
    // The library waits for every request, also for one that was given up here and to which nobody answers.
    end: ({ firestore }) =>
      within({ clock, ms: CLOSE_TIMEOUT_MS, promise: firestore.terminate(), otherwise: () => undefined }),
  });
  const documents = new Documents({ client: () => client.get(), clock, random });
  const pipelines = new GooglePipelines(documents);
  return {
    executions: new GoogleExecutions(documents, parse),
    pipelines,
    schedules: pipelines,
    inbox: new GoogleInbox(documents, options.inboxKeptMs ?? DEFAULT_INBOX_KEPT_MS),
    blobs: new GoogleBlobs(documents),
    locks: new GoogleCells(documents, 'locks', asWritten<Lock>),
    notifications: new GoogleCells(documents, 'notifications', asWritten<NotificationState>),
    templates: new GoogleCells(documents, 'templates', asWritten<TemplateRecord>),
    rollouts: new GoogleCells(documents, 'rollouts', asWritten<ActiveRollout>),
    repositories: new GoogleCells(documents, 'repositories', asWritten<Repository>),
    repositoryUrls: new GoogleCells(documents, 'repository-urls', asWritten<RepositoriesOfUrl>),
    teams: new GoogleCells(documents, 'teams', asWritten<Team>),
    reviews: new GoogleCells(documents, 'reviews', asWritten<Review>),
    pushes: new GoogleCells(documents, 'pushes', asWritten<Pushes>),
    holds: new GoogleCells(documents, 'holds', asWritten<Holds>),
    progress: new GoogleProgressBoard(documents),
    history: new GoogleHistory(documents),
    close: () => client.close(),
  };
}

/** For documents that have had one format only. */
function asWritten<T>(json: unknown): T {
  return json as T;
}
