/** Publishes a person's request to sync a repository, so that it takes the same way as a push does. */
import type { Bus } from '../ports/bus.ts';
import type { Cells } from '../ports/cells.ts';
import type { Clock } from '../ports/clock.ts';
import type { Repository } from '../ports/repositories.ts';
import { type CommitPushed, eventId, MAXIMUM_TEXT } from '../triggers/source.ts';
import { sourceEventMessage, TOPICS } from './messages.ts';
import { syncRecordId } from './sync-repository.ts';
import { traceOf } from './trace.ts';

/** `record` is the id of the inbox's entry that will tell what came of it. */
export type SyncRequested =
  | { readonly is: 'accepted'; readonly event: string; readonly record: string }
  | { readonly is: 'unknown' };

/** `requestId` is the caller's own: the same request again is the same event. */
export async function requestSync(
  ports: { readonly repositories: Pick<Cells<Repository>, 'read'>; readonly bus: Bus; readonly clock: Clock },
  command: { readonly id: string; readonly requestId: string; readonly by: string },
): Promise<SyncRequested> {
  const { id, requestId, by } = command;
  const found = await ports.repositories.read({ key: id });
  if (found === undefined) return { is: 'unknown' };
  const event: CommitPushed = {
    id: eventId('manual', id, requestId),
    type: 'commit-pushed',
    source: 'manual',
    at: ports.clock.now(),
    text: `${by} asked to sync ${id}`.slice(0, MAXIMUM_TEXT),
    commit: { registered: id, ref: `refs/heads/${found.value.branch}`, by },
  };
  const traced = { ...event, trace: traceOf({ id: event.id }) };
  await ports.bus.publish({ topic: TOPICS.events, messages: [sourceEventMessage(traced, traced)] });
  return { is: 'accepted', event: event.id, record: syncRecordId({ id, event: event.id }) };
}
