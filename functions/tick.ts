/** Called once a minute: looks at every execution in which something should have moved by now. */
import type { Answer, Delivery } from '../shared/ports/bus.ts';
import type { StatePorts } from '../shared/use-cases/engine.ts';
import { sweepExecutions } from '../shared/use-cases/sweep-executions.ts';
import type { Container } from './container.ts';
import { type Handler, pushEndpoint } from './push.ts';

export function tickSubscriber(ports: StatePorts): (delivery: Delivery) => Promise<Answer> {
  return async () => {
    await sweepExecutions(ports);
    return 'done';
  };
}

export const deployed = ({ state, verify, log }: Container): Handler =>
  pushEndpoint({ handle: tickSubscriber(state), verify, log });
