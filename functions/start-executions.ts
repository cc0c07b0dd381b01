/** The subscriber of the topics `events` and `transitions`: turns source events, and the ends of executions, into the executions that they start. */
import { z } from 'zod';
import type { Answer, Delivery } from '../shared/ports/bus.ts';
import { sourceEvent } from '../shared/triggers/source.ts';
import { taking } from '../shared/use-cases/deliveries.ts';
import { gatheredReads } from '../shared/use-cases/gathered-reads.ts';
import {
  isAnnouncement,
  PoisonMessage,
  parseAnnouncement,
  parseSourceEventMessage,
} from '../shared/use-cases/messages.ts';
import { type EndPorts, publishEnd } from '../shared/use-cases/publish-end.ts';
import { type StartPorts, startExecutions } from '../shared/use-cases/start-executions.ts';
import type { Container } from './container.ts';
import { planningOf } from './planning.ts';
import { type Handler, pushEndpoint } from './push.ts';

export function eventSubscriber(ports: StartPorts): (delivery: Delivery) => Promise<Answer> {
  return taking(ports, async (delivery) => {
    const { data } = parseSourceEventMessage(delivery);
    const parsed = sourceEvent.safeParse(data);
    if (!parsed.success) {
      throw new PoisonMessage(`the source event is not as expected: ${z.prettifyError(parsed.error)}`);
    }
    await startExecutions(ports, parsed.data);
    return 'done';
  });
}

/** The subscriber of the topic `transitions`: a pipeline's end may start others. */
export function endSubscriber(
  ports: EndPorts & Pick<StartPorts, 'inbox' | 'log'>,
): (delivery: Delivery) => Promise<Answer> {
  return taking(ports, async (delivery) => {
    await publishEnd(ports, parseAnnouncement(delivery));
    return 'done';
  });
}

export async function deployed(container: Container): Promise<Handler> {
  const { verify, log } = container;
  const planning = await planningOf(container);
  const events = eventSubscriber({ ...planning, holds: gatheredReads(planning.holds) });
  const ends = endSubscriber(planning);
  const handle = (delivery: Delivery): Promise<Answer> => (isAnnouncement(delivery) ? ends : events)(delivery);
  return pushEndpoint({ handle, verify, log });
}
