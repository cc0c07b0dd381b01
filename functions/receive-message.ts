/** The subscriber of topics that others publish to: each of their messages may hold source events. */
import type { Answer, Delivery } from '../shared/ports/bus.ts';
import { pubsub, userSubscription } from '../shared/triggers/pubsub/source.ts';
import { httpSources, messageSources } from '../shared/triggers/registry.ts';
import { taking } from '../shared/use-cases/deliveries.ts';
import { PoisonMessage } from '../shared/use-cases/messages.ts';
import { type ReceivePorts, receiveMessage } from '../shared/use-cases/receive-event.ts';
import type { TeamWebhookPorts } from '../shared/use-cases/receive-team-webhook.ts';
import { lockedTemplates } from '../shared/use-cases/templates/locked.ts';
import type { Container } from './container.ts';
import { type Handler, pushEndpoint } from './push.ts';

/** A subscription's name ends in that of its source: `gennaker-artifact-registry`. */
export function messageSubscriber(ports: ReceivePorts): (delivery: Delivery) => Promise<Answer> {
  return taking(ports, async (delivery) => {
    const name = delivery.subscription.split('/').at(-1) ?? '';
    const source =
      userSubscription(name) === undefined
        ? [...ports.messageSources.keys()].find((known) => name === known || name.endsWith(`-${known}`))
        : pubsub.name;
    if (source === undefined) {
      const known = [...ports.messageSources.keys()].join(', ');
      throw new PoisonMessage(
        `the subscription ${name} is named after no source; its name must end in one of ${known}, or hold pubsub- and a name`,
      );
    }
    await receiveMessage(ports, { source, delivery, trace: delivery.attributes.traceparent });
    return 'done';
  });
}

/** What takes events in, by HTTP and by message. */
export function receivePorts({ settings, google, state, secrets, knownSecrets, log }: Container): TeamWebhookPorts {
  const { registryHosts } = settings;
  return {
    bus: google.bus,
    inbox: google.inbox,
    repositories: google.repositories,
    pipelines: google.pipelines,
    lockedTemplates: lockedTemplates(google),
    secrets,
    knownSecrets,
    clock: state.clock,
    log,
    httpSources: httpSources({ registryHosts }),
    messageSources: messageSources(),
  };
}

export function deployed(container: Container): Handler {
  const { verify, log } = container;
  return pushEndpoint({ handle: messageSubscriber(receivePorts(container)), verify, log });
}
