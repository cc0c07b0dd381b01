/** The subscriber of every work topic, of wake-ups, and of the dead letters. */

import { configuredClusters } from '../shared/adapters/google/clusters.ts';
import { stageIdentity } from '../shared/adapters/google/stage-identity.ts';
import type { Answer, Delivery } from '../shared/ports/bus.ts';
import type { Inbox } from '../shared/ports/inbox.ts';
import { guardedHttpClient } from '../shared/stages/http-client.ts';
import { advanceExecution } from '../shared/use-cases/advance-execution.ts';
import { CALLBACK_SECRET, callbacksOf } from '../shared/use-cases/callbacks.ts';
import { taking } from '../shared/use-cases/deliveries.ts';
import type { Engine } from '../shared/use-cases/engine.ts';
import { failDeadLetter, isDeadLetter } from '../shared/use-cases/fail-dead-letter.ts';
import { gatheredReads } from '../shared/use-cases/gathered-reads.ts';
import { parseWorkMessage } from '../shared/use-cases/messages.ts';
import { otherExecutions } from '../shared/use-cases/other-executions.ts';
import type { Container } from './container.ts';
import { type Handler, pushEndpoint } from './push.ts';

export function workSubscriber(
  engine: Engine & { readonly inbox: Pick<Inbox, 'record'> },
): (delivery: Delivery) => Promise<Answer> {
  return taking(engine, async (delivery) =>
    isDeadLetter(delivery) ? failDeadLetter(engine, delivery) : advanceExecution(engine, parseWorkMessage(delivery)),
  );
}

export async function deployed(container: Container): Promise<Handler> {
  const { settings, google, state, secrets, stageSecrets, renderer, kinds, verify, log } = container;
  const key = await secrets.get({ name: CALLBACK_SECRET });
  const handle = workSubscriber({
    ...state,
    kinds: await kinds(),
    blobs: google.blobs,
    locks: google.locks,
    holds: gatheredReads(google.holds),
    progress: google.progress,
    inbox: google.inbox,
    secrets: stageSecrets,
    http: guardedHttpClient({ allow: settings.allowedHosts }),
    google: stageIdentity({ projects: settings.googleProjects }),
    others: otherExecutions({ ...state, pipelines: google.pipelines, inbox: google.inbox }),
    renderer,
    clusterOf: configuredClusters(settings.targets),
    timing: settings.timing,
    callbacks: key === undefined ? undefined : callbacksOf({ baseUrl: settings.publicUrl, key }),
  });
  return pushEndpoint({ handle, verify, log });
}
