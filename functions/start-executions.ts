/** The subscriber of the topic `events`: turns each source event into the executions that it starts. */
import { z } from 'zod';
import { artifactRegistryLogin } from '../shared/adapters/google/clusters.ts';
import type { Answer, Delivery } from '../shared/ports/bus.ts';
import { registryTagResolver } from '../shared/registry/resolver.ts';
import { sourceEvent } from '../shared/triggers/source.ts';
import { taking } from '../shared/use-cases/deliveries.ts';
import { PoisonMessage, parseSourceEventMessage } from '../shared/use-cases/messages.ts';
import { type StartPorts, startExecutions } from '../shared/use-cases/start-executions.ts';
import type { Container } from './container.ts';
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

export function deployed({ google, state, verify, log }: Container): Handler {
  const { pipelines, inbox, blobs } = google;
  const resolver = registryTagResolver({ login: artifactRegistryLogin });
  return pushEndpoint({ handle: eventSubscriber({ ...state, pipelines, inbox, blobs, resolver }), verify, log });
}
