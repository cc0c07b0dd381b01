/** The world's Pub/Sub and Cloud Tasks: at least once, in no order, late, twice, and sometimes not at all. */
import type { Answer, Delivery, Message } from '../../shared/ports/bus.ts';
import type { Worker, World } from './world.ts';

const ACKNOWLEDGEMENT_MS = 90_000;
const MAXIMUM_DELIVERIES = 30;
/** How late a duplicate may come, in ms: after the end of what it is about too. */
const LATEST_DUPLICATE_MS = 600_000;

export type Handler = (worker: Worker, delivery: Delivery) => Promise<Answer>;
type Sent = { readonly topic: string; readonly message: Message; readonly messageId: string };

export class SimulatedBus {
  readonly announced: Message[] = [];
  /** The ids of messages that a handler acknowledged. */
  readonly acknowledged = new Set<string>();
  private readonly world: World;
  private readonly handle: (topic: string) => Handler;
  /** The ids of source events that no handler has acknowledged yet. */
  readonly events = new Set<string>();
  private readonly names = new Set<string>();
  private messages = 0;
  private deliveries = 0;

  constructor(world: World, handle: (topic: string) => Handler) {
    this.world = world;
    this.handle = handle;
  }

  /** Publishes as the code under test does: what it sends again if need be may be lost. */
  publish(topic: string, message: Message): void {
    if (topic === 'transitions') {
      this.announced.push(message);
      return;
    }
    // Nobody would send an event again.
    if (topic !== 'events' && this.world.chance(this.world.temper.drop)) {
      this.world.note(`bus drops ${message.data.slice(0, 200)}`);
      return;
    }
    this.accept(topic, message);
  }

  /** Keeps a message, which is never lost then, and returns its id. */
  accept(topic: string, message: Message): string {
    this.messages += 1;
    const sent = { topic, message, messageId: `m${this.messages}` };
    if (topic === 'events') this.events.add(sent.messageId);
    const delay = this.world.next() * this.world.temper.messageDelayMs;
    this.enqueue(sent, delay, 1);
    this.duplicate(sent, delay);
    return sent.messageId;
  }

  /** Delivers a message at its time. A name counts once. */
  wake(name: string, delay: number, topic: string, message: Message): void {
    if (this.names.has(name)) return;
    this.names.add(name);
    if (this.world.chance(this.world.temper.drop)) return;
    this.messages += 1;
    const sent = { topic, message, messageId: `m${this.messages}` };
    this.enqueue(sent, delay, 1);
    this.duplicate(sent, delay);
  }

  /** Duplicates come at the same moment as the message or long after it. */
  private duplicate(sent: Sent, delay: number): void {
    while (this.world.chance(this.world.temper.duplicate)) {
      const late = this.world.next() < 0.5 ? delay : this.world.next() * LATEST_DUPLICATE_MS;
      this.enqueue(sent, late, 1);
    }
  }

  private enqueue(sent: Sent, delay: number, count: number): void {
    this.world.schedule(delay, () => this.deliver(sent, count));
  }

  private deliver(sent: Sent, count: number): void {
    const { topic, message, messageId } = sent;
    this.deliveries += 1;
    const state = { acknowledged: false, again: false };
    const redeliver = (delay: number): void => {
      if (state.acknowledged || state.again || count >= MAXIMUM_DELIVERIES) return;
      state.again = true;
      this.enqueue(sent, delay, count + 1);
    };
    // A lost connection is a refusal at once; where it is not noticed, the time for the acknowledgement runs out.
    const worker = this.world.worker(`worker ${this.deliveries}`, () => {
      if (this.world.next() < 0.5) redeliver(this.world.between(100, 10_000));
    });
    if (this.world.recording) {
      this.world.note(`${worker.name} gets ${topic} ${message.data.slice(message.data.indexOf('"data"'), 400)}`);
    }
    const deadline = this.world.schedule(ACKNOWLEDGEMENT_MS, () => redeliver(0));
    const settle = (answer: Answer): void => {
      deadline.cancelled = true;
      if (answer === 'later') {
        redeliver(this.world.between(1_000, 10_000));
        return;
      }
      state.acknowledged = true;
      this.acknowledged.add(messageId);
      this.events.delete(messageId);
    };
    this.handle(topic)(worker, { ...message, messageId, subscription: topic }).then(settle, (error: unknown) => {
      this.world.note(`${worker.name} throws ${error instanceof Error ? error.message : String(error)}`);
      settle('later');
    });
  }
}
