import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { putPipeline } from '../../test/support/put-pipeline.ts';
import { randomNumbers } from '../../test/support/random.ts';
import { IN_MEMORY, openEmbedded } from '../adapters/embedded/index.ts';
import type { Message } from '../ports/bus.ts';
import type { InboxEntry } from '../ports/inbox.ts';
import type { AppliedPipeline, ScheduleRule } from '../ports/pipelines.ts';
import type { ScheduleDue } from '../triggers/cron/event.ts';
import { cronTriggerSchema } from '../triggers/cron/schema.ts';
import { scheduleKey, scheduleRule } from '../triggers/cron/source.ts';
import { documentParsers } from './documents.ts';
import { fireSchedules } from './fire-schedules.ts';
import { parseSourceEventMessage } from './messages.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** A system of which only the clock's part is there. `crash` is asked before each publish and each move. */
function world(startAt: number, crash: () => boolean = () => false, path = IN_MEMORY) {
  let now = startAt;
  const clock = { now: () => now, after: () => () => undefined };
  const open = () => openEmbedded({ path, clock, parse: documentParsers });
  let stores = open();
  /** How often each firing was published, by `pipeline@due`. */
  const published = new Map<string, { times: number; ids: Set<string> }>();
  const missed: InboxEntry[] = [];
  const failing = (): void => {
    if (crash()) throw new Error('the process was killed');
  };
  const ports = {
    clock,
    log: { write: () => undefined },
    inbox: { record: async ({ entry }: { entry: InboxEntry }) => void missed.push(entry) },
    bus: {
      async publish({ messages }: { messages: readonly Message[] }) {
        failing();
        for (const message of messages) {
          const event = parseSourceEventMessage({ ...message }).data as ScheduleDue;
          const name = `${event.schedule.pipeline}@${event.schedule.due}`;
          const known = published.get(name) ?? { times: 0, ids: new Set<string>() };
          known.times += 1;
          known.ids.add(event.id);
          published.set(name, known);
        }
      },
    },
    schedules: {
      dueSchedules: (query: { before: number; limit: number }) => stores.schedules.dueSchedules(query),
      async moveSchedule(command: Parameters<typeof stores.schedules.moveSchedule>[0]) {
        failing();
        return stores.schedules.moveSchedule(command);
      },
    },
  };
  return {
    ports,
    published,
    missed,
    stop: () => stores.close(),
    async restart() {
      await stores.close();
      stores = open();
    },
    at(instant: number) {
      now = instant;
    },
    async apply(name: string, given: object): Promise<ScheduleRule> {
      const trigger = cronTriggerSchema.parse(given);
      const pipeline: AppliedPipeline = {
        format: 1,
        name,
        team: 'items',
        file: 'gennaker.yaml',
        definition: {},
        appliedAt: now,
        generation: 1,
      };
      const key = scheduleKey(name, trigger);
      const schedule = scheduleRule(key, trigger);
      await putPipeline(stores.pipelines, pipeline, [{ key, pipeline: name, index: 0, schedule }]);
      return schedule;
    },
    firings: (name: string) =>
      [...published.keys()]
        .filter((one) => one.startsWith(`${name}@`))
        .map((one) => Number(one.slice(name.length + 1)))
        .sort((a, b) => a - b),
  };
}

/**
 * How far the clocks are ahead of UTC in 2026, in minutes, and from when on: written down from the tz database, so that
 * nothing of what is tested tells what is expected.
 */
const CLOCKS: { readonly [zone: string]: readonly (readonly [from: string, minutes: number])[] } = {
  'Asia/Tokyo': [['2025-12-01T00:00:00Z', 540]],
  'America/New_York': [
    ['2025-12-01T00:00:00Z', -300],
    ['2026-03-08T07:00:00Z', -240],
    ['2026-11-01T06:00:00Z', -300],
  ],
  'Europe/London': [
    ['2025-12-01T00:00:00Z', 0],
    ['2026-03-29T01:00:00Z', 60],
    ['2026-10-25T01:00:00Z', 0],
  ],
  'Australia/Lord_Howe': [
    ['2025-12-01T00:00:00Z', 660],
    ['2026-04-04T15:00:00Z', 630],
    ['2026-10-03T15:30:00Z', 660],
  ],
};

/**
 * Walks through every minute after `from` up to `to` as a person with a clock would. A time of the day is due when the
 * clock first shows it or something later; a time of each hour whenever the clock shows it, or has jumped over it.
 */
function expected(zone: string, from: number, to: number, isDue: (wall: Date) => boolean, isHourly = false): number[] {
  const changes = (CLOCKS[zone] ?? []).map(([since, minutes]) => [Date.parse(since), minutes * MINUTE_MS] as const);
  const wallAt = (instant: number) => instant + (changes.findLast(([since]) => since <= instant)?.[1] ?? Number.NaN);
  const found: number[] = [];
  let seen = wallAt(from);
  for (let instant = from + MINUTE_MS; instant <= to; instant += MINUTE_MS) {
    const wall = wallAt(instant);
    const since = isHourly ? Math.min(seen, wall - MINUTE_MS) : seen;
    let due = false;
    for (let one = since + MINUTE_MS; one <= wall; one += MINUTE_MS) due ||= isDue(new Date(one));
    if (due) found.push(instant);
    seen = isHourly ? wall : Math.max(seen, wall);
  }
  return found;
}

