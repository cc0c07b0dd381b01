/** Messages of the user's own topics: found by subscription, filtered by what they carry. */
import type { Json } from '../../core/json.ts';
import { ANY, TEXT } from '../../pipeline/expressions/types.ts';
import { condition } from '../condition.ts';
import { type Content, contentImageConditions, contentOf, imageFrom, nameOfImage } from '../content.ts';
import { whereCondition } from '../event-cel.ts';
import type { EventImage } from '../event-fields.ts';
import { IMAGE_TYPE, imageData } from '../image/kind.ts';
import type { SourceEvent } from '../source.ts';
import type { TriggerKind, TriggerSurroundings } from '../trigger-kind.ts';
import type { PubsubTrigger } from './schema.ts';

export function pubsubKey(subscription: string): string {
  return `pubsub:${subscription}`;
}

function contentFor({ pubsub }: PubsubTrigger, event: SourceEvent): Content | undefined {
  if (event.type !== 'message-arrived') return undefined;
  return contentOf(pubsub.format, event.message.data, event.message.attributes);
}

function imageFor(
  trigger: PubsubTrigger,
  event: SourceEvent,
  images: TriggerSurroundings['images'],
): EventImage | undefined {
  const content = contentFor(trigger, event);
  const { image } = trigger.pubsub;
  if (content === undefined || 'problem' in content || image === undefined) return undefined;
  const found = imageFrom(image, content, images[nameOfImage(image) ?? '']);
  return 'problem' in found ? undefined : found;
}

export const pubsubTrigger: TriggerKind<PubsubTrigger> = {
  key: 'pubsub',
  fields: {
    data: ANY,
    attributes: { is: 'map', of: TEXT },
    message: { is: 'object', fields: { id: TEXT, subscription: TEXT } },
    image: IMAGE_TYPE,
  },
  keysOf: ({ pubsub }) => [pubsubKey(pubsub.subscription)],
  conditionsOf(trigger, event, { images }) {
    const content = contentFor(trigger, event);
    if (content === undefined) return [];
    const { format, where, image } = trigger.pubsub;
    if ('problem' in content) {
      const { problem } = content;
      return [condition({ condition: 'format', wanted: format, got: problem, met: false, text: problem })];
    }
    return [...whereCondition(where, content), ...contentImageConditions(image, content, images)];
  },
  imagesOf(trigger, event, { images }) {
    const name = nameOfImage(trigger.pubsub.image);
    const image = imageFor(trigger, event, images);
    return name === undefined || image === undefined ? {} : { [name]: image };
  },
  dataOf(trigger, event, { images }) {
    const content = contentFor(trigger, event);
    if (event.type !== 'message-arrived' || content === undefined || 'problem' in content) return {};
    const { id, subscription } = event.message;
    const image = imageFor(trigger, event, images);
    const data: { [name: string]: Json } = {
      data: content.data,
      attributes: { ...content.attributes },
      message: { id, subscription },
    };
    return image === undefined ? data : { ...data, image: imageData(image) };
  },
};
