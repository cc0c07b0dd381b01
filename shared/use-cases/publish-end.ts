/** Turns the end of an execution into a source event, by which the pipelines that wait for it are started. */
import { statusOf } from '../core/execution.ts';
import type { Json } from '../core/json.ts';
import type { Bus } from '../ports/bus.ts';
import type { Clock } from '../ports/clock.ts';
import type { ExecutionStore } from '../ports/execution-store.ts';
import type { Pipelines } from '../ports/pipelines.ts';
import { finishedEvent, pipelineKey } from '../triggers/pipeline/source.ts';
import { type Announcement, sourceEventMessage, TOPICS } from './messages.ts';
import type { PlanReader } from './plans.ts';
import { childTrace, traceOf } from './trace.ts';
import { namesBehind } from './who-caused.ts';

export type EndPorts = {
  readonly executions: Pick<ExecutionStore, 'readExecution' | 'readRuns'>;
  readonly pipelines: Pick<Pipelines, 'triggers'>;
  readonly plans: PlanReader;
  readonly bus: Bus;
  readonly clock: Clock;
};

/** Publishes where a pipeline looks at the ends of this one: the event's id is the execution's, so repeating starts nothing twice. */
export async function publishEnd(
  ports: EndPorts,
  { execution: id, pipeline, transitions }: Announcement,
): Promise<'published' | 'nothing'> {
  if (!transitions.some((transition) => transition.is === 'ended')) return 'nothing';
  if ((await ports.pipelines.triggers({ key: pipelineKey(pipeline) })).length === 0) return 'nothing';
  const execution = (await ports.executions.readExecution({ id }))?.value;
  const end = execution === undefined ? undefined : statusOf(execution);
  // One that never ran has not finished either.
  if (execution === undefined || (end !== 'succeeded' && end !== 'failed' && end !== 'cancelled')) return 'nothing';
  const { plan } = await ports.plans.get(execution.plan);
  const runs = new Map((await ports.executions.readRuns({ execution: id })).map(({ value }) => [value.stage, value]));
  const outputs = plan.stages.flatMap((stage): (readonly [string, Json])[] => {
    const state = runs.get(stage.id)?.state;
    return state?.is === 'ended' && state.end === 'succeeded' && state.outputs !== undefined
      ? [[stage.id, state.outputs]]
      : [];
  });
  const trace = traceOf({ id, trace: execution.trace });
  const event = finishedEvent({
    pipeline,
    execution: id,
    end,
    images: plan.images,
    outputs,
    chain: execution.trigger.chain ?? [],
    people: namesBehind(execution.trigger),
    at: ports.clock.now(),
    trace: childTrace(trace, id),
  });
  await ports.bus.publish({ topic: TOPICS.events, messages: [sourceEventMessage(event, event)] });
  return 'published';
}
