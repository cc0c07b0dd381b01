/** Fires the schedules that are due: publishes an event for each firing, and moves each schedule on. */
import { BadCron, nextFiring, parseCron } from '../calendar/cron.ts';
import type { Bus } from '../ports/bus.ts';
import type { Clock } from '../ports/clock.ts';
import type { Versioned } from '../ports/execution-store.ts';
import type { Inbox } from '../ports/inbox.ts';
import type { Log } from '../ports/log.ts';
import type { Schedule, Schedules } from '../ports/pipelines.ts';
import { isoSeconds, scheduleEvent } from '../triggers/cron/source.ts';
import { eventId } from '../triggers/source.ts';
import { sourceEventMessage, TOPICS } from './messages.ts';

export type FirePorts = {
  readonly schedules: Schedules;
  readonly inbox: Pick<Inbox, 'record'>;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly log: Log;
};

/** Schedules that one tick looks at; the rest is due at the next. */
const MAXIMUM_SCHEDULES = 500;
const AT_ONCE = 8;
/** Firings of one schedule that one tick makes; the rest is due at once. */
const MAXIMUM_FIRINGS = 100;
/** How long a schedule that cannot be read is left alone, in ms: one that is broken must not keep others from being looked at. */
const BROKEN_MS = 60 * 60_000;

/** Returns how many firings were published. A schedule that fails does not keep the others from being fired. */
export async function fireSchedules(ports: FirePorts): Promise<number> {
  const queue = [...(await ports.schedules.dueSchedules({ before: ports.clock.now(), limit: MAXIMUM_SCHEDULES }))];
  let fired = 0;
  const fireNext = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const { pipeline, key } = next.value;
      try {
        fired += await fire(ports, next);
      } catch (error) {
        ports.log.write('ERROR', 'A schedule could not be fired', { pipeline, key, error });
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, fireNext));
  return fired;
}

async function fire(ports: FirePorts, { value: schedule, version }: Versioned<Schedule>): Promise<number> {
  const now = ports.clock.now();
  const found = readFirings(schedule, now);
  if (found === undefined) {
    ports.log.write('ERROR', 'A schedule names no time', { ...schedule });
    await ports.schedules.moveSchedule({ value: { ...schedule, dueAt: now + BROKEN_MS }, version });
    return 0;
  }
  const { firings, missed, doneUntil, dueAt } = found;
  if (missed !== undefined) await tellMissed(ports, schedule, missed, now);
  // Published first: a tick that is lost here is followed by one that publishes the same events, which start nothing twice.
  if (firings.length > 0) {
    const events = firings.map((due) => scheduleEvent(schedule, due, now));
    await ports.bus.publish({
      topic: TOPICS.events,
      messages: events.map((event) => sourceEventMessage(event, event)),
    });
  }
  await ports.schedules.moveSchedule({ value: { ...schedule, doneUntil, dueAt }, version });
  return firings.length;
}

type Firings = {
  /** The instants that are due, the oldest first. */
  readonly firings: readonly number[];
  /** The oldest firing that is given up, because it is overdue by more than the schedule makes up for. */
  readonly missed?: number;
  readonly doneUntil: number;
  readonly dueAt: number;
};

/** Undefined for a rule that cannot be read. */
function readFirings(schedule: Schedule, now: number): Firings | undefined {
  try {
    return firingsOf(schedule, now);
  } catch (error) {
    if (error instanceof BadCron || error instanceof RangeError) return undefined;
    throw error;
  }
}

/** What is due of the schedule by `now`. Throws BadCron. */
function firingsOf({ rule, doneUntil: before }: Schedule, now: number): Firings {
  const cron = parseCron(rule.cron);
  const nextAfter = (instant: number): number => nextFiring(cron, rule.timezone, instant);
  const oldest = now - rule.delayMs - rule.catchUpMs;
  let next = nextAfter(before);
  let doneUntil = before;
  const missed = next < oldest ? next : undefined;
  if (missed !== undefined) {
    doneUntil = oldest - 1;
    next = nextAfter(doneUntil);
  }
  const firings: number[] = [];
  while (next + rule.delayMs <= now && firings.length < MAXIMUM_FIRINGS) {
    firings.push(next);
    doneUntil = next;
    next = nextAfter(next);
  }
  return { firings, doneUntil, dueAt: next + rule.delayMs, ...(missed === undefined ? {} : { missed }) };
}

async function tellMissed(ports: FirePorts, schedule: Schedule, missed: number, now: number): Promise<void> {
  const { pipeline, key, rule } = schedule;
  const minutes = Math.round(rule.catchUpMs / 60_000);
  await ports.inbox.record({
    entry: {
      format: 1,
      id: eventId('cron', pipeline, key, String(missed), 'missed'),
      receivedAt: now,
      source: 'cron',
      text: `schedule "${rule.cron}" (${rule.timezone}) of ${pipeline} was due at ${isoSeconds(missed)}`,
      refused: `nothing ran then, and firings are made up for within ${minutes} min; catch-up on the trigger sets how long`,
      verdicts: [],
    },
  });
}
