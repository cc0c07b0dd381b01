/** What WakeUps must do: deliver a message not before its time, and once for its name. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Message } from '../../shared/ports/bus.ts';
import type { WakeUps } from '../../shared/ports/wake-ups.ts';
import type { Handler } from './bus.contract.ts';
import { type MakeAdapter, PATIENCE, pause, unique } from './samples.ts';

/** Wake-ups with a way to see what they deliver. */
export type WakeUpsHarness = {
  readonly wakeUps: WakeUps;
  /** Gets what is delivered to the subscriber of `topic` from now on. Returns what ends it. */
  subscribe(topic: string, handler: Handler): Promise<() => Promise<void>>;
};

const SOON_MS = 1500;

function message(text: string): Message {
  return { data: JSON.stringify({ specversion: '1.0', id: text, note: '了解 ✓' }), attributes: { traceparent: text } };
}

export function describeWakeUps(name: string, makeAdapter: MakeAdapter<WakeUpsHarness>): void {
  describe(`${name}: WakeUps`, () => {
    let harness: WakeUpsHarness;
    let close: () => Promise<void>;
    beforeAll(async () => {
      ({ adapter: harness, close } = await makeAdapter());
    });
    afterAll(() => close());

    /** Everything that is delivered to a new topic, with the time of its arrival. */
    const collect = async () => {
      const topic = unique('wake');
      const arrived: (Message & { at: number })[] = [];
      const end = await harness.subscribe(topic, async ({ data, attributes }) => {
        arrived.push({ data, attributes, at: Date.now() });
        return 'done';
      });
      return { topic, arrived, end };
    };

    it('delivers the message, unchanged, at its time and not before', async () => {
      const { topic, arrived, end } = await collect();
      const at = Date.now() + SOON_MS;
      await harness.wakeUps.schedule({ name: unique('soon'), at, topic, message: message('soon') });
      await expect.poll(() => arrived.length, PATIENCE).toBe(1);
      expect(arrived[0]).toMatchObject(message('soon'));
      expect(arrived[0]?.at).toBeGreaterThanOrEqual(at);
      await end();
    });

    it('delivers at once what should have been delivered in the past', async () => {
      const { topic, arrived, end } = await collect();
      await harness.wakeUps.schedule({
        name: unique('past'),
        at: Date.now() - 60_000,
        topic,
        message: message('past'),
      });
      await harness.wakeUps.schedule({ name: unique('past'), at: 0, topic, message: message('long past') });
      await expect
        .poll(() => arrived.map(({ data }) => data).sort(), PATIENCE)
        .toEqual([message('past').data, message('long past').data].sort());
      await end();
    });

    it('delivers once for each name, also when the name is used again after the delivery', async () => {
      const { topic, arrived, end } = await collect();
      const name = unique('once');
      const schedule = (at: number) => harness.wakeUps.schedule({ name, at, topic, message: message('once') });
      const at = Date.now() + SOON_MS;
      // One after the other: the emulator of Cloud Tasks does not exclude two creations at the same moment.
      await schedule(at);
      await schedule(at);
      await schedule(at + 10);
      await expect.poll(() => arrived.length, PATIENCE).toBe(1);
      await schedule(Date.now());
      await schedule(at);
      await harness.wakeUps.schedule({ name: unique('after'), at: Date.now(), topic, message: message('after') });
      await expect.poll(() => arrived.some(({ data }) => data === message('after').data), PATIENCE).toBe(true);
      await pause(SOON_MS);
      expect(arrived).toHaveLength(2);
      await end();
    });

    it('delivers each of several wake-ups at its own time, whatever the order of scheduling', async () => {
      const { topic, arrived, end } = await collect();
      const now = Date.now();
      const times = new Map([3, 1, 2].map((part) => [message(`at ${part}`).data, now + part * 500]));
      for (const part of [3, 1, 2]) {
        const at = now + part * 500;
        await harness.wakeUps.schedule({ name: unique('several'), at, topic, message: message(`at ${part}`) });
      }
      await expect.poll(() => arrived.length, PATIENCE).toBe(3);
      for (const { data, at } of arrived) expect(at).toBeGreaterThanOrEqual(times.get(data) ?? Number.NaN);
      await end();
    });

    it('brings a wake-up again that was put off', async () => {
      const topic = unique('wake-again');
      let deliveries = 0;
      const end = await harness.subscribe(topic, async () => {
        deliveries += 1;
        return deliveries === 1 ? 'later' : 'done';
      });
      await harness.wakeUps.schedule({ name: unique('again'), at: Date.now(), topic, message: message('again') });
      await expect.poll(() => deliveries, PATIENCE).toBe(2);
      await end();
    });
  });
}
