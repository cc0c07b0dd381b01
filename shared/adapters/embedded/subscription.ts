/** Hands the messages of one subscription to its handler: at once, many side by side, again and again until done. */
import type { Answer, Delivery } from '../../ports/bus.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { Random } from '../../ports/random.ts';
import type { Later } from './database.ts';
import type { Deliveries, Pending } from './deliveries.ts';

export type SubscriptionOptions = {
  readonly topic: string;
  /** Tells the subscription from every other. It outlives the process: messages are kept for it from now on. */
  readonly name: string;
  /** A handler that throws says `later`. */
  readonly handler: (delivery: Delivery) => Promise<Answer>;
  /** How many deliveries may be open at once. */
  readonly concurrency: number;
  /** How long a handler may take; after that the message is delivered again and the handler's answer counts no more. */
  readonly ackDeadlineMs: number;
  /** After so many deliveries without `done`, the message goes to `deadLetterTopic`; without one it keeps coming. */
  readonly maximumDeliveries: number;
  readonly deadLetterTopic?: string;
};

/** What a subscription needs of its surroundings. */
export type Surroundings = {
  readonly deliveries: Deliveries;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log | undefined;
  readonly later: Later;
  /** Moves the message to the dead letters, in one transaction. */
  bury(pending: Pending): void;
};

const FIRST_BACK_OFF_MS = 100;
const MAXIMUM_BACK_OFF_MS = 10_000;
/** Messages that wait behind more than this many others are read from disk when their turn comes. */
const MAXIMUM_MESSAGES_IN_MEMORY = 10_000;

export class Subscription {
  readonly options: SubscriptionOptions;
  readonly #around: Surroundings;
  /** Delivered next, the first one first; those before `#head` have gone out already. */
  #ready: Pending[] = [];
  #head = 0;
  /** What ends the wait of each message that is to come again later. */
  readonly #delayed = new Set<() => void>();
  #open = 0;
  #scheduled = false;
  #stopped = false;
  #whenIdle: (() => void) | undefined;

  constructor(options: SubscriptionOptions, around: Surroundings) {
    this.options = options;
    this.#around = around;
    for (const pending of around.deliveries.pending(options.name)) this.add(pending);
  }

  /** Takes a message that is on disk already. */
  add(pending: Pending): void {
    const crowded = this.#ready.length - this.#head >= MAXIMUM_MESSAGES_IN_MEMORY;
    this.#ready.push(crowded ? { ...pending, message: undefined } : pending);
    this.#schedule();
  }

  /** Delivers no more. Resolves when all open deliveries have been answered; those of them that are not done stay on disk. */
  stop(): Promise<void> {
    this.#stopped = true;
    for (const cancel of this.#delayed) cancel();
    this.#delayed.clear();
    if (this.#open === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenIdle = resolve;
    });
  }

  /** Deliveries begin in a turn of their own, so that timers and sockets get theirs between them. */
  #schedule(): void {
    if (this.#scheduled || this.#stopped) return;
    this.#scheduled = true;
    this.#around.later(() => {
      this.#scheduled = false;
      while (!this.#stopped && this.#open < this.options.concurrency) {
        const next = this.#take();
        if (next === undefined) return;
        this.#deliver(next);
      }
    });
  }

  #take(): Pending | undefined {
    const next = this.#ready[this.#head];
    if (next === undefined) return undefined;
    this.#head += 1;
    if (this.#head * 2 > this.#ready.length) {
      this.#ready = this.#ready.slice(this.#head);
      this.#head = 0;
    }
    return next;
  }

  #deliver(pending: Pending): void {
    if (this.#isSpent(pending)) {
      this.#settle(pending, 'later');
      return;
    }
    this.#open += 1;
    pending.deliveries += 1;
    let answered = false;
    const answer = (given: Answer) => {
      if (answered) return;
      answered = true;
      cancelDeadline();
      this.#open -= 1;
      this.#settle(pending, given);
      if (this.#open === 0) this.#whenIdle?.();
      if (this.#head < this.#ready.length) this.#schedule();
    };
    const cancelDeadline = this.#around.clock.after(this.options.ackDeadlineMs, () => {
      this.#warn('A handler did not answer before its deadline; the message is delivered again.', pending);
      answer('later');
    });
    this.#handle(pending).then(answer, (error: unknown) => {
      this.#warn('A handler failed; the message is delivered again.', pending, error);
      answer('later');
    });
  }

  async #handle(pending: Pending): Promise<Answer> {
    // What may have killed a former process is counted before it can kill this one.
    if (pending.inherited) this.#around.deliveries.count(pending);
    const { data, attributes, messageId } = pending.message ?? this.#around.deliveries.read(pending);
    return this.options.handler({ data, attributes, messageId, subscription: this.options.name });
  }

  #settle(pending: Pending, answer: Answer): void {
    const { deliveries } = this.#around;
    if (answer === 'done') {
      deliveries.remove(pending.id).catch((error: unknown) => this.#unkept(pending, error));
      return;
    }
    try {
      if (this.#isSpent(pending)) {
        this.#warn('A message goes to the dead letters.', pending);
        this.#around.bury(pending);
        return;
      }
      deliveries.count(pending);
      this.#again(pending);
    } catch (error) {
      this.#unkept(pending, error);
    }
  }

  #unkept(pending: Pending, error: unknown): void {
    this.#warn('The answer to a message could not be kept; the message is delivered again.', pending, error);
    this.#again(pending);
  }

  /** Whether it was delivered as often as it may be. One that kills the process each time gets here as well. */
  #isSpent({ deliveries }: Pending): boolean {
    return this.options.deadLetterTopic !== undefined && deliveries >= this.options.maximumDeliveries;
  }

  #again(pending: Pending): void {
    if (this.#stopped) return;
    const ceiling = Math.min(FIRST_BACK_OFF_MS * 2 ** (pending.deliveries - 1), MAXIMUM_BACK_OFF_MS);
    const delayMs = ceiling * (0.5 + this.#around.random.fraction() / 2);
    const cancel = this.#around.clock.after(delayMs, () => {
      this.#delayed.delete(cancel);
      this.add(pending);
    });
    this.#delayed.add(cancel);
  }

  #warn(message: string, pending: Pending, error?: unknown): void {
    this.#around.log?.write('WARNING', message, {
      subscription: this.options.name,
      delivery: pending.id,
      deliveries: pending.deliveries,
      ...(error === undefined ? {} : { error }),
    });
  }
}
