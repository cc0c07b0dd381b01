/** The keys by which an event finds the triggers that look at it, so that pipelines are never scanned. */
import { hasExpression } from '../pipeline/expressions/text.ts';
import type { SettledDefinition } from '../pipeline/settle.ts';
import type { TriggerEntry } from '../ports/pipelines.ts';
import { normalizeRepository } from '../registry/reference.ts';
import type { SourceEvent } from './source.ts';

/** The index keys of an event; none where the event names its pipeline itself. */
export function keysOf(event: SourceEvent): readonly string[] {
  switch (event.type) {
    case 'image-pushed':
      return [imageKey(event.image.repository)];
    case 'commit-pushed':
    case 'pull-request-changed':
    case 'manual':
      return [];
  }
}

/** The index entries of a pipeline's triggers. */
export function triggerEntries(
  definition: Pick<SettledDefinition, 'pipeline' | 'images' | 'on'>,
): readonly TriggerEntry[] {
  const images = new Map(Object.entries(definition.images));
  return definition.on.flatMap((trigger, index): TriggerEntry[] => {
    const image = images.get(trigger.push);
    // An image whose repository somebody must give is pushed by nobody known.
    return image === undefined || hasExpression(image.repository)
      ? []
      : [{ key: imageKey(image.repository), pipeline: definition.pipeline, index }];
  });
}

function imageKey(repository: string): string {
  return `image:${normalizeRepository(repository)}`;
}
