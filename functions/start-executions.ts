/** The subscriber of the topic `events`: turns each source event into the executions that it starts. */
import { z } from 'zod';
import type { Answer, Delivery } from '../shared/ports/bus.ts';
import { sourceEvent } from '../shared/triggers/source.ts';
import { taking } from '../shared/use-cases/deliveries.ts';
import { PoisonMessage, parseSourceEventMessage } from '../shared/use-cases/messages.ts';
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
    // What is pushed to a Git repository starts nothing by itself; another subscriber records it.
    if (parsed.data.type === 'commit-pushed' || parsed.data.type === 'pull-request-changed') return 'done';
    await startExecutions(ports, parsed.data);
    return 'done';
  });
}

export async function deployed(container: Container): Promise<Handler> {
  const { verify, log } = container;
  return pushEndpoint({ handle: eventSubscriber(await planningOf(container)), verify, log });
}
