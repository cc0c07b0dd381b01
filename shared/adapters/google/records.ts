/** What is kept for people in Firestore: arrived events, progress of running steps, announced transitions. */
import type { Transition } from '../../core/run.ts';
import type { Version, Versioned } from '../../ports/execution-store.ts';
import type { History } from '../../ports/history.ts';
import type { Inbox, InboxEntry } from '../../ports/inbox.ts';
import type { Progress, ProgressBoard } from '../../ports/progress.ts';
import { documentId, hashedId } from './document-id.ts';
import { type Documents, type Fields, type StoredDocument, textOf } from './documents.ts';
import { queries } from './queries.ts';

const MAXIMUM_PROGRESS = 2_000;
const MAXIMUM_TRANSITIONS = 10_000;
/** A commit takes 500 writes; an announcement may repeat more transitions than that. */
const MAXIMUM_TRANSITIONS_AT_ONCE = 200;
/** Revisions are padded to so many digits, so that names sort as numbers. */
const REVISION_DIGITS = 10;

export class GoogleInbox implements Inbox {
  readonly #documents: Documents;
  readonly #keptMs: number;

  /** `keptMs` is how long an entry stays; Firestore itself removes it within a day after that. */
  constructor(documents: Documents, keptMs: number) {
    this.#documents = documents;
    this.#keptMs = keptMs;
  }

  async record({ entry }: { entry: InboxEntry }): Promise<void> {
    await this.#documents.commit({ writes: [this.#writeOf(entry)] });
  }

  async replace(command: { entry: InboxEntry; expected: Version | 'absent' }): Promise<'recorded' | 'conflict'> {
    const { entry, expected } = command;
    const versions = await this.#documents.commit({ writes: [{ ...this.#writeOf(entry), expected }] });
    return versions === 'conflict' ? 'conflict' : 'recorded';
  }

  async get({ id }: { id: string }): Promise<InboxEntry | undefined> {
    const document = await this.#documents.read({ path: eventPath(id) });
    return document === undefined ? undefined : bodyOf<InboxEntry>(document);
  }

  async read({ id }: { id: string }): Promise<Versioned<InboxEntry> | undefined> {
    const document = await this.#documents.read({ path: eventPath(id) });
    return document && { value: bodyOf<InboxEntry>(document), version: document.version };
  }

  async list(query: { limit: number; before?: number }): Promise<readonly InboxEntry[]> {
    return (await this.#documents.query(queries.newestEvents(query))).map(bodyOf<InboxEntry>);
  }

  #writeOf(entry: InboxEntry): { readonly path: string; readonly fields: Fields } {
    const expireAt = new Date(entry.receivedAt + this.#keptMs);
    const fields = { receivedAt: entry.receivedAt, expireAt, body: JSON.stringify(entry) };
    return { path: eventPath(entry.id), fields };
  }
}

export class GoogleProgressBoard implements ProgressBoard {
  readonly #documents: Documents;

  constructor(documents: Documents) {
    this.#documents = documents;
  }

  async show({ execution, progress }: { execution: string; progress: Progress }): Promise<void> {
    const path = `executions/${documentId(execution)}/progress/${documentId(progress.stage)}`;
    await this.#documents.commit({ writes: [{ path, fields: { body: JSON.stringify(progress) } }] });
  }

  async read({ execution }: { execution: string }): Promise<readonly Progress[]> {
    const query = queries.ofExecution({ execution, collection: 'progress', limit: MAXIMUM_PROGRESS });
    return (await this.#documents.query(query)).map(bodyOf<Progress>);
  }
}

export class GoogleHistory implements History {
  readonly #documents: Documents;

  constructor(documents: Documents) {
    this.#documents = documents;
  }

  async record(command: { execution: string; transitions: readonly Transition[] }): Promise<void> {
    const writes = command.transitions.map((transition) => ({
      path: transitionPath(command.execution, transition.revision),
      fields: { body: JSON.stringify(transition) },
      expected: 'absent' as const,
    }));
    for (let start = 0; start < writes.length; start += MAXIMUM_TRANSITIONS_AT_ONCE) {
      const some = writes.slice(start, start + MAXIMUM_TRANSITIONS_AT_ONCE);
      if ((await this.#documents.commit({ writes: some })) !== 'conflict') continue;
      // Some are kept already. One alone conflicts only with itself.
      await Promise.all(some.map((write) => this.#documents.commit({ writes: [write] })));
    }
  }

  async read({ execution }: { execution: string }): Promise<readonly Transition[]> {
    const query = queries.ofExecution({ execution, collection: 'history', limit: MAXIMUM_TRANSITIONS });
    return (await this.#documents.query(query)).map(bodyOf<Transition>);
  }
}

function eventPath(id: string): string {
  return `events/${hashedId(id)}`;
}

function transitionPath(execution: string, revision: number): string {
  return `executions/${documentId(execution)}/history/${String(revision).padStart(REVISION_DIGITS, '0')}`;
}

/** These documents have had one format only, and nothing decides by them. */
function bodyOf<T>(document: StoredDocument): T {
  return JSON.parse(textOf(document, 'body')) as T;
}
