/** A person asks for an ended execution to be run again: that is done at once, and told in the inbox like what any other event started. */
import { statusOf } from '../core/execution.ts';
import type { Inbox } from '../ports/inbox.ts';
import type { Pipelines } from '../ports/pipelines.ts';
import { executionIdOf, type StatePorts } from './engine.ts';
import { CannotPlan } from './make-plan.ts';
import { type BindingPorts, requireBindingAgain } from './require-binding.ts';
import { type RestartCommand, type Restarted, restartExecution } from './restart-execution.ts';

export type RestartPorts = StatePorts &
  BindingPorts & { readonly inbox: Pick<Inbox, 'record'>; readonly pipelines: Pick<Pipelines, 'get'> };

/** `refused`: the pipeline's team may not run that plan any more; the sentence says why. */
export type RestartAnswer = Restarted | { readonly is: 'refused'; readonly text: string };

/** The entry in the inbox is there when this resolves: whoever asked looks for it by the event's id. */
export async function requestRestart(ports: RestartPorts, command: RestartCommand): Promise<RestartAnswer> {
  const answer = await restartAllowed(ports, command);
  if (answer.is !== 'accepted') return answer;
  const created = (await ports.executions.readExecution({ id: answer.execution }))?.value;
  if (created === undefined) return answer;
  const status = statusOf(created);
  await ports.inbox.record({
    entry: {
      format: 1,
      id: answer.event,
      receivedAt: created.createdAt,
      source: created.trigger.source,
      text: `${command.by} asked for a ${created.trigger.text}`,
      verdicts: [
        {
          is: status === 'queued' || status === 'skipped' ? status : 'started',
          pipeline: created.pipeline,
          execution: created.id,
        },
      ],
    },
  });
  return answer;
}

async function restartAllowed(ports: RestartPorts, command: RestartCommand): Promise<RestartAnswer> {
  try {
    return await restartExecution(ports, command, executionIdOf, async (plan) =>
      requireBindingAgain(ports, await ports.pipelines.get({ name: plan.pipeline }), plan),
    );
  } catch (error) {
    if (error instanceof CannotPlan) return { is: 'refused', text: error.message };
    throw error;
  }
}
