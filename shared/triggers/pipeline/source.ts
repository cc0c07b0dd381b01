/** The end of an execution as a source: its event, and which pipelines it starts. */
import type { Json } from '../../core/json.ts';
import type { PinnedImage } from '../../core/plan.ts';
import { type Condition, condition } from '../condition.ts';
import { eventId } from '../source.ts';
import { MAXIMUM_CHAIN, type PipelineFinished } from './event.ts';
import type { PipelineTrigger } from './schema.ts';

const NAME = 'pipeline';
/** What the outputs of one execution may take in its event, in characters of JSON; those of later stages stay behind. */
const MAXIMUM_OUTPUTS = 128 * 1024;

/** The key by which the triggers are found that look at a pipeline's ends. */
export const pipelineKey = (pipeline: string): string => `pipeline:${pipeline}`;

/** The event of an execution's end. There is one for each execution: published twice, it starts nothing twice. */
export function finishedEvent(given: {
  readonly pipeline: string;
  readonly execution: string;
  readonly end: PipelineFinished['finished']['end'];
  readonly images: { readonly [name: string]: PinnedImage };
  /** In the order of the plan. */
  readonly outputs: readonly (readonly [stage: string, outputs: Json])[];
  /** The pipelines that led to it. */
  readonly chain: readonly string[];
  /** Who is behind it. */
  readonly people?: readonly string[];
  readonly at: number;
  readonly trace?: string | undefined;
}): PipelineFinished {
  const { pipeline, execution, end, images, chain, people = [], at, trace } = given;
  let room = MAXIMUM_OUTPUTS;
  const outputs = given.outputs.filter(([, value]) => {
    room -= JSON.stringify(value).length;
    return room >= 0;
  });
  return {
    id: eventId(NAME, execution),
    type: 'pipeline-finished',
    source: NAME,
    at,
    text: `pipeline ${pipeline} ${end === 'cancelled' ? 'was cancelled' : end}`,
    ...(trace === undefined ? {} : { trace }),
    finished: {
      pipeline,
      execution,
      end,
      images: { ...images },
      outputs: JSON.parse(JSON.stringify(Object.fromEntries(outputs))),
      chain: [...chain, pipeline].slice(-MAXIMUM_CHAIN),
      ...(people.length === 0 ? {} : { people: [...people] }),
    },
  };
}

/** The trigger's conditions with what the event has; the last is that no pipeline starts itself again. */
export function pipelineConditions(
  trigger: PipelineTrigger,
  pipeline: string,
  { finished }: PipelineFinished,
): readonly Condition[] {
  const { chain } = finished;
  const isLoop = chain.includes(pipeline);
  return [
    condition({
      condition: 'pipeline',
      wanted: trigger.pipeline,
      got: finished.pipeline,
      met: trigger.pipeline === finished.pipeline,
    }),
    condition({
      condition: 'on',
      wanted: trigger.on.join(' or '),
      got: finished.end,
      met: trigger.on.includes(finished.end),
    }),
    condition({
      condition: 'loop',
      wanted: `no ${pipeline} among those that led here`,
      got: chain.join(' → '),
      met: !isLoop,
      text: `${pipeline} would start itself: ${[...chain, pipeline].join(' → ')}; the loop ends here`,
    }),
    condition({
      condition: 'depth',
      wanted: `fewer than ${MAXIMUM_CHAIN} pipelines in a row`,
      got: String(chain.length),
      met: chain.length < MAXIMUM_CHAIN,
      text: `${chain.length} pipelines have started one another in a row, as many as may: ${chain.join(' → ')}`,
    }),
  ];
}
