/**
 * The same burst at the deployed functions on the emulators: slow as they are, nothing may be lost or doubled. What it
 * takes says little of Google: one process has all functions, and the Firestore emulator, which has no indexes, looks
 * through all triggers for each event. The full size takes a quarter of an hour on two cores that have nothing else to do.
 */
import type { Message } from '../../shared/ports/bus.ts';
import { stageKinds } from '../../shared/stages/registry.ts';
import { MAXIMUM_EVENTS_PER_BODY, type SourceEvent } from '../../shared/triggers/source.ts';
import { executionIdOf } from '../../shared/use-cases/engine.ts';
import { sourceEventMessage, TOPICS } from '../../shared/use-cases/messages.ts';
import { hasCloudTasksEmulator, hasFirestoreEmulator, hasPubSubEmulator } from '../support/emulators.ts';
import { lookupsOf, MOST_LOOKUPS, requireEachOnce, withinTime } from './burst.ts';
import { type BurstEvent, burstOf, fillCompany } from './company.ts';
import { openWorld, subscribeOurs } from './google.ts';
import { atMost, type Effort, type Measure, type Section } from './section.ts';

const EFFORTS = { full: { pipelines: 9_000, events: 10_000 }, brief: { pipelines: 90, events: 100 } } as const;
const GIVE_UP_MS = 2 * 60 * 60_000;

async function run(effort: Effort): Promise<readonly Measure[]> {
  const { pipelines, events } = EFFORTS[effort];
  await using world = await openWorld({ deliveries: 'pumped' });
  const burst = burstOf(events, pipelines);
  const wanted = new Set(burst.map((event) => executionIdOf(event.taker, event.eventId)));
  const ended = new Set<string>();
  const { promise: isOver, resolve: over } = Promise.withResolvers<void>();
  await subscribeOurs(world, {
    seen(execution) {
      if (wanted.has(execution)) ended.add(execution);
      if (ended.size === wanted.size) over();
    },
  });
  const { google } = world.freshContainer();
  await fillCompany(google.pipelines, pipelines, { stage: '{ uses: wait, with: { for: 0s } }', kinds: stageKinds() });
  const before = { lookups: lookupsOf(world.tally), reads: world.tally.reads };
  const startedAt = performance.now();
  const messages = burst.flatMap((event) =>
    event.isRepeated ? [messageOf(event), messageOf(event)] : [messageOf(event)],
  );
  for (let start = 0; start < messages.length; start += MAXIMUM_EVENTS_PER_BODY) {
    await google.bus.publish({
      topic: TOPICS.events,
      messages: messages.slice(start, start + MAXIMUM_EVENTS_PER_BODY),
    });
  }
  await withinTime(isOver, GIVE_UP_MS, () => `${ended.size} of ${events} executions ended`);
  const took = performance.now() - startedAt;
  const asked = { lookups: lookupsOf(world.tally) - before.lookups, reads: world.tally.reads - before.reads };
  await requireEachOnce(google, burst);
  const repeated = messages.length - events;
  return [
    { name: `deliveries, ${repeated} of them repeated`, unit: 'deliveries', value: messages.length },
    {
      name: `events of ${events} against ${pipelines} pipelines, to the end of what they started`,
      unit: '/s',
      value: (events / took) * 1_000,
    },
    { name: 'looked up for one event', unit: 'reads', value: asked.lookups / events, target: atMost(MOST_LOOKUPS) },
    { name: 'documents of executions read for one event', unit: 'reads', value: asked.reads / events },
  ];
}

/** As the source publishes it. */
function messageOf({ eventId, host, repository, tag, digest }: BurstEvent): Message {
  const event: SourceEvent = {
    id: eventId,
    type: 'image-pushed',
    source: 'docker-distribution',
    at: Date.now(),
    text: 'an image was pushed',
    image: { repository: `${host}/${repository}`, tag, digest },
  };
  return sourceEventMessage(event, event);
}

export const burstGoogle: Section = {
  name: 'burst-google',
  about: 'a burst of events at the deployed functions on the emulators, a tenth of them delivered twice',
  needs: [
    { name: 'the Firestore emulator', isHere: hasFirestoreEmulator },
    { name: 'the Pub/Sub emulator', isHere: hasPubSubEmulator },
    { name: 'the Cloud Tasks emulator', isHere: hasCloudTasksEmulator },
  ],
  run,
};
