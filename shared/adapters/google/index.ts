/** All ports on Google Cloud. A function that needs few of them may open firestore.ts, pubsub.ts or tasks.ts alone. */
import type { Bus } from '../../ports/bus.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Random } from '../../ports/random.ts';
import type { WakeUps } from '../../ports/wake-ups.ts';
import type { DocumentParsers } from './executions.ts';
import { type FirestorePorts, openFirestore } from './firestore.ts';
import { openPubSub } from './pubsub.ts';
import { openCloudTasks, type WakeUpTargets } from './tasks.ts';

export type { DocumentParsers } from './executions.ts';
export type { WakeUpTargets } from './tasks.ts';

/** `127.0.0.1:<port>` of each emulator that stands in for Google; Google itself where none is named. */
export type EmulatorHosts = {
  readonly firestore?: string | undefined;
  readonly pubsub?: string | undefined;
  readonly cloudTasks?: string | undefined;
};

export type GoogleOptions = {
  readonly projectId: string;
  readonly region: string;
  /** `(default)` where none is given. */
  readonly databaseId?: string;
  readonly wakeUps: WakeUpTargets;
  readonly clock: Clock;
  /** How long what arrived is kept; 90 days where it is not said. */
  readonly inboxKeptMs?: number;
  /** For the jitter of repetitions. */
  readonly random?: Random;
  /** What stored documents go through when they are read. */
  readonly parse: DocumentParsers;
  readonly emulators?: EmulatorHosts;
};

export type Google = FirestorePorts & { readonly bus: Bus; readonly wakeUps: WakeUps };

/** Opening connects to nothing and loads nothing more: the first use does. */
export function openGoogle(options: GoogleOptions): Google {
  const { emulators = {} } = options;
  const firestore = openFirestore({ ...options, emulator: emulators.firestore });
  const bus = openPubSub({ ...options, emulator: emulators.pubsub });
  const wakeUps = openCloudTasks({ ...options, targets: options.wakeUps, emulator: emulators.cloudTasks });
  return {
    ...firestore,
    bus,
    wakeUps,
    async close() {
      await Promise.all([firestore, bus, wakeUps].map((part) => part.close()));
    },
  };
}

/** The emulators that the usual variables of the environment name. */
export function emulatorsOf(environment: { readonly [name: string]: string | undefined }): EmulatorHosts {
  return {
    firestore: environment.FIRESTORE_EMULATOR_HOST,
    pubsub: environment.PUBSUB_EMULATOR_HOST,
    cloudTasks: environment.CLOUD_TASKS_EMULATOR_HOST,
  };
}
