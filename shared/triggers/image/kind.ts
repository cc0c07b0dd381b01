/** A pushed image: found by its repository, filtered by its tag. */
import { hasExpression } from '../../pipeline/expressions/text.ts';
import { TEXT } from '../../pipeline/expressions/types.ts';
import { normalizeRepository } from '../../registry/reference.ts';
import type { EventImage } from '../event-fields.ts';
import type { TriggerKind } from '../trigger-kind.ts';
import { tagCondition } from './image-condition.ts';
import type { ImageTrigger } from './schema.ts';

export function imageKey(repository: string): string {
  return `image:${normalizeRepository(repository)}`;
}

/** The image as expressions see it. */
export function imageData(image: EventImage): { [name: string]: string } {
  const { repository, tag, digest } = image;
  const name = repository.slice(repository.lastIndexOf('/') + 1);
  return { name, repository, tag, ...(digest === undefined ? {} : { digest }) };
}

export const IMAGE_TYPE = { is: 'object', fields: { name: TEXT, repository: TEXT, tag: TEXT, digest: TEXT } } as const;

export const imageTrigger: TriggerKind<ImageTrigger> = {
  key: 'push',
  fields: { image: IMAGE_TYPE },
  keysOf(trigger, { images }) {
    const image = Object.hasOwn(images, trigger.push) ? images[trigger.push] : undefined;
    // An image whose repository somebody must give is pushed by nobody known.
    return image === undefined || hasExpression(image.repository) ? [] : [imageKey(image.repository)];
  },
  conditionsOf(trigger, event, { images }) {
    const image = images[trigger.push];
    return event.type === 'image-pushed' && image !== undefined ? [tagCondition(image, event.image.tag)] : [];
  },
  imagesOf: (trigger, event) => (event.type === 'image-pushed' ? { [trigger.push]: event.image } : {}),
  dataOf: (_trigger, event) => (event.type === 'image-pushed' ? { image: imageData(event.image) } : {}),
};
