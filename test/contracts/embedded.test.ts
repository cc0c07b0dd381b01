/** The contract suites on the embedded adapters. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Embedded, openEmbedded } from '../../shared/adapters/embedded/index.ts';
import { systemClock } from '../../shared/adapters/system-clock.ts';
import type { ActiveRollout } from '../../shared/ports/templates.ts';
import { documentParsers } from '../../shared/use-cases/documents.ts';
import { describeBlobs } from './blobs.contract.ts';
import { DEAD_LETTER_AFTER, describeBus, type Handler } from './bus.contract.ts';
import { describeListedCells, describeLocks, describeNotificationStates } from './cells.contract.ts';
import { describeExecutionStore } from './execution-store.contract.ts';
import { describeHistory } from './history.contract.ts';
import { describeInbox } from './inbox.contract.ts';
import { describePipelines } from './pipelines.contract.ts';
import { describeProgressBoard } from './progress.contract.ts';
import { type MakeAdapter, unique } from './samples.ts';
import { describeWakeUps } from './wake-ups.contract.ts';

const NAME = 'embedded';

const open = (path: string): Embedded => openEmbedded({ path, clock: systemClock, parse: documentParsers });

const of =
  <T>(pick: (embedded: Embedded) => T): MakeAdapter<T> =>
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'gennaker-contract-'));
    const embedded = open(join(folder, 'gennaker.db'));
    const close = async () => {
      await embedded.close();
      await rm(folder, { recursive: true });
    };
    return { adapter: pick(embedded), close };
  };

const subscriber =
  (embedded: Embedded) =>
  (topic: string, handler: Handler, deadLetterTopic?: string): Promise<() => Promise<void>> =>
    embedded.subscribe({
      topic,
      name: unique(topic),
      handler,
      concurrency: 8,
      ackDeadlineMs: 10_000,
      maximumDeliveries: DEAD_LETTER_AFTER,
      ...(deadLetterTopic === undefined ? {} : { deadLetterTopic }),
    });

describeExecutionStore(
  NAME,
  of(({ executions }) => executions),
);
describeLocks(
  NAME,
  of(({ locks }) => locks),
);
describeNotificationStates(
  NAME,
  of(({ notifications }) => notifications),
);
describeListedCells<ActiveRollout>(
  NAME,
  [
    { format: 1, version: '2.1.0', since: 1 },
    { format: 1, version: '2.2.0', since: 2 },
  ],
  of(({ rollouts }) => rollouts),
);
describeBus(
  NAME,
  of((embedded) => ({
    bus: embedded.bus,
    subscribe: subscriber(embedded),
    subscribeWithDeadLetters: subscriber(embedded),
  })),
);
describeWakeUps(
  NAME,
  of((embedded) => ({ wakeUps: embedded.wakeUps, subscribe: subscriber(embedded) })),
);
describeBlobs(
  NAME,
  of(({ blobs }) => blobs),
);
describePipelines(
  NAME,
  of(({ pipelines, schedules }) => ({ pipelines, schedules })),
);
describeInbox(
  NAME,
  of(({ inbox }) => inbox),
);
describeProgressBoard(
  NAME,
  of(({ progress }) => progress),
);
describeHistory(
  NAME,
  of(({ history }) => history),
);
