/** The keys by which an event finds the triggers that look at it, so that pipelines are never scanned. */
import type { SettledDefinition } from '../pipeline/settle.ts';
import type { TriggerEntry } from '../ports/pipelines.ts';
import { buildKey } from './build/kind.ts';
import { gitKeys } from './git/kind.ts';
import { imageKey } from './image/kind.ts';
import { triggerOf } from './kinds.ts';
import { pipelineKey } from './pipeline/source.ts';
import { pubsubKey } from './pubsub/kind.ts';
import type { SourceEvent } from './source.ts';
import { storageKey } from './storage/kind.ts';
import type { TriggerSurroundings } from './trigger-kind.ts';
import { webhookKey } from './webhook/kind.ts';

/** The index keys of an event; none where the event names its pipeline itself. */
export function keysOf(event: SourceEvent): readonly string[] {
  switch (event.type) {
    case 'image-pushed':
      return [imageKey(event.image.repository)];
    case 'commit-pushed':
    case 'pull-request-changed':
    case 'release-published':
      return gitKeys(event);
    case 'build-finished':
      return [buildKey(event.build)];
    case 'message-arrived':
      return [pubsubKey(event.message.subscription)];
    case 'object-stored':
      return [storageKey(event.object.bucket)];
    case 'webhook-called':
      return [webhookKey(event.call.path, event.call.verification)];
    case 'schedule-due':
      return [event.schedule.key];
    case 'pipeline-finished':
      return [pipelineKey(event.finished.pipeline)];
    case 'manual':
      return [];
  }
}

/** The index entries of a pipeline's triggers. */
export function triggerEntries(
  definition: Pick<SettledDefinition, 'pipeline' | 'images' | 'on'>,
): readonly TriggerEntry[] {
  return definition.on.flatMap((trigger, index) =>
    triggerOf(trigger)
      .keys(definition)
      .map((key): TriggerEntry => ({ key, pipeline: definition.pipeline, index, ...scheduled(trigger, definition) })),
  );
}

function scheduled(
  trigger: SettledDefinition['on'][number],
  definition: TriggerSurroundings,
): Pick<TriggerEntry, 'schedule'> {
  const schedule = triggerOf(trigger).schedule(definition);
  return schedule === undefined ? {} : { schedule };
}
