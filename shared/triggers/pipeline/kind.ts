/** Another pipeline's end: found by that pipeline's name, and taken with the images that it delivered. */
import { ANY, TEXT } from '../../pipeline/expressions/types.ts';
import { normalizeRepository } from '../../registry/reference.ts';
import { tagCondition } from '../image/image-condition.ts';
import type { NamedImages, TriggerKind } from '../trigger-kind.ts';
import type { PipelineTrigger } from './schema.ts';
import { pipelineConditions, pipelineKey } from './source.ts';

export const pipelineTrigger: TriggerKind<PipelineTrigger> = {
  key: 'pipeline',
  fields: {
    finished: {
      is: 'object',
      fields: { pipeline: TEXT, execution: TEXT, end: TEXT },
    },
    outputs: ANY,
  },
  keysOf: (trigger) => [pipelineKey(trigger.pipeline)],
  conditionsOf: (trigger, event, { pipeline }) =>
    event.type === 'pipeline-finished' ? pipelineConditions(trigger, pipeline, event) : [],
  imagesOf(_trigger, event, { images }): NamedImages {
    if (event.type !== 'pipeline-finished') return {};
    const delivered = Object.values(event.finished.images);
    const found = Object.entries(images).flatMap(([name, image]) => {
      const repository = normalizeRepository(image.repository);
      const same = delivered.find((one) => one.repository === repository && tagCondition(image, one.tag).met);
      return same === undefined ? [] : [[name, same] as const];
    });
    return Object.fromEntries(found);
  },
  dataOf(_trigger, event) {
    if (event.type !== 'pipeline-finished') return {};
    const { pipeline, execution, end, outputs } = event.finished;
    return { finished: { pipeline, execution, end }, outputs };
  },
};
