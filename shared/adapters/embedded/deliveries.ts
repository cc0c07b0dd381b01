/** The messages that subscriptions have not acknowledged yet, in SQLite. */
import type { Message } from '../../ports/bus.ts';
import type { Random } from '../../ports/random.ts';
import { type Database, integerOf, type Row, type Statement, textOf } from './database.ts';

/** A message on its way to one subscription. */
export type Pending = {
  /** Tells it from all others that are kept now, of all subscriptions. */
  readonly id: number;
  /** How often its delivery was begun. */
  deliveries: number;
  /** True where a former process may have begun a delivery that it did not live to count. */
  readonly inherited: boolean;
  /** Absent where it is only on disk. */
  readonly message: StoredMessage | undefined;
};

/** A message as it is kept, and the id that it has in every subscription and delivery. */
export type StoredMessage = Message & { readonly messageId: string };

export class Deliveries {
  readonly #database: Database;
  readonly #random: Random;
  readonly #insert: Statement;
  readonly #remove: Statement;
  readonly #count: Statement;
  readonly #read: Statement;
  readonly #pending: Statement;

  constructor(database: Database, random: Random) {
    this.#database = database;
    this.#random = random;
    this.#insert = database.prepare(
      'INSERT INTO deliveries (subscription, message_id, data, attributes, delivered) VALUES (?, ?, ?, ?, 0)',
    );
    this.#remove = database.prepare('DELETE FROM deliveries WHERE id = ?');
    this.#count = database.prepare('UPDATE deliveries SET delivered = ? WHERE id = ?');
    this.#read = database.prepare('SELECT message_id, data, attributes FROM deliveries WHERE id = ?');
    this.#pending = database.prepare('SELECT id, delivered FROM deliveries WHERE subscription = ? ORDER BY id');
  }

  /** Keeps the message for each of the subscriptions, within the transaction that is open now. */
  insert(message: Message, subscriptions: readonly string[]): Pending[] {
    const stored: StoredMessage = { ...message, messageId: this.#random.id() };
    const attributes = JSON.stringify(message.attributes);
    return subscriptions.map((subscription) => {
      const id = this.#insert.insert(subscription, stored.messageId, message.data, attributes);
      return { id, deliveries: 0, inherited: false, message: stored };
    });
  }

  /** Forgets an acknowledged message at the end of this turn; a process that is killed before that gets it again. */
  remove(id: number): Promise<void> {
    return this.#database.together(() => this.removeNow(id));
  }

  /** As `remove`, but within the transaction that is open now. */
  removeNow(id: number): void {
    this.#remove.run(id);
  }

  count({ id, deliveries }: Pending): void {
    this.#count.run(deliveries, id);
  }

  read({ id }: Pending): StoredMessage {
    const row = this.#read.first(id);
    if (row === undefined) throw new Error(`Delivering message ${id} of the embedded bus: its row is gone.`);
    return {
      data: textOf(row, 'data'),
      attributes: attributesOf(row),
      messageId: textOf(row, 'message_id'),
    };
  }

  /** What the subscription has not acknowledged, oldest first; the messages themselves stay on disk. */
  pending(subscription: string): Pending[] {
    this.#database.flush();
    return this.#pending.all(subscription).map((row) => ({
      id: integerOf(row, 'id'),
      deliveries: integerOf(row, 'delivered'),
      inherited: true,
      message: undefined,
    }));
  }
}

function attributesOf(row: Row): Message['attributes'] {
  return JSON.parse(textOf(row, 'attributes')) as Message['attributes'];
}
