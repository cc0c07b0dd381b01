import { describe, expect, it } from 'vitest';
import { randomNumbers } from '../../test/support/random.ts';
import { IN_MEMORY, openEmbedded } from '../adapters/embedded/index.ts';
import { firstInstantOf, wallOf } from '../calendar/zone.ts';
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
const ZONES = ['Asia/Tokyo', 'America/New_York', 'Europe/London', 'Australia/Lord_Howe'];

/** A system of which only the clock's part is there. `crash` is asked before each publish and each move. */
function world(startAt: number, crash: () => boolean = () => false) {
  let now = startAt;
  const clock = { now: () => now, after: () => () => undefined };
  const stores = openEmbedded({ path: IN_MEMORY, clock, parse: documentParsers });
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
    stores,
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
      const schedule = scheduleRule(name, trigger);
      await stores.pipelines.put({
        pipeline,
        triggers: [{ key: scheduleKey(name, trigger), pipeline: name, index: 0, schedule }],
      });
      return schedule;
    },
    firings: (name: string) =>
      [...published.keys()]
        .filter((one) => one.startsWith(`${name}@`))
        .map((one) => Number(one.slice(name.length + 1)))
        .sort((a, b) => a - b),
  };
}

/** For each local day the first moment at which its clocks show the time or, where they skip it, a later one. */
function daily(zone: string, time: number, from: number, to: number, isDay = (_: Date) => true): number[] {
  const found: number[] = [];
  for (let day = Math.floor(wallOf(zone, from) / DAY_MS) * DAY_MS; ; day += DAY_MS) {
    let instant = firstInstantOf(zone, day);
    while (wallOf(zone, instant) < day + time) instant += MINUTE_MS;
    if (instant > to) return found;
    if (instant > from && isDay(new Date(day))) found.push(instant);
  }
}

describe('a year of schedules', () => {
  const [from, to] = [Date.parse('2026-01-01T00:00:00Z'), Date.parse('2027-01-01T00:00:00Z')];

  it.each(ZONES)('with crashes, restarts, missed and doubled ticks loses and doubles nothing in %s', async (zone) => {
    const { seed, next: random } = randomNumbers();
    const system = world(from, () => random() < 0.1);
    await system.apply('night', { cron: '30 2 * * *', timezone: zone, 'catch-up': '12h' });
    await system.apply('early', { cron: '45 1 * * *', timezone: zone, 'catch-up': '12h' });
    await system.apply('work', { cron: '0 10 * * 1-5', timezone: zone, 'catch-up': '12h', jitter: '1h' });
    for (let now = from; now < to + DAY_MS; ) {
      system.at(now);
      // Nothing ran for up to four hours, or a tick came twice at once.
      await Promise.all(Array.from({ length: random() < 0.2 ? 2 : 1 }, () => fireSchedules(system.ports)));
      now += random() < 0.02 ? Math.floor(random() * 4 * HOUR_MS) : Math.floor(random() * HOUR_MS);
    }
    const isWeekday = (date: Date) => date.getUTCDay() > 0 && date.getUTCDay() < 6;
    const inYear = (name: string) => system.firings(name).filter((one) => one <= to);
    expect(inYear('night'), `seed ${seed}`).toEqual(daily(zone, 2.5 * HOUR_MS, from, to));
    expect(inYear('early'), `seed ${seed}`).toEqual(daily(zone, 1.75 * HOUR_MS, from, to));
    expect(inYear('work'), `seed ${seed}`).toEqual(daily(zone, 10 * HOUR_MS, from, to, isWeekday));
    // What is published twice is the same event, which starts one execution.
    for (const { ids } of system.published.values()) expect(ids.size).toBe(1);
    expect([...system.published.values()].some(({ times }) => times > 1)).toBe(true);
    expect(system.missed).toEqual([]);
    await system.stores.close();
  });
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
    await system.stores.close();
  });

  it('starts nothing that was due before the pipeline was applied', async () => {
    const system = world(start + MINUTE_MS);
    await system.apply('daily', { cron: '0 10 * * *' });
    system.at(start + 2 * MINUTE_MS);
    await fireSchedules(system.ports);
    expect(system.firings('daily')).toEqual([]);
    await system.stores.close();
  });

  it('fires up to a hundred at a time, and the others with the next ticks', async () => {
    const system = world(start);
    await system.apply('often', { cron: '*/10 * * * * *', 'catch-up': '1h' });
    system.at(start + 30 * MINUTE_MS);
    for (const count of [100, 180, 180]) {
      await fireSchedules(system.ports);
      expect(system.firings('often')).toHaveLength(count);
    }
    await system.stores.close();
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
    await system.stores.close();
  });
});
