/** What only the embedded adapters promise: one owner, nothing lost between two openings, and deadlines that hold. */
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MAXIMUM_MESSAGE_BYTES, MAXIMUM_MESSAGES_PER_PUBLISH } from '../../shared/adapters/embedded/bus.ts';
import {
  DatabaseUnavailable,
  type Embedded,
  IN_MEMORY,
  openEmbedded,
  type SubscriptionOptions,
} from '../../shared/adapters/embedded/index.ts';
import { systemClock } from '../../shared/adapters/system-clock.ts';
import type { Execution, Run } from '../../shared/core/run.ts';
import type { Answer, Message } from '../../shared/ports/bus.ts';
import type { Clock } from '../../shared/ports/clock.ts';
import type { LogFields } from '../../shared/ports/log.ts';
import { documentParsers } from '../../shared/use-cases/documents.ts';
import { PATIENCE, pause, sampleExecution, sampleGroup, sampleRun } from './samples.ts';

const HOUR_MS = 60 * 60 * 1000;
const ACKNOWLEDGEMENT_DEADLINE_MS = 10_000;

const message = (data: string): Message => ({ data, attributes: { of: 'test' } });

describe('the embedded adapters', () => {
  let folder: string;
  let path: string;
  let opened: Embedded[];
  let warnings: [string, LogFields | undefined][];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gennaker-embedded-'));
    path = join(folder, 'gennaker.db');
    opened = [];
    warnings = [];
  });
  afterEach(async () => {
    for (const embedded of opened) await embedded.close();
    await rm(folder, { recursive: true });
  });

  const open = (at = path, clock: Clock = systemClock): Embedded => {
    const log = {
      write: (_severity: string, text: string, fields?: LogFields) => {
        warnings.push([text, fields]);
      },
    };
    const embedded = openEmbedded({ path: at, clock, parse: documentParsers, log });
    opened.push(embedded);
    return embedded;
  };
  const subscription = (
    handler: SubscriptionOptions['handler'],
    change: Partial<SubscriptionOptions> = {},
  ): SubscriptionOptions => ({
    topic: 'work',
    name: 'advance',
    handler,
    concurrency: 4,
    ackDeadlineMs: ACKNOWLEDGEMENT_DEADLINE_MS,
    maximumDeliveries: 5,
    ...change,
  });
  const collect = (data: string[], answer: Answer = 'done') =>
    subscription(async (delivery) => {
      data.push(delivery.data);
      return answer;
    });

  it('keep their file from a second owner, with an error that names the folder', async () => {
    const first = open();
    expect(() => open()).toThrow(
      expect.toSatisfy((error: unknown) => error instanceof DatabaseUnavailable && error.message.includes(folder)),
    );
    await first.close();
    open();
  });

  it('make a folder that is missing, readable by its owner only', async () => {
    const embedded = open(join(folder, 'new', 'data', 'gennaker.db'));
    expect((await stat(join(folder, 'new', 'data'))).mode & 0o777).toBe(0o700);
    expect(await embedded.pipelines.list({ limit: 1 })).toEqual([]);
  });

  it('refuse a file of somebody else, and leave it as it is', () => {
    const other = new DatabaseSync(path);
    other.exec('CREATE TABLE theirs (a)');
    other.close();
    expect(() => open()).toThrow('is not a database of Gennaker');
    const again = new DatabaseSync(path);
    expect(again.prepare('SELECT name FROM sqlite_schema').all()).toEqual([{ name: 'theirs' }]);
    again.close();
  });

  it('refuse a file of a newer release', async () => {
    await open().close();
    const newer = new DatabaseSync(path);
    newer.exec('PRAGMA user_version = 1000');
    newer.close();
    expect(() => open()).toThrow('schema version 1000');
  });

  it('keep apart what is in memory', async () => {
    const [first, second] = [open(IN_MEMORY), open(IN_MEMORY)];
    const hash = await first.blobs.put({ text: 'here' });
    expect(await second.blobs.get({ hash })).toBeUndefined();
  });

  it('have every document after the next opening, under the same version', async () => {
    const first = open();
    const execution = sampleExecution('items-1', { sweepAt: 5 });
    const committed = await first.executions.commit({
      writes: [
        { document: 'execution', value: execution, expected: 'absent' },
        { document: 'run', value: sampleRun('items-1', 'release'), expected: 'absent' },
        { document: 'group', key: 'items', value: sampleGroup(), expected: 'absent' },
      ],
    });
    const lock = await first.locks.write({ key: 'jp/items', value: { format: 1, turn: 1 }, expected: 'absent' });
    await first.close();

    const second = open();
    const read = await second.executions.readExecution({ id: 'items-1' });
    expect(read?.value).toEqual(execution);
    expect(committed).toMatchObject({
      is: 'committed',
      versions: [read?.version, expect.anything(), expect.anything()],
    });
    expect(await second.executions.due({ before: 5, limit: 10 })).toEqual(['items-1']);
    expect(await second.locks.read({ key: 'jp/items' })).toEqual({ value: { format: 1, turn: 1 }, version: lock });
  });

  it('end the claims of the process before, and no others', async () => {
    const first = open();
    const far = Date.now() + 3_600_000;
    const claimed: Run['state'] = { is: 'claimed', input: { by: 'begin' }, by: 'claim-1', until: far };
    const runs = [
      sampleRun('live', 'claimed', { state: claimed }),
      sampleRun('live', 'expired', { state: { ...claimed, until: 7 } }),
      sampleRun('live', 'ready'),
    ];
    const execution: Execution = sampleExecution('live', { sweepAt: far });
    await first.executions.commit({
      writes: [
        { document: 'execution', value: execution, expected: 'absent' },
        ...runs.map((value) => ({ document: 'run', value, expected: 'absent' }) as const),
      ],
    });
    const before = await first.executions.readRun({ execution: 'live', stage: 'claimed' });
    await first.close();

    const second = open();
    expect(await second.recoverClaims()).toBe(1);
    const now = Date.now();
    const after = await second.executions.readRun({ execution: 'live', stage: 'claimed' });
    expect(after?.version).not.toBe(before?.version);
    expect(after?.value.state).toMatchObject({ is: 'claimed', by: 'claim-1' });
    expect(after?.value.state).toHaveProperty(
      'until',
      expect.toSatisfy((until: number) => until <= now),
    );
    expect((await second.executions.readRun({ execution: 'live', stage: 'expired' }))?.value).toEqual(runs[1]);
    expect((await second.executions.readRun({ execution: 'live', stage: 'ready' }))?.value).toEqual(runs[2]);
    expect(await second.recoverClaims()).toBe(0);
  });

  it('drop what nobody subscribed to, and keep what is published while a subscription has no handler', async () => {
    const first = open();
    await first.bus.publish({ topic: 'work', messages: [message('before anyone subscribed')] });
    const detach = await first.subscribe(collect([]));
    await detach();
    await first.bus.publish({ topic: 'work', messages: [message('detached')] });
    await first.close();

    const second = open();
    await second.bus.publish({ topic: 'work', messages: [message('not yet attached')] });
    const data: string[] = [];
    await second.subscribe(collect(data));
    await second.bus.publish({ topic: 'work', messages: [message('attached')] });
    await expect.poll(() => data.toSorted(), PATIENCE).toEqual(['attached', 'detached', 'not yet attached']);
  });

  it('deliver at once after the next opening what was put off before it', async () => {
    const first = open();
    const data: string[] = [];
    await first.subscribe(collect(data, 'later'));
    await first.bus.publish({ topic: 'work', messages: [message('put off')] });
    await expect.poll(() => data.length, PATIENCE).toBeGreaterThan(0);
    await first.close();

    const again: string[] = [];
    await open().subscribe(collect(again));
    await expect.poll(() => again, PATIENCE).toEqual(['put off']);
  });

  it('keep wake-ups over the next opening', async () => {
    const first = open();
    await (await first.subscribe(collect([])))();
    const at = Date.now() + 300;
    await first.wakeUps.schedule({ name: 'wake', at, topic: 'work', message: message('awake') });
    await first.close();
    await pause(300);

    const data: string[] = [];
    const second = open();
    await second.subscribe(collect(data));
    await expect.poll(() => data, PATIENCE).toEqual(['awake']);
    await second.wakeUps.schedule({ name: 'wake', at, topic: 'work', message: message('twice') });
    await second.wakeUps.schedule({ name: 'other', at, topic: 'work', message: message('other') });
    await expect.poll(() => data, PATIENCE).toEqual(['awake', 'other']);
  });

  it('deliver again when a handler is slower than its deadline, and take no answer after it', async () => {
    const first = open();
    const slow: ((answer: Answer) => void)[] = [];
    let deliveries = 0;
    const handler = async (): Promise<Answer> => {
      deliveries += 1;
      return deliveries > 2 ? 'later' : new Promise<Answer>((resolve) => slow.push(resolve));
    };
    await first.subscribe(subscription(handler, { ackDeadlineMs: 200, concurrency: 1 }));
    await first.bus.publish({ topic: 'work', messages: [message('slow')] });
    await expect.poll(() => deliveries, PATIENCE).toBe(3);
    for (const answer of slow) answer('done');
    expect(warnings[0]).toMatchObject([expect.stringContaining('deadline'), { subscription: 'advance' }]);
    await first.close();

    const data: string[] = [];
    await open().subscribe(collect(data));
    await expect.poll(() => data, PATIENCE).toEqual(['slow']);
  });

  it('do not deliver after the next opening what was done', async () => {
    const first = open();
    const done: string[] = [];
    await first.subscribe(collect(done));
    await first.bus.publish({ topic: 'work', messages: [message('a'), message('b')] });
    await expect.poll(() => done.length, PATIENCE).toBe(2);
    await first.close();

    const second = open();
    const data: string[] = [];
    await second.subscribe(collect(data));
    await second.bus.publish({ topic: 'work', messages: [message('new')] });
    await expect.poll(() => data.length, PATIENCE).toBeGreaterThan(0);
    expect(data).toEqual(['new']);
  });

  it('set one timer for the next wake-up, and forget its name after a day', async () => {
    let now = 1_700_000_000_000;
    let timersSet = 0;
    const timers = new Set<{ readonly at: number; readonly run: () => void }>();
    const clock: Clock = {
      now: () => now,
      after(ms, run) {
        const timer = { at: now + ms, run };
        timers.add(timer);
        timersSet += 1;
        return () => timers.delete(timer);
      },
    };
    const pass = (ms: number) => {
      now += ms;
      for (const timer of [...timers].filter(({ at }) => at <= now)) {
        timers.delete(timer);
        timer.run();
      }
    };
    const { wakeUps, subscribe } = open(IN_MEMORY, clock);
    const data: string[] = [];
    await subscribe(collect(data));
    const start = now;
    const wake = (name: string, inMs: number) =>
      wakeUps.schedule({ name, at: start + inMs, topic: 'work', message: message(name) });

    await wake('second', 2 * HOUR_MS);
    await wake('first', HOUR_MS);
    await wake('third', 3 * HOUR_MS);
    expect([...timers].map(({ at }) => at)).toEqual([start + HOUR_MS]);
    expect(timersSet).toBe(2);
    for (const passed of [['first'], ['first', 'second'], ['first', 'second', 'third']]) {
      pass(HOUR_MS);
      await expect.poll(() => data, PATIENCE).toEqual(passed);
    }

    await wake('first', 0);
    pass(23 * HOUR_MS);
    await wake('third', 0);
    await wake('fourth', 26 * HOUR_MS);
    pass(0);
    await expect.poll(() => data.slice(3), PATIENCE).toEqual(['fourth']);
    pass(2 * HOUR_MS);
    await wake('fifth', 0);
    pass(0);
    await wake('third', 0);
    pass(0);
    await expect.poll(() => data.slice(4), PATIENCE).toEqual(['fifth', 'third']);
  });

  it('never have more deliveries open than allowed, and get through all of them', async () => {
    const embedded = open();
    let [running, most, done] = [0, 0, 0];
    const handler = async (): Promise<Answer> => {
      running += 1;
      most = Math.max(most, running);
      await pause(5);
      running -= 1;
      done += 1;
      return 'done';
    };
    await embedded.subscribe(subscription(handler, { concurrency: 3 }));
    const messages = Array.from({ length: 50 }, (_, index) => message(String(index)));
    await embedded.bus.publish({ topic: 'work', messages });
    await expect.poll(() => done, PATIENCE).toBe(50);
    expect(most).toBe(3);
  });

  it('forget what arrived long ago, the oldest first and in portions', async () => {
    const { inbox, forgetEvents } = open();
    for (const receivedAt of [3, 1, 2, 4]) {
      const entry = {
        format: 1,
        id: `event-${receivedAt}`,
        receivedAt,
        source: 'test',
        text: 'came',
        verdicts: [],
      } as const;
      await inbox.record({ entry });
    }
    expect(await forgetEvents({ before: 4, limit: 2 })).toBe(2);
    expect((await inbox.list({ limit: 10 })).map(({ id }) => id)).toEqual(['event-4', 'event-3']);
    expect(await forgetEvents({ before: 4, limit: 2 })).toBe(1);
    expect(await forgetEvents({ before: 4, limit: 2 })).toBe(0);
  });

  it('discard a subscription that is ended for good', async () => {
    const embedded = open();
    const detach = await embedded.subscribe(collect([]));
    await expect(embedded.subscribe(collect([]))).rejects.toThrow('advance has a handler');
    await expect(embedded.unsubscribe({ name: 'advance' })).rejects.toThrow('still has a handler');
    await detach();
    await embedded.bus.publish({ topic: 'work', messages: [message('discarded')] });
    await embedded.unsubscribe({ name: 'advance' });
    const data: string[] = [];
    await embedded.subscribe(collect(data));
    await embedded.bus.publish({ topic: 'work', messages: [message('new')] });
    await expect.poll(() => data, PATIENCE).toEqual(['new']);
  });

  it('refuse publications that Pub/Sub would refuse', async () => {
    const { bus } = open();
    const many = Array.from({ length: MAXIMUM_MESSAGES_PER_PUBLISH + 1 }, () => message(''));
    await expect(bus.publish({ topic: 'work', messages: many })).rejects.toThrow(String(MAXIMUM_MESSAGES_PER_PUBLISH));
    const large = [message('x'.repeat(MAXIMUM_MESSAGE_BYTES + 1))];
    await expect(bus.publish({ topic: 'work', messages: large })).rejects.toThrow(String(MAXIMUM_MESSAGE_BYTES));
  });

  it('close while a handler never answers, and bring its message again', async () => {
    // A clock on which closing has been patient for long enough in no time, and the acknowledgement deadline is far.
    const after: Clock['after'] = (ms, run) => systemClock.after(ms < ACKNOWLEDGEMENT_DEADLINE_MS ? 0 : ms, run);
    const first = open(path, { ...systemClock, after });
    let begun = false;
    const handler = () => {
      begun = true;
      return new Promise<Answer>(() => {});
    };
    await first.subscribe(subscription(handler));
    await first.bus.publish({ topic: 'work', messages: [message('stuck')] });
    await expect.poll(() => begun, PATIENCE).toBe(true);
    await first.close();
    const data: string[] = [];
    await open().subscribe(collect(data));
    await expect.poll(() => data, PATIENCE).toEqual(['stuck']);
  });
});
