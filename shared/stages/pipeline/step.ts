/** Asks for a run of another pipeline under a key of its own, so that asking again is asking once, and waits for its end. */
import type { Input, Outcome } from '../../core/run.ts';
import type { OtherExecution, OtherExecutions } from '../../ports/other-executions.ts';
import { type StageContext, TerminalError } from '../kind.ts';
import type { PipelineCursor, PipelineOutputs, PipelineParameters } from './schema.ts';

/** Between two looks: at first often, later less. */
const FIRST_LOOK_MS = 2_000;
const LONGEST_LOOK_MS = 30_000;
/** How long a requested execution may take to appear: the bus delivers again and again meanwhile. */
export const APPEARS_WITHIN_MS = 15 * 60_000;

type Result = Outcome<PipelineCursor, PipelineOutputs>;

export async function step(
  parameters: PipelineParameters,
  at: { cursor: PipelineCursor | undefined; input: Input },
  context: StageContext,
): Promise<Result> {
  const others = othersOf(context);
  const { clock } = context;
  if (at.cursor === undefined) return request(parameters, others, context);
  const { cursor } = at;
  const child = await others.read({ id: cursor.execution });
  if (child === undefined) {
    const why = await others.whyNotStarted({ event: cursor.event });
    if (why !== undefined) return notSucceeded(`${parameters.pipeline} did not start: ${why}`, undefined);
    if (clock.now() - cursor.requestedAt > APPEARS_WITHIN_MS) {
      return notSucceeded(`${parameters.pipeline} was asked to run, and nothing came of it`, undefined);
    }
    return look(parameters, cursor, undefined, context);
  }
  if (!parameters.wait) return { is: 'succeeded', outputs: { execution: child.id } };
  if (child.end === undefined) return look(parameters, cursor, child, context);
  if (child.end !== 'succeeded') {
    const because = child.reason === undefined ? '' : `: ${child.reason.text}`;
    const how = child.end === 'failed' ? 'failed' : `was ${child.end}`;
    return notSucceeded(`${child.pipeline} ${child.id} ${how}${because}`, child);
  }
  return { is: 'succeeded', outputs: outputsOf(child) };
}

async function request(
  parameters: PipelineParameters,
  others: OtherExecutions,
  context: StageContext,
): Promise<Result> {
  const { execution, clock } = context;
  if (!context.mayWrite()) {
    const text = `${parameters.pipeline} was not asked to run: this worker no longer holds the step`;
    return { is: 'failed', reason: { code: 'fenced-off', text }, then: 'sameStep' };
  }
  const { pipeline, inputs, images, wait: isWaitedFor } = parameters;
  const key = requestKey(context);
  const answer = await others.start({ parent: execution, key, pipeline, inputs, images, isWaitedFor });
  if (answer.is === 'refused') {
    const code = answer.isCycle ? 'pipeline-cycle' : 'invalid-parameters';
    return { is: 'failed', reason: { code, text: answer.text }, then: 'giveUp' };
  }
  const requestedAt = clock.now();
  const cursor: PipelineCursor = {
    version: 1,
    execution: answer.execution,
    event: answer.event,
    requestedAt,
    looks: 0,
  };
  return look(parameters, cursor, undefined, context);
}

/** One execution for each attempt. */
export function requestKey({ execution, stage, attempt }: StageContext): string {
  return `${execution}/${stage}/${attempt}`;
}

function look(
  parameters: PipelineParameters,
  cursor: PipelineCursor,
  child: OtherExecution | undefined,
  context: StageContext,
): Result {
  const { stage, clock } = context;
  const pauseMs = Math.min(FIRST_LOOK_MS * 2 ** Math.min(cursor.looks, 10), LONGEST_LOOK_MS);
  const because = child?.reason === undefined ? '' : ` ${child.reason.text}`;
  return {
    is: 'waiting',
    for: { until: clock.now() + pauseMs },
    cursor: { ...cursor, looks: cursor.looks + 1 },
    reason: {
      code: 'pipeline-in-progress',
      text: `${stage} waits for ${parameters.pipeline} ${cursor.execution}${child === undefined ? ' to start.' : `.${because}`}`,
      unblock: `gennaker why ${cursor.execution}`,
    },
  };
}

export function othersOf({ others }: StageContext): OtherExecutions {
  if (others === undefined) throw new TerminalError('Other pipelines cannot be run from here.');
  return others;
}

function outputsOf({ id, images, outputs }: OtherExecution): PipelineOutputs {
  const references = Object.entries(images).map(([name, { repository, tag, digest }]): [string, string] => [
    name,
    `${repository}:${tag}@${digest}`,
  ]);
  return { execution: id, images: Object.fromEntries(references), outputs: JSON.parse(JSON.stringify(outputs)) };
}

function notSucceeded(text: string, child: OtherExecution | undefined): Result {
  return {
    is: 'failed',
    reason: {
      code: 'pipeline-not-succeeded',
      text,
      ...(child === undefined ? {} : { unblock: `gennaker why ${child.id}` }),
    },
    then: 'newAttempt',
  };
}
