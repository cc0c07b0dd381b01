/** What every kind of trigger has: its keys, its conditions, and what its events give to expressions and images. */
import type { Json } from '../core/json.ts';
import type { Type } from '../pipeline/expressions/types.ts';
import type { ImageDefinition, TriggerDefinition } from '../pipeline/schema.ts';
import type { ScheduleRule } from '../ports/pipelines.ts';
import type { Condition } from './condition.ts';
import type { EventImage } from './event-fields.ts';
import type { SourceEvent } from './source.ts';

/** What a trigger may look up in the pipeline that it belongs to. */
export type TriggerSurroundings = {
  readonly pipeline: string;
  readonly images: { readonly [name: string]: ImageDefinition };
  readonly on: readonly TriggerDefinition[];
};

/** Images that an event tells of, by their names in the pipeline. */
export type NamedImages = { readonly [name: string]: EventImage };

/** `T` is the trigger as the language's schema gives it, settled. */
export interface TriggerKind<T> {
  /** Its own key in `on`. */
  readonly key: string;
  /** What `trigger` has in expressions of pipelines with such a trigger. */
  readonly fields: { readonly [name: string]: Type };
  /** The index keys under which events find it. */
  keysOf(trigger: T, surroundings: TriggerSurroundings): readonly string[];
  /** What the trigger asks of an event that found it by its key, in the order in which it is told. */
  conditionsOf(trigger: T, event: SourceEvent, surroundings: TriggerSurroundings): readonly Condition[];
  /** Where a clock fires the trigger, when it does. */
  scheduleOf?(trigger: T, surroundings: TriggerSurroundings): ScheduleRule | undefined;
  /** The images of the pipeline that the event is about. Only asked where all conditions are met. */
  imagesOf?(trigger: T, event: SourceEvent, surroundings: TriggerSurroundings): NamedImages;
  /** What the event gives to expressions, beside what all events give. */
  dataOf(trigger: T, event: SourceEvent, surroundings: TriggerSurroundings): { readonly [name: string]: Json };
}