describe('a year of schedules', () => {
  const [from, to] = [Date.parse('2026-01-01T00:00:00Z'), Date.parse('2027-01-01T00:00:00Z')];
  const isAt = (hour: number, minute: number) => (wall: Date) =>
    wall.getUTCHours() === hour && wall.getUTCMinutes() === minute;
  const isWeekday = (wall: Date) => wall.getUTCDay() > 0 && wall.getUTCDay() < 6;
  const SCHEDULES = [
    { name: 'night', cron: '30 2 * * *', isDue: isAt(2, 30) },
    { name: 'early', cron: '45 1 * * *', isDue: isAt(1, 45) },
    { name: 'skipped', cron: '10 2 * * *', isDue: isAt(2, 10) },
    { name: 'work', cron: '0 10 * * 1-5', jitter: '1h', isDue: (wall: Date) => isWeekday(wall) && isAt(10, 0)(wall) },
    { name: 'hourly', cron: '30 * * * *', isDue: (wall: Date) => wall.getUTCMinutes() === 30, isHourly: true },
    { name: 'seconds', cron: '20 0 6 * * sat', isDue: (wall: Date) => wall.getUTCDay() === 6 && isAt(6, 0)(wall) },
  ] as const;

  it.each(Object.keys(CLOCKS))(
    'with crashes, restarts, missed and doubled ticks loses and doubles nothing in %s',
    async (zone) => {
      const { seed, next: random } = randomNumbers();
      const directory = await mkdtemp(join(tmpdir(), 'gennaker-schedules-'));
      const system = world(from, () => random() < 0.1, join(directory, 'year.db'));
      const apply = async (inputs: object) => {
        for (const { name, cron, ...more } of SCHEDULES) {
          const jitter = 'jitter' in more ? { jitter: more.jitter } : {};
          await system.apply(name, { cron, timezone: zone, 'catch-up': '12h', ...jitter, ...inputs });
        }
      };
      await apply({});
      for (let now = from; now < to + DAY_MS; ) {
        system.at(now);
        if (random() < 0.003) await system.restart();
        // Other inputs are no other schedule, whatever is due while they change.
        if (random() < 0.003) await apply({ with: { round: now } });
        // Nothing ran for up to four hours, or a tick came twice at once.
        await Promise.all(Array.from({ length: random() < 0.2 ? 2 : 1 }, () => fireSchedules(system.ports)));
        now += Math.floor(random() * (random() < 0.02 ? 4 : 1.6) * HOUR_MS);
      }
      for (const { name, isDue, ...more } of SCHEDULES) {
        const fired = system.firings(name).filter((one) => one <= to);
        const minutes = expected(zone, from, to, isDue, 'isHourly' in more);
        const wanted = name === 'seconds' ? minutes.map((one) => one + 20_000) : minutes;
        expect(fired, `${name}, seed ${seed}`).toEqual(wanted);
      }
      // What is published twice is the same event, which starts one execution.
      for (const { ids } of system.published.values()) expect(ids.size).toBe(1);
      expect([...system.published.values()].some(({ times }) => times > 1)).toBe(true);
      expect(system.missed).toEqual([]);
      await system.stop();
      await rm(directory, { recursive: true });
    },
    60_000,
  );
});

describe('firing schedules', () => {
  const start = Date.parse('2026-03-02T09:59:30Z');

  it('makes up for what was missed within the window, and says what it gave up', async () => {
    const system = world(start);
    await system.apply('hourly', { cron: '@hourly', 'catch-up': '2h' });
    system.at(start + 5 * HOUR_MS);
    await fireSchedules(system.ports);
    expect(system.firings('hourly').map((one) => new Date(one).getUTCHours())).toEqual([13, 14]);
    expect(system.missed).toMatchObject([
      {
        text: 'schedule "@hourly" (UTC) of hourly was due at 2026-03-02T10:00:00Z',
        refused: expect.stringContaining('within 120 min'),
      },
    ]);
    await fireSchedules(system.ports);
    expect(system.firings('hourly')).toHaveLength(2);
    await system.stop();
  });

  it('starts nothing that was due before the pipeline was applied', async () => {
    const system = world(start + MINUTE_MS);
    await system.apply('daily', { cron: '0 10 * * *' });
    system.at(start + 2 * MINUTE_MS);
    await fireSchedules(system.ports);
    expect(system.firings('daily')).toEqual([]);
    await system.stop();
  });

  it('fires up to a hundred at a time, and the others with the next ticks', async () => {
    const system = world(start);
    await system.apply('often', { cron: '*/10 * * * * *', 'catch-up': '1h' });
    system.at(start + 30 * MINUTE_MS);
    for (const count of [100, 180, 180]) {
      await fireSchedules(system.ports);
      expect(system.firings('often')).toHaveLength(count);
    }
    await system.stop();
  });

  it('holds each schedule back by its own part of the jitter, always the same', async () => {
    const system = world(start);
    const { delayMs } = await system.apply('daily', { cron: '0 10 * * *', jitter: '30m' });
    expect(delayMs).toBeGreaterThan(MINUTE_MS);
    expect(delayMs).toBeLessThan(30 * MINUTE_MS);
    const due = Date.parse('2026-03-02T10:00:00Z');
    system.at(due + delayMs - 1);
    await fireSchedules(system.ports);
    expect(system.firings('daily')).toEqual([]);
    system.at(due + delayMs);
    await fireSchedules(system.ports);
    expect(system.firings('daily')).toEqual([due]);
    await system.stop();
  });
});
