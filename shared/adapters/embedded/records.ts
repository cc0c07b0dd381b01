/** What is kept for people to read back and decides nothing: the inbox, progress and history, in SQLite. */
import type { Transition } from '../../core/run.ts';
import type { Version, Versioned } from '../../ports/execution-store.ts';
import type { History } from '../../ports/history.ts';
import type { Inbox, InboxEntry } from '../../ports/inbox.ts';
import type { Progress, ProgressBoard } from '../../ports/progress.ts';
import { type Database, type Statement, textOf } from './database.ts';

export class EmbeddedInbox implements Inbox {
  readonly #database: Database;
  readonly #record: Statement;
  readonly #create: Statement;
  readonly #update: Statement;
  readonly #get: Statement;
  readonly #list: Statement;
  readonly #forget: Statement;

  constructor(database: Database) {
    this.#database = database;
    this.#record = database.prepare('INSERT OR REPLACE INTO inbox (id, received_at, json) VALUES (?, ?, ?)');
    this.#create = database.prepare(
      'INSERT INTO inbox (id, received_at, json) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
    );
    // The text of an entry is its version: an equal one is as good as the one that was read.
    this.#update = database.prepare('UPDATE inbox SET received_at = ?, json = ? WHERE id = ? AND json = ?');
    this.#get = database.prepare('SELECT json FROM inbox WHERE id = ?');
    this.#forget = database.prepare(
      'DELETE FROM inbox WHERE id IN (SELECT id FROM inbox WHERE received_at < ? ORDER BY received_at LIMIT ?)',
    );
    this.#list = database.prepare('SELECT json FROM inbox WHERE received_at < ? ORDER BY received_at DESC LIMIT ?');
  }

  async record({ entry }: { entry: InboxEntry }): Promise<void> {
    await this.#database.together(() => this.#record.run(entry.id, entry.receivedAt, JSON.stringify(entry)));
  }

  async get({ id }: { id: string }): Promise<InboxEntry | undefined> {
    const row = this.#get.first(id);
    return row && (JSON.parse(textOf(row, 'json')) as InboxEntry);
  }

  async read({ id }: { id: string }): Promise<Versioned<InboxEntry> | undefined> {
    const row = this.#get.first(id);
    if (row === undefined) return undefined;
    const version = textOf(row, 'json');
    return { value: JSON.parse(version) as InboxEntry, version };
  }

  async replace(command: { entry: InboxEntry; expected: Version | 'absent' }): Promise<'recorded' | 'conflict'> {
    const { entry, expected } = command;
    const { id, receivedAt } = entry;
    const json = JSON.stringify(entry);
    const written = await this.#database.together(() =>
      expected === 'absent' ? this.#create.run(id, receivedAt, json) : this.#update.run(receivedAt, json, id, expected),
    );
    return written === 1 ? 'recorded' : 'conflict';
  }

  async list({
    limit,
    before = Number.MAX_SAFE_INTEGER,
  }: {
    limit: number;
    before?: number;
  }): Promise<readonly InboxEntry[]> {
    return this.#list.all(before, limit).map((row) => JSON.parse(textOf(row, 'json')) as InboxEntry);
  }

  /** Removes entries that came before `before`, the oldest first, at most `limit`. Returns how many. */
  async forget({ before, limit }: { before: number; limit: number }): Promise<number> {
    return this.#database.together(() => this.#forget.run(before, limit));
  }
}

export class EmbeddedProgressBoard implements ProgressBoard {
  readonly #show: Statement;
  readonly #read: Statement;

  constructor(database: Database) {
    this.#show = database.prepare('INSERT OR REPLACE INTO progress (execution, stage, json) VALUES (?, ?, ?)');
    this.#read = database.prepare('SELECT json FROM progress WHERE execution = ?');
  }

  async show({ execution, progress }: { execution: string; progress: Progress }): Promise<void> {
    this.#show.run(execution, progress.stage, JSON.stringify(progress));
  }

  async read({ execution }: { execution: string }): Promise<readonly Progress[]> {
    return this.#read.all(execution).map((row) => JSON.parse(textOf(row, 'json')) as Progress);
  }
}

export class EmbeddedHistory implements History {
  readonly #database: Database;
  readonly #record: Statement;
  readonly #read: Statement;

  constructor(database: Database) {
    this.#database = database;
    this.#record = database.prepare(
      'INSERT INTO transitions (execution, revision, json) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
    );
    this.#read = database.prepare('SELECT json FROM transitions WHERE execution = ? ORDER BY revision');
  }

  async record({ execution, transitions }: { execution: string; transitions: readonly Transition[] }): Promise<void> {
    if (transitions.length === 0) return;
    await this.#database.together(() => {
      for (const transition of transitions) {
        this.#record.run(execution, transition.revision, JSON.stringify(transition));
      }
    });
  }

  async read({ execution }: { execution: string }): Promise<readonly Transition[]> {
    return this.#read.all(execution).map((row) => JSON.parse(textOf(row, 'json')) as Transition);
  }
}
