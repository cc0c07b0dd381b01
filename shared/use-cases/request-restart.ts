/** A person asks for an ended execution to be run again: that is done at once, and told in the inbox like what any other event started. */
import { statusOf } from '../core/execution.ts';
import type { Inbox } from '../ports/inbox.ts';
import { executionIdOf, type StatePorts } from './engine.ts';
import { type RestartCommand, type Restarted, restartExecution } from './restart-execution.ts';

/** The entry in the inbox is there when this resolves: whoever asked looks for it by the event's id. */
export async function requestRestart(
  ports: StatePorts & { readonly inbox: Pick<Inbox, 'record'> },
  command: RestartCommand,
): Promise<Restarted> {
  const answer = await restartExecution(ports, command, executionIdOf);
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
