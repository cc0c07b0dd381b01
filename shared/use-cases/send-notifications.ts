/** Keeps every announced transition for people to read back, and tells those whom the plan names. */
import type { NotifyPlan } from '../core/plan.ts';
import type { Notice, Tell } from '../notifications/channel.ts';
import type { PubsubNotify } from '../notifications/pubsub-channel.ts';
import type { SlackNotify } from '../notifications/slack-channel.ts';
import type { Answer } from '../ports/bus.ts';
import type { ExecutionStore } from '../ports/execution-store.ts';
import type { History } from '../ports/history.ts';
import type { Log } from '../ports/log.ts';
import type { Announcement } from './messages.ts';
import type { ReadPlan } from './previous-release.ts';

/** One way of telling for each sort of entry in `notify`. */
export type Channels = { readonly slack: Tell<SlackNotify>; readonly pubsub: Tell<PubsubNotify> };

export type SendNotificationsPorts = {
  readonly store: Pick<ExecutionStore, 'readExecution'>;
  readonly history: History;
  readonly readPlan: ReadPlan;
  readonly channels: Channels;
  readonly log: Log;
};

/** `later` while a channel may still succeed; what was told already is not told twice when the announcement comes again. */
export function sendNotifications(
  ports: SendNotificationsPorts,
): (announcement: Announcement & { readonly trace?: string }) => Promise<Answer> {
  return async ({ execution: id, transitions, trace }) => {
    const { history, store, readPlan, channels, log } = ports;
    await history.record({ execution: id, transitions });
    const execution = (await store.readExecution({ id }))?.value;
    if (execution === undefined) {
      log.write('WARNING', 'an announcement names an execution that is not kept', { execution: id });
      return 'done';
    }
    const plan = await readPlan({ hash: execution.plan });
    if (plan === undefined) {
      log.write('ERROR', 'the plan of an execution is not kept, so nobody can be told of it', {
        execution: id,
        plan: execution.plan,
      });
      return 'done';
    }
    const answers = await Promise.all(
      plan.notify.map(async (notify): Promise<Answer> => {
        try {
          return await tell(channels, { notify, transitions, execution, plan, ...(trace !== undefined && { trace }) });
        } catch (error) {
          // One channel's trouble keeps no other from being told.
          log.write('WARNING', 'a notification is sent again later', { execution: id, notify, error });
          return 'later';
        }
      }),
    );
    return answers.includes('later') ? 'later' : 'done';
  };
}

function tell(channels: Channels, notice: Notice<NotifyPlan>): Promise<Answer> {
  const { notify } = notice;
  return 'slack' in notify ? channels.slack({ ...notice, notify }) : channels.pubsub({ ...notice, notify });
}
