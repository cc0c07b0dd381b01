/** What becomes of a message that was delivered too often: its failure is committed to the execution, so that nobody waits for it. */
import type { Answer, Delivery } from '../ports/bus.ts';
import type { Inbox } from '../ports/inbox.ts';
import type { StatePorts } from './engine.ts';
import { PoisonMessage, parseWorkMessage, type Work } from './messages.ts';
import { stopExecution } from './stop-execution.ts';

/** The attribute that Pub/Sub gives a dead letter (https://cloud.google.com/pubsub/docs/dead-letter-topics). */
const DELIVERY_COUNT = 'CloudPubSubDeadLetterSourceDeliveryCount';
const SOURCE_SUBSCRIPTION = 'CloudPubSubDeadLetterSourceSubscription';
/** How much of a letter is kept, in characters. */
const MAXIMUM_KEPT_CHARACTERS = 2_000;

export const isDeadLetter = (delivery: Delivery): boolean => DELIVERY_COUNT in delivery.attributes;

/** Records the letter, and stops the execution that waits for what it asked. */
export async function failDeadLetter(
  ports: StatePorts & { readonly inbox: Pick<Inbox, 'record'> },
  delivery: Delivery,
): Promise<Answer> {
  const count = delivery.attributes[DELIVERY_COUNT];
  const from = delivery.attributes[SOURCE_SUBSCRIPTION] ?? delivery.subscription;
  await ports.inbox.record({
    entry: {
      format: 1,
      id: `dead-letter-${delivery.messageId}`,
      receivedAt: ports.clock.now(),
      source: from,
      text: `a message that ${count} deliveries did not get done: ${delivery.data.slice(0, MAXIMUM_KEPT_CHARACTERS)}`,
      refused: `It was delivered ${count} times without success; the log says why.`,
      verdicts: [],
    },
  });
  ports.log.write('ERROR', 'A message was given up', { subscription: from, messageId: delivery.messageId, count });
  const work = workOf(delivery);
  if (work !== undefined && (await waitsFor(ports, work))) {
    const { execution: id } = work;
    const text = `The system could not do its work: a message was delivered ${count} times without success.`;
    const because = { code: 'worker-lost', text, unblock: `gennaker restart ${id}` } as const;
    await stopExecution(ports, { id, end: 'failed', because });
  }
  return 'done';
}

/** False where another delivery got the step done: a repetition that failed must not stop what goes well. */
async function waitsFor(ports: StatePorts, work: Work): Promise<boolean> {
  const run = (await ports.executions.readRun(work))?.value;
  return run === undefined || (run.state.is !== 'ended' && run.attempt === work.attempt && run.step === work.step);
}

/** The step that the letter was to get done, where it is work at all. */
function workOf(delivery: Delivery): Work | undefined {
  try {
    const message = parseWorkMessage(delivery);
    return message.is === 'work' ? message.work : undefined;
  } catch (error) {
    if (error instanceof PoisonMessage) return undefined;
    throw error;
  }
}
