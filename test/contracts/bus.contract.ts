/** What every Bus must do together with its subscriptions: at least once, unchanged, to everyone, until it is done. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Answer, Bus, Delivery, Message } from '../../shared/ports/bus.ts';
import { type MakeAdapter, PATIENCE, pause, unique } from './samples.ts';

export type Handler = (delivery: Delivery) => Promise<Answer>;

/** A bus with a way to subscribe. A topic exists from its first subscription on. */
export type BusHarness = {
  readonly bus: Bus;
  /** Makes a new subscription of the topic, which gets all that is published after this resolves. Returns what ends it. */
  subscribe(topic: string, handler: Handler): Promise<() => Promise<void>>;
  /**
   * As `subscribe`, but a message that was delivered DEAD_LETTER_AFTER times without being done goes to
   * `deadLetterTopic`. Absent where the adapter, or the emulator behind it, has no dead letters.
   */
  readonly subscribeWithDeadLetters?: (
    topic: string,
    handler: Handler,
    deadLetterTopic: string,
  ) => Promise<() => Promise<void>>;
};

/** The least that Pub/Sub accepts. */
export const DEAD_LETTER_AFTER = 5;

/** Longer than the back-off after a first failed delivery, so that what was `done` would have come again by then. */
const QUIET_MS = 1500;

const MANY = 50;

function message(text: string, attributes: Message['attributes'] = {}): Message {
  return { data: JSON.stringify({ specversion: '1.0', id: text, data: { text } }), attributes };
}

