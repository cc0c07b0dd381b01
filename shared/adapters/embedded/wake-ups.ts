/** Messages for later: kept on disk by name, and put on the bus by one timer for whichever is next. */
import type { Message } from '../../ports/bus.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { WakeUps } from '../../ports/wake-ups.ts';
import type { EmbeddedBus, Kept } from './bus.ts';
import { type Database, integerOf, type Row, type Statement, textOf } from './database.ts';

/** How long a used name is remembered. */
const NAMES_KEPT_MS = 24 * 60 * 60 * 1000;
/** How often names that are older than that are looked for, at most. */
const CLEANING_EVERY_MS = 60 * 60 * 1000;
/** How many are handed on in one turn of the event loop. */
const MAXIMUM_AT_ONCE = 100;
/** How long to wait after a failure to hand them on. */
const TROUBLE_PAUSE_MS = 1000;

export class EmbeddedWakeUps implements WakeUps {
  readonly #database: Database;
  readonly #bus: EmbeddedBus;
  readonly #clock: Clock;
  readonly #log: Log | undefined;
  readonly #schedule: Statement;
  readonly #due: Statement;
  readonly #next: Statement;
  readonly #use: Statement;
  readonly #clean: Statement;
  /** When the timer rings; Infinity where none is set. */
  #ringsAt = Number.POSITIVE_INFINITY;
  #cancelTimer = () => {};
  #cleanedAt = Number.NEGATIVE_INFINITY;
  #stopped = false;

  constructor(database: Database, { bus, clock, log }: { bus: EmbeddedBus; clock: Clock; log: Log | undefined }) {
    this.#database = database;
    this.#bus = bus;
    this.#clock = clock;
    this.#log = log;
    this.#schedule = database.prepare(
      'INSERT INTO wake_ups (name, at, topic, data, attributes) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
    );
    this.#due = database.prepare(
      'SELECT name, topic, data, attributes FROM wake_ups WHERE used_at IS NULL AND at <= ? ORDER BY at LIMIT ?',
    );
    this.#next = database.prepare('SELECT at FROM wake_ups WHERE used_at IS NULL ORDER BY at LIMIT 1');
    this.#use = database.prepare(`UPDATE wake_ups SET used_at = ?, data = '', attributes = '' WHERE name = ?`);
    this.#clean = database.prepare('DELETE FROM wake_ups WHERE used_at < ?');
    this.#arm();
  }

  async schedule(command: { name: string; at: number; topic: string; message: Message }): Promise<void> {
    const { name, at, topic, message } = command;
    const isNew = this.#schedule.run(name, at, topic, message.data, JSON.stringify(message.attributes)) === 1;
    if (isNew && at < this.#ringsAt) this.#ringAt(at);
  }

  /** Hands on no more; what is not due yet stays on disk. */
  stop(): void {
    this.#stopped = true;
    this.#cancelTimer();
  }

  #arm(): void {
    const row = this.#next.first();
    if (row !== undefined) this.#ringAt(integerOf(row, 'at'));
  }

  #ringAt(at: number): void {
    if (this.#stopped) return;
    this.#cancelTimer();
    this.#ringsAt = at;
    this.#cancelTimer = this.#clock.after(Math.max(0, at - this.#clock.now()), () => this.#ring());
  }

  #ring(): void {
    this.#ringsAt = Number.POSITIVE_INFINITY;
    try {
      this.#handOn(this.#clock.now());
      this.#arm();
    } catch (error) {
      this.#log?.write('ERROR', 'Wake-ups could not be handed on; trying again soon.', { error });
      this.#ringAt(this.#clock.now() + TROUBLE_PAUSE_MS);
    }
  }

  #handOn(now: number): void {
    const kept: Kept[] = this.#database.transaction(() => {
      if (now - this.#cleanedAt >= CLEANING_EVERY_MS) {
        this.#clean.run(now - NAMES_KEPT_MS);
        this.#cleanedAt = now;
      }
      return this.#due.all(now, MAXIMUM_AT_ONCE).map((row) => {
        this.#use.run(now, textOf(row, 'name'));
        return this.#bus.keep(textOf(row, 'topic'), [messageOf(row)]);
      });
    });
    for (const messages of kept) this.#bus.hand(messages);
  }
}

function messageOf(row: Row): Message {
  return {
    data: textOf(row, 'data'),
    attributes: JSON.parse(textOf(row, 'attributes')) as Message['attributes'],
  };
}
