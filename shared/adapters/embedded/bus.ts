/** The event bus of one process: what is published is on disk, once for each subscription, before it is delivered. */
import type { Bus, Message } from '../../ports/bus.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { Random } from '../../ports/random.ts';
import { type Database, type Later, type Statement, textOf } from './database.ts';
import { Deliveries, type Pending } from './deliveries.ts';
import { Subscription, type SubscriptionOptions } from './subscription.ts';

/** What Pub/Sub allows, so that nothing works on a laptop that would fail in production. */
export const MAXIMUM_MESSAGE_BYTES = 10_000_000;
export const MAXIMUM_MESSAGES_PER_PUBLISH = 1000;

/** What Pub/Sub adds to the attributes of a dead letter. */
const SOURCE_SUBSCRIPTION = 'CloudPubSubDeadLetterSourceSubscription';
const SOURCE_DELIVERIES = 'CloudPubSubDeadLetterSourceDeliveryCount';

/** Messages that are kept, and the subscription that each is for. */
export type Kept = readonly { readonly subscription: string; readonly pending: Pending }[];

export class EmbeddedBus implements Bus {
  readonly #database: Database;
  readonly #deliveries: Deliveries;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #log: Log | undefined;
  readonly #later: Later;
  readonly #register: Statement;
  readonly #unregister: Statement;
  readonly #discard: Statement;
  /** The names of the subscriptions that messages are kept for, by topic. */
  readonly #names = new Map<string, string[]>();
  /** Those that have a handler now, by name. */
  readonly #attached = new Map<string, Subscription>();

  constructor(
    database: Database,
    { clock, random, log, later }: { clock: Clock; random: Random; log: Log | undefined; later: Later },
  ) {
    this.#database = database;
    this.#deliveries = new Deliveries(database, random);
    this.#clock = clock;
    this.#random = random;
    this.#log = log;
    this.#later = later;
    this.#register = database.prepare('INSERT OR REPLACE INTO subscriptions (name, topic) VALUES (?, ?)');
    this.#unregister = database.prepare('DELETE FROM subscriptions WHERE name = ?');
    this.#discard = database.prepare('DELETE FROM deliveries WHERE subscription = ?');
    for (const row of database.prepare('SELECT name, topic FROM subscriptions').all()) {
      this.#remember(textOf(row, 'name'), textOf(row, 'topic'));
    }
  }

  async publish({ topic, messages }: { topic: string; messages: readonly Message[] }): Promise<void> {
    if (messages.length > MAXIMUM_MESSAGES_PER_PUBLISH) {
      throw new Error(
        `Publishing to ${topic}: ${messages.length} messages at once, and at most ${MAXIMUM_MESSAGES_PER_PUBLISH} are allowed.`,
      );
    }
    for (const { data } of messages) {
      const bytes = Buffer.byteLength(data);
      if (bytes > MAXIMUM_MESSAGE_BYTES) {
        throw new Error(
          `Publishing to ${topic}: a message has ${bytes} bytes, and at most ${MAXIMUM_MESSAGE_BYTES} are allowed.`,
        );
      }
    }
    if (messages.length === 0 || !this.#names.has(topic)) return;
    this.hand(await this.#database.together(() => this.keep(topic, messages)));
  }

  /**
   * Makes the subscription, or finds the one of that name, and delivers to the handler what was kept for it so far and
   * what comes from now on. Returns what detaches the handler again: it resolves when no delivery is open any more, and
   * messages are still kept for the next handler.
   */
  async subscribe(options: SubscriptionOptions): Promise<() => Promise<void>> {
    const { name, topic } = options;
    if (this.#attached.has(name)) throw new Error(`Subscribing to ${topic}: the subscription ${name} has a handler.`);
    if (!this.#names.get(topic)?.includes(name)) {
      this.#register.run(name, topic);
      this.#forget(name);
      this.#remember(name, topic);
    }
    const subscription = new Subscription(options, {
      deliveries: this.#deliveries,
      clock: this.#clock,
      random: this.#random,
      log: this.#log,
      later: this.#later,
      bury: (pending) => this.#bury(pending, options),
    });
    this.#attached.set(name, subscription);
    return async () => {
      await subscription.stop();
      if (this.#attached.get(name) === subscription) this.#attached.delete(name);
    };
  }

  /** Ends a subscription for good, with all that was kept for it. It must have no handler. */
  async unsubscribe({ name }: { name: string }): Promise<void> {
    if (this.#attached.has(name)) throw new Error(`Ending the subscription ${name}: it still has a handler.`);
    this.#forget(name);
    this.#database.transaction(() => {
      this.#unregister.run(name);
      this.#discard.run(name);
    });
  }

  /** Keeps the messages, within the transaction that is open now. `hand` delivers them after its commit. */
  keep(topic: string, messages: readonly Message[]): Kept {
    const names = this.#names.get(topic) ?? [];
    return messages.flatMap((message) =>
      this.#deliveries.insert(message, names).map((pending, index) => ({ subscription: names[index] ?? '', pending })),
    );
  }

  hand(kept: Kept): void {
    for (const { subscription, pending } of kept) this.#attached.get(subscription)?.add(pending);
  }

  /** Detaches all handlers. Resolves when no delivery is open any more. */
  async stop(): Promise<void> {
    await Promise.all([...this.#attached.values()].map((subscription) => subscription.stop()));
  }

  #bury(pending: Pending, { name, deadLetterTopic }: SubscriptionOptions): void {
    const kept = this.#database.transaction(() => {
      const { data, attributes } = pending.message ?? this.#deliveries.read(pending);
      const source = { [SOURCE_SUBSCRIPTION]: name, [SOURCE_DELIVERIES]: String(pending.deliveries) };
      const letters =
        deadLetterTopic === undefined
          ? []
          : this.keep(deadLetterTopic, [{ data, attributes: { ...attributes, ...source } }]);
      this.#deliveries.removeNow(pending.id);
      return letters;
    });
    this.hand(kept);
  }

  #remember(name: string, topic: string): void {
    this.#names.set(topic, [...(this.#names.get(topic) ?? []), name]);
  }

  #forget(name: string): void {
    for (const [topic, names] of this.#names) {
      if (names.includes(name))
        this.#names.set(
          topic,
          names.filter((other) => other !== name),
        );
    }
  }
}
