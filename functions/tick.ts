/** Called once a minute: fires schedules, and looks at every execution in which something should have moved by now and at rollouts of templates. */
import type { Answer, Delivery } from '../shared/ports/bus.ts';
import { doChores } from '../shared/use-cases/chores.ts';
import type { StatePorts } from '../shared/use-cases/engine.ts';
import { type FirePorts, fireSchedules } from '../shared/use-cases/fire-schedules.ts';
import { sweepExecutions } from '../shared/use-cases/sweep-executions.ts';
import { libraryOf } from '../shared/use-cases/templates/library.ts';
import { type TemplateService, templateService } from '../shared/use-cases/templates/service.ts';
import type { Container } from './container.ts';
import { type Handler, pushEndpoint } from './push.ts';

export function tickSubscriber(
  ports: StatePorts & FirePorts,
  templates: Pick<TemplateService, 'advance'>,
): (delivery: Delivery) => Promise<Answer> {
  return async () => {
    await doChores([() => fireSchedules(ports), () => sweepExecutions(ports), () => templates.advance()]);
    return 'done';
  };
}

export const deployed = async ({ state, google, kinds, verify, log }: Container): Promise<Handler> => {
  const templates = templateService({ ...google, ...state, kinds: await kinds(), openLibrary: libraryOf(google) });
  const { schedules, inbox } = google;
  return pushEndpoint({ handle: tickSubscriber({ ...state, schedules, inbox }, templates), verify, log });
};
