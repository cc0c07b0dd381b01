/** The world's Pub/Sub and Cloud Tasks: at least once, in no order, late, twice, and sometimes not at all. */
import type { Answer, Message } from '../../shared/ports/bus.ts';
import { Worker, type World } from './world.ts';

const ACKNOWLEDGEMENT_MS = 90_000;
const MAXIMUM_DELIVERIES = 30;

export type Handler = (worker: Worker, message: Message) => Promise<Answer>;

export class SimulatedBus {
  readonly announced: Message[] = [];
  private readonly world: World;
  private readonly handle: (topic: string) => Handler | undefined;
  private readonly names = new Set<string>();
  private deliveries = 0;

  constructor(world: World, handle: (topic: string) => Handler | undefined) {
    this.world = world;
    this.handle = handle;
  }

  publish(topic: string, message: Message): void {
    if (topic === 'transitions') {
      this.announced.push(message);
      return;
    }
    const { temper } = this.world;
    if (topic.startsWith('work') && this.world.chance(temper.drop)) {
      this.world.note(`bus drops ${message.data.slice(0, 200)}`);
      return;
    }
    this.enqueue(topic, message, this.world.next() * temper.messageDelayMs, 1);
    // A duplicate may come at the same moment or much later, after the end too.
    while (this.world.chance(temper.duplicate)) {
      const delay = this.world.next() < 0.3 ? 0 : this.world.next() * 600_000;
      this.enqueue(topic, message, delay, 1);
    }
  }

  wake(name: string, delay: number, topic: string, message: Message): void {
    if (this.names.has(name)) return;
    this.names.add(name);
    if (this.world.chance(this.world.temper.drop)) return;
    this.enqueue(topic, message, delay, 1);
  }

  private enqueue(topic: string, message: Message, delay: number, count: number): void {
    this.world.schedule(delay, () => this.deliver(topic, message, count));
  }

  private deliver(topic: string, message: Message, count: number): void {
    const handler = this.handle(topic);
    if (handler === undefined) return;
    this.deliveries += 1;
    const state = { acknowledged: false, again: false };
    const redeliver = (delay: number): void => {
      if (state.acknowledged || state.again || count >= MAXIMUM_DELIVERIES) return;
      state.again = true;
      this.enqueue(topic, message, delay, count + 1);
    };
    // A lost connection is a refusal at once.
    const worker = new Worker(`worker ${this.deliveries}`, () => redeliver(this.world.between(100, 10_000)));
    this.world.note(`${worker.name} gets ${topic} ${message.data.slice(message.data.indexOf('"data"'), 400)}`);
    const deadline = this.world.schedule(ACKNOWLEDGEMENT_MS, () => redeliver(0));
    const settle = (answer: Answer): void => {
      deadline.cancelled = true;
      if (answer === 'done') state.acknowledged = true;
      else redeliver(this.world.between(1_000, 10_000));
    };
    handler(worker, message).then(settle, (error: unknown) => {
      this.world.note(`${worker.name} throws ${error instanceof Error ? error.message : String(error)}`);
      settle('later');
    });
  }
}