export function describeBus(name: string, makeAdapter: MakeAdapter<BusHarness>): void {
  describe(`${name}: Bus`, () => {
    let harness: BusHarness;
    let close: () => Promise<void>;
    beforeAll(async () => {
      ({ adapter: harness, close } = await makeAdapter());
    });
    afterAll(() => close());

    it('delivers every message with the same bytes and attributes', async () => {
      const topic = unique('bytes');
      const deliveries: Delivery[] = [];
      const end = await harness.subscribe(topic, async (delivery) => {
        deliveries.push(delivery);
        return 'done';
      });
      const sent = Array.from({ length: MANY }, (_, index) =>
        message(`${index} 了解 ✓ "quoted"\n${'x'.repeat(index * 100)}`, {
          traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
          number: String(index),
        }),
      );
      await harness.bus.publish({ topic, messages: sent.slice(0, 1) });
      await harness.bus.publish({ topic, messages: sent.slice(1) });
      await expect.poll(() => new Set(deliveries.map(({ data }) => data)).size, PATIENCE).toBe(MANY);
      for (const { data, attributes } of sent) {
        expect(deliveries.find((delivery) => delivery.data === data)?.attributes).toEqual(attributes);
      }
      expect(new Set(deliveries.map(({ messageId }) => messageId)).size).toBe(MANY);
      for (const { subscription } of deliveries) expect(subscription).not.toBe('');
      await end();
    });

    it('accepts a publication without messages', async () => {
      await harness.bus.publish({ topic: unique('empty'), messages: [] });
    });

    it('delivers a message without attributes', async () => {
      const topic = unique('bare');
      const deliveries: Delivery[] = [];
      const end = await harness.subscribe(topic, async (delivery) => {
        deliveries.push(delivery);
        return 'done';
      });
      await harness.bus.publish({ topic, messages: [message('bare')] });
      await expect.poll(() => deliveries[0], PATIENCE).toMatchObject(message('bare'));
      expect(deliveries[0]?.attributes).toEqual({});
      await end();
    });

    it('brings a message again, under the same id, that was put off or whose handler threw, and no more once it is done', async () => {
      const topic = unique('again');
      const ids: string[] = [];
      const end = await harness.subscribe(topic, async ({ messageId }) => {
        ids.push(messageId);
        if (ids.length === 1) return 'later';
        if (ids.length === 2) throw new Error('The handler failed, as this test wants it to.');
        return 'done';
      });
      await harness.bus.publish({ topic, messages: [message('again')] });
      await expect.poll(() => ids.length, PATIENCE).toBe(3);
      await pause(QUIET_MS);
      expect(ids).toHaveLength(3);
      expect(new Set(ids).size).toBe(1);
      await end();
    });

    it('goes on with other messages while one is put off', async () => {
      const topic = unique('others');
      const done = new Set<string>();
      let open = false;
      const end = await harness.subscribe(topic, async ({ attributes: { label = '' } }) => {
        if (label === 'stuck' && !open) return 'later';
        done.add(label);
        return 'done';
      });
      await harness.bus.publish({ topic, messages: ['stuck', 'a', 'b'].map((label) => message(label, { label })) });
      await expect.poll(() => [...done].sort(), PATIENCE).toEqual(['a', 'b']);
      open = true;
      await expect.poll(() => done.has('stuck'), PATIENCE).toBe(true);
      await end();
    });

    it('delivers to every subscription of the topic, each on its own, and to none of another', async () => {
      const [topic, otherTopic] = [unique('fan-out'), unique('fan-out')];
      const counts = { first: 0, second: 0, other: 0 };
      const ends = [
        await harness.subscribe(topic, async () => {
          counts.first += 1;
          return counts.first === 1 ? 'later' : 'done';
        }),
        await harness.subscribe(topic, async () => {
          counts.second += 1;
          return 'done';
        }),
        await harness.subscribe(otherTopic, async () => {
          counts.other += 1;
          return 'done';
        }),
      ];
      await harness.bus.publish({ topic, messages: [message('to-all')] });
      await expect.poll(() => counts.first, PATIENCE).toBe(2);
      await expect.poll(() => counts.second, PATIENCE).toBe(1);
      await pause(QUIET_MS);
      expect(counts).toEqual({ first: 2, second: 1, other: 0 });
      for (const end of ends) await end();
    });

    it('lets a handler publish', async () => {
      const [topic, next] = [unique('chain'), unique('chain')];
      const arrived: string[] = [];
      const ends = [
        await harness.subscribe(next, async ({ data }) => {
          arrived.push(data);
          return 'done';
        }),
        await harness.subscribe(topic, async ({ data, attributes }) => {
          await harness.bus.publish({ topic: next, messages: [{ data, attributes }] });
          return 'done';
        }),
      ];
      await harness.bus.publish({ topic, messages: [message('onward')] });
      await expect.poll(() => arrived, PATIENCE).toEqual([message('onward').data]);
      for (const end of ends) await end();
    });

    it(`sends a message to the dead letters after ${DEAD_LETTER_AFTER} deliveries`, async ({ skip }) => {
      const { subscribeWithDeadLetters } = harness;
      if (subscribeWithDeadLetters === undefined) return skip('this adapter has no dead letters here');
      const [topic, deadLetterTopic] = [unique('poison'), unique('dead')];
      const dead: Delivery[] = [];
      let deliveries = 0;
      const ends = [
        await harness.subscribe(deadLetterTopic, async (delivery) => {
          dead.push(delivery);
          return 'done';
        }),
        await subscribeWithDeadLetters(
          topic,
          async () => {
            deliveries += 1;
            return 'later';
          },
          deadLetterTopic,
        ),
      ];
      await harness.bus.publish({ topic, messages: [message('poison', { kind: 'poison' })] });
      await expect.poll(() => dead.length, { ...PATIENCE, timeout: 50_000 }).toBe(1);
      expect(dead[0]?.data).toBe(message('poison').data);
      expect(dead[0]?.attributes).toMatchObject({ kind: 'poison' });
      expect(deliveries).toBe(DEAD_LETTER_AFTER);
      await pause(QUIET_MS);
      expect({ deliveries, dead: dead.length }).toEqual({ deliveries: DEAD_LETTER_AFTER, dead: 1 });
      for (const end of ends) await end();
    });
  });
}
