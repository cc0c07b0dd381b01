/** Every kind of trigger that there is, listed by hand, and the one that a trigger is of. */
import type { Type } from '../pipeline/expressions/types.ts';
import type { TriggerDefinition } from '../pipeline/schema.ts';
import { buildTrigger } from './build/kind.ts';
import type { Condition } from './condition.ts';
import { cronTrigger } from './cron/kind.ts';
import { gitTrigger } from './git/kind.ts';
import { imageTrigger } from './image/kind.ts';
import { pipelineTrigger } from './pipeline/kind.ts';
import { pubsubTrigger } from './pubsub/kind.ts';
import type { SourceEvent } from './source.ts';
import { storageTrigger } from './storage/kind.ts';
import type { NamedImages, TriggerKind, TriggerSurroundings } from './trigger-kind.ts';
import { webhookTrigger } from './webhook/kind.ts';

/** A trigger with what its kind knows of it. */
export type BoundTrigger = {
  keys(surroundings: TriggerSurroundings): readonly string[];
  schedule(surroundings: TriggerSurroundings): ReturnType<NonNullable<TriggerKind<never>['scheduleOf']>>;
  conditions(event: SourceEvent, surroundings: TriggerSurroundings): readonly Condition[];
  images(event: SourceEvent, surroundings: TriggerSurroundings): NamedImages;
  data(event: SourceEvent, surroundings: TriggerSurroundings): ReturnType<TriggerKind<never>['dataOf']>;
};

export function triggerOf(trigger: TriggerDefinition): BoundTrigger {
  if ('push' in trigger) return bind(imageTrigger, trigger);
  if ('git' in trigger) return bind(gitTrigger, trigger);
  if ('build' in trigger) return bind(buildTrigger, trigger);
  if ('pubsub' in trigger) return bind(pubsubTrigger, trigger);
  if ('storage' in trigger) return bind(storageTrigger, trigger);
  if ('cron' in trigger) return bind(cronTrigger, trigger);
  if ('pipeline' in trigger) return bind(pipelineTrigger, trigger);
  return bind(webhookTrigger, trigger);
}

function bind<T>(kind: TriggerKind<T>, trigger: T): BoundTrigger {
  return {
    keys: (surroundings) => kind.keysOf(trigger, surroundings),
    schedule: (surroundings) => kind.scheduleOf?.(trigger, surroundings),
    conditions: (event, surroundings) => kind.conditionsOf(trigger, event, surroundings),
    images: (event, surroundings) => kind.imagesOf?.(trigger, event, surroundings) ?? {},
    data: (event, surroundings) => kind.dataOf(trigger, event, surroundings),
  };
}

/** What `trigger` has for each kind in expressions, by the kind's key in `on`. */
export const TRIGGER_FIELDS: ReadonlyMap<string, { readonly [name: string]: Type }> = new Map(
  [
    imageTrigger,
    gitTrigger,
    buildTrigger,
    pubsubTrigger,
    storageTrigger,
    cronTrigger,
    pipelineTrigger,
    webhookTrigger,
  ].map(({ key, fields }) => [key, fields]),
);
