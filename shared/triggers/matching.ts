/** Whether a trigger takes an event, with every condition and what it gave; and what the event gives to the pipeline then. */
import type { JsonObject } from '../core/json.ts';
import type { SettledDefinition } from '../pipeline/settle.ts';
import { type Condition, condition } from './condition.ts';
import { keysOf } from './keys.ts';
import { triggerOf } from './kinds.ts';
import type { SourceEvent } from './source.ts';
import type { NamedImages } from './trigger-kind.ts';

type Matched = Pick<SettledDefinition, 'pipeline' | 'on' | 'images'>;

/**
 * Each condition of the trigger with what the event has there; all of them are met where it takes the event. A person's
 * request meets no condition of a trigger.
 */
export function conditionsOf(definition: Matched, index: number, event: SourceEvent): readonly Condition[] {
  if (event.type === 'manual') return [];
  const trigger = definition.on[index];
  const keys = trigger === undefined ? [] : triggerOf(trigger).keys(definition);
  const own = keysOf(event);
  // The pipeline is read after its triggers: in between, the trigger may have become another's.
  if (trigger === undefined || !keys.some((key) => own.includes(key))) {
    const text = 'The pipeline has changed: this trigger is not in it any more.';
    return [
      condition({ condition: 'trigger', wanted: keys.join(', ') || 'none', got: own.join(', '), met: false, text }),
    ];
  }
  return triggerOf(trigger).conditions(event, definition);
}

/** The images of the pipeline that the event is about. */
export function imagesOfEvent(definition: Matched, index: number, event: SourceEvent): NamedImages {
  const trigger = event.type === 'manual' ? undefined : definition.on[index];
  return trigger === undefined ? {} : triggerOf(trigger).images(event, definition);
}

/** The event as expressions see it. */
export function triggerData(definition: Matched, index: number, event: SourceEvent): JsonObject {
  const { id, type, source, text } = event;
  const common = { event: id, type, source, text };
  if (event.type === 'manual') return { ...common, by: event.manual.by };
  const trigger = definition.on[index];
  return trigger === undefined ? common : { ...common, ...triggerOf(trigger).data(event, definition) };
}
