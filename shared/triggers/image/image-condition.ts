/** Whether an image that an event is about is one that the pipeline delivers. */
import { matchTag } from '../../pipeline/image-filter.ts';
import type { ImageDefinition } from '../../pipeline/schema.ts';
import { normalizeRepository } from '../../registry/reference.ts';
import { type Condition, condition } from '../condition.ts';
import type { EventImage } from '../event-fields.ts';

/** The tag's filter as one condition. */
export function tagCondition(image: ImageDefinition, tag: string): Condition {
  const name = image.tag !== undefined ? 'tag' : image.semver !== undefined ? 'semver' : 'regex';
  const wanted = image.tag ?? image.semver ?? image.regex ?? '';
  const match = matchTag(image, tag);
  return condition({
    condition: name,
    wanted,
    got: tag,
    met: match.matches,
    text: match.matches ? undefined : match.text,
  });
}

/** The repository and the tag, for events that name an image although their key does not. */
export function imageConditions(image: ImageDefinition | undefined, given: EventImage): Condition[] {
  if (image === undefined) return [];
  const wanted = normalizeRepository(image.repository);
  const isSame = given.repository === wanted;
  const repository = condition({ condition: 'repository', wanted, got: given.repository, met: isSame });
  return isSame ? [repository, tagCondition(image, given.tag)] : [repository];
}

/** Of each image of the pipeline the first one given that it would take. */
export function imagesAmong(
  images: { readonly [name: string]: ImageDefinition },
  given: readonly EventImage[],
): { [name: string]: EventImage } {
  const found = Object.entries(images).flatMap(([name, image]): [string, EventImage][] => {
    const one = given.find((candidate) => imageConditions(image, candidate).every(({ met }) => met));
    return one === undefined ? [] : [[name, one]];
  });
  return Object.fromEntries(found);
}
