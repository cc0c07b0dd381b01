/** A person has an event of the inbox published again: under an id of its own, so that it starts again what it starts now. */
import type { Bus } from '../ports/bus.ts';
import type { Clock } from '../ports/clock.ts';
import type { Inbox } from '../ports/inbox.ts';
import type { Random } from '../ports/random.ts';
import { MASKED } from '../triggers/mask.ts';
import { sourceEvent } from '../triggers/source.ts';
import { sourceEventMessage, TOPICS } from './messages.ts';
import { traceOf } from './trace.ts';

export type Replayed =
  | {
      readonly is: 'accepted';
      readonly event: string;
      /** Secrets were taken out of it when it came: conditions on them see the mask. */
      readonly isMasked: boolean;
    }
  | { readonly is: 'unknown' }
  /** It never was an event that could start anything. */
  | { readonly is: 'not-replayable'; readonly text: string };

export async function replayEvent(
  ports: {
    readonly inbox: Pick<Inbox, 'get'>;
    readonly bus: Bus;
    readonly clock: Clock;
    readonly random: Random;
  },
  command: { readonly id: string; readonly by: string },
): Promise<Replayed> {
  const entry = await ports.inbox.get({ id: command.id });
  if (entry === undefined) return { is: 'unknown' };
  const parsed = sourceEvent.safeParse(entry.event);
  if (!parsed.success) {
    return { is: 'not-replayable', text: entry.refused ?? 'it is a record of what was done, not of what arrived' };
  }
  const id = `replay-${ports.random.id()}`;
  const { trace: _, ...told } = parsed.data;
  const event = {
    ...told,
    id,
    at: ports.clock.now(),
    replay: { of: command.id, by: command.by },
    trace: traceOf({ id, trace: undefined }),
  };
  await ports.bus.publish({ topic: TOPICS.events, messages: [sourceEventMessage(event, event)] });
  return { is: 'accepted', event: id, isMasked: JSON.stringify(told).includes(MASKED) };
}
