/**
 * A process to be killed by embedded-durability.test.ts: `node embedded-child.ts write|poison FILE [FIRST]`.
 * `write` writes and publishes without end, and prints each number once all that it did for it was acknowledged.
 * `poison` kills itself while it handles a message, and prints how often that message was delivered, once it is buried.
 */
import { writeSync } from 'node:fs';
import { openEmbedded } from '../../shared/adapters/embedded/index.ts';
import { systemClock } from '../../shared/adapters/system-clock.ts';
import { documentParsers } from '../../shared/use-cases/documents.ts';
import { sampleExecution, sampleRun, sampleTransition } from './samples.ts';

const STANDARD_OUTPUT = 1;

const [task, path, first = '1'] = process.argv.slice(2);
if (path === undefined) throw new Error('Starting the child: the path of the database is missing.');
const embedded = openEmbedded({ path, clock: systemClock, parse: documentParsers });

const limits = { concurrency: 4, ackDeadlineMs: 10_000, maximumDeliveries: 2 };

if (task === 'write') {
  const detach = await embedded.subscribe({ topic: 'work', name: 'kept', handler: async () => 'done', ...limits });
  await detach();
  for (let number = Number(first); ; number += 1) {
    const id = `items-${number}`;
    const committed = await embedded.executions.commit({
      writes: [
        { document: 'execution', value: sampleExecution(id, { revision: number }), expected: 'absent' },
        { document: 'run', value: sampleRun(id, 'release', { step: number }), expected: 'absent' },
      ],
    });
    if (committed.is === 'conflict') throw new Error(`Writing ${id}: it exists already.`);
    await embedded.history.record({ execution: id, transitions: [sampleTransition(1)] });
    await embedded.bus.publish({ topic: 'work', messages: [{ data: `message-${number}`, attributes: {} }] });
    const wake = { data: `wake-up-${number}`, attributes: {} };
    await embedded.wakeUps.schedule({ name: id, at: Date.now(), topic: 'work', message: wake });
    writeSync(STANDARD_OUTPUT, `${number}\n`);
    // Timers, by which wake-ups are handed on, get their turn.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

if (task === 'poison') {
  await embedded.subscribe({
    topic: 'dead',
    name: 'dead',
    handler: async ({ attributes }) => {
      writeSync(STANDARD_OUTPUT, `buried ${attributes.CloudPubSubDeadLetterSourceDeliveryCount}\n`);
      return 'done';
    },
    ...limits,
  });
  await embedded.subscribe({
    topic: 'work',
    name: 'poisoned',
    handler: async () => {
      writeSync(STANDARD_OUTPUT, 'delivered\n');
      process.kill(process.pid, 'SIGKILL');
      return 'later';
    },
    deadLetterTopic: 'dead',
    ...limits,
  });
  if (first === '1') await embedded.bus.publish({ topic: 'work', messages: [{ data: 'poison', attributes: {} }] });
}
