/** A second subscriber of the topic `events`: brings pushed commits of registered repositories in, and reviews their pull requests. */
import { z } from 'zod';
import { gitReader } from '../shared/git/reader.ts';
import { gitHubClients } from '../shared/git-hosts/github/client.ts';
import type { Answer, Delivery } from '../shared/ports/bus.ts';
import { guardedHttpClient } from '../shared/stages/http-client.ts';
import { sourceEvent } from '../shared/triggers/source.ts';
import { taking } from '../shared/use-cases/deliveries.ts';
import { describePlans } from '../shared/use-cases/describe-plans.ts';
import { PoisonMessage, parseSourceEventMessage } from '../shared/use-cases/messages.ts';
import { openRepository } from '../shared/use-cases/open-repository.ts';
import { type GitEventPorts, takeGitEvent } from '../shared/use-cases/take-git-event.ts';
import type { Container } from './container.ts';
import { planningOf } from './planning.ts';
import { type Handler, pushEndpoint } from './push.ts';

export function repositorySubscriber(ports: GitEventPorts): (delivery: Delivery) => Promise<Answer> {
  return taking(ports, async (delivery) => {
    const { data } = parseSourceEventMessage(delivery);
    const parsed = sourceEvent.safeParse(data);
    if (!parsed.success) {
      throw new PoisonMessage(`the source event is not as expected: ${z.prettifyError(parsed.error)}`);
    }
    return takeGitEvent(ports, parsed.data);
  });
}

export async function deployed(container: Container): Promise<Handler> {
  const { settings, state, secrets, verify, log } = container;
  const http = guardedHttpClient({ allow: settings.allowedHosts });
  const github = gitHubClients({ http, clock: state.clock, apiUrl: settings.githubApiUrl });
  const ports = await planningOf(container);
  const handle = repositorySubscriber({
    ...ports,
    git: gitReader({ allow: settings.allowedHosts }),
    open: openRepository({ secrets, github }),
    github,
    secrets,
    describePlans: describePlans(ports, state.clock),
    timing: settings.timing,
    publicUrl: settings.publicUrl,
  });
  return pushEndpoint({ handle, verify, log });
}
