/**
 * Records executions in the middle of their life as the present code stores them. `node test/stored/record.ts FOLDER`
 * writes one file for each into a new folder beside this file: to be run once for each new stored format (then
 * `npx biome check --write test/stored`). What earlier formats left stays as it is.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Execution } from '../../shared/core/run.ts';
import { wait } from '../../shared/stages/wait/index.ts';
import { restartExecution } from '../../shared/use-cases/restart-execution.ts';
import { signalStage } from '../../shared/use-cases/signal-stage.ts';
import { cancelExecution } from '../../shared/use-cases/stop-execution.ts';
import { type EngineBench, openBench, scripted } from '../support/engine-bench.ts';

/** The documents of a store at one moment, as they lie in it. */
export type History = {
  /** Epoch ms. */
  readonly at: number;
  /** How each execution has to end. */
  readonly ends: { readonly [id: string]: string };
  readonly executions: readonly unknown[];
  readonly runs: readonly unknown[];
  readonly groups: readonly { readonly key: string; readonly value: unknown }[];
  /** The blobs that the executions' `plan` addresses. */
  readonly plans: readonly string[];
};

type Scene = {
  readonly ends: { readonly [id: string]: string };
  /** Brings the executions to where they are recorded. */
  readonly play: (bench: EngineBench) => Promise<void>;
};

const retry = { attempts: 2, backOffMs: 60_000, maximumBackOffMs: 60_000 };

/** Loses the worker of the next message directly after its claim. */
async function loseWorker(bench: EngineBench): Promise<void> {
  bench.hooks = {
    after: ({ method }) => {
      if (method === 'commit') throw new Error('the worker was lost');
    },
  };
  await bench.deliver();
  bench.hooks = {};
}

const go = (bench: EngineBench) =>
  signalStage(bench.engine, {
    execution: 'e1',
    stage: 'release',
    signal: { id: 's1', name: 'go', value: { by: 'mia' } },
  });

const SCENES: { readonly [name: string]: Scene } = {
  ready: {
    ends: { e1: 'succeeded' },
    play: async (bench) => {
      await bench.start('e1', {
        stages: [
          scripted('build', ['again']),
          scripted('scan', ['fail'], { onFailure: { then: 'continue', others: 'finish' } }),
          scripted('holiday', [], { skip: 'It is no holiday.', needs: ['build'] }),
          scripted('release', ['again'], { target: 'jp', needs: ['build', 'scan', 'holiday'] }),
        ],
      });
      for (let count = 0; count < 4; count += 1) await bench.deliver();
    },
  },
  queued: {
    ends: { e1: 'succeeded', e2: 'cancelled', e3: 'succeeded' },
    play: async (bench) => {
      for (const id of ['e1', 'e2', 'e3']) await bench.start(id, { stages: [scripted('release', ['wait'])] });
      await bench.settle();
    },
  },
  'replacing-who-runs': {
    ends: { e1: 'cancelled', e2: 'succeeded' },
    play: async (bench) => {
      const concurrency = { group: 'items-api', limit: 1, whenBusy: 'cancel-running' } as const;
      await bench.start('e1', { stages: [scripted('release', ['wait'])], concurrency });
      await bench.settle();
      await bench.start('e2', { stages: [scripted('release', ['wait'])], concurrency });
    },
  },
  'waiting-for-a-time': {
    ends: { e1: 'succeeded' },
    play: async (bench) => {
      await bench.start('e1', { stages: [scripted('pause', [], { kind: 'wait', with: { for: '20m' } })] });
      await bench.settle();
    },
  },
  'waiting-for-a-signal': {
    ends: { e1: 'succeeded' },
    play: async (bench) => {
      await bench.start('e1', { stages: [scripted('release', ['signal', 'signal'])] });
      await go(bench);
      await bench.settle();
    },
  },
  'signal-in-the-mail': {
    ends: { e1: 'succeeded' },
    play: async (bench) => {
      await bench.start('e1', { stages: [scripted('release', ['signal'])] });
      await bench.settle();
      await go(bench);
    },
  },
  'retrying-later': {
    ends: { e1: 'succeeded' },
    play: async (bench) => {
      await bench.start('e1', {
        stages: [scripted('release', ['retry'], { retry }), scripted('tell', ['repeat'], { retry })],
      });
      await bench.settle();
    },
  },
  claimed: {
    ends: { e1: 'succeeded' },
    play: async (bench) => {
      await bench.start('e1', { stages: [scripted('release', ['again'])] });
      await bench.deliver();
      await loseWorker(bench);
    },
  },
  stopping: {
    ends: { e1: 'cancelled' },
    play: async (bench) => {
      await bench.start('e1', {
        stages: [scripted('release', ['wait']), scripted('tell', [], { needs: ['release'] })],
      });
      await bench.settle();
      await cancelExecution(bench.engine, { id: 'e1', by: 'Aki', reason: 'wrong tag' });
    },
  },
  'stopping-at-work': {
    ends: { e1: 'cancelled' },
    play: async (bench) => {
      await bench.start('e1', { stages: [scripted('release', ['again'])] });
      await loseWorker(bench);
      bench.lose();
      await cancelExecution(bench.engine, { id: 'e1', by: 'Aki' });
      await bench.settle();
    },
  },
  'stop-step-claimed': {
    ends: { e1: 'failed' },
    play: async (bench) => {
      await bench.start('e1', { stages: [scripted('other', ['wait']), scripted('release', ['fail'])] });
      await bench.deliver();
      await bench.deliver();
      bench.hooks = {
        before: ({ method, argument }) => {
          if (method === 'commit' && (argument as { writes: readonly unknown[] }).writes.length > 1) {
            throw new Error('the worker was lost');
          }
        },
      };
      await bench.deliver();
      bench.hooks = {};
    },
  },
  'ended-and-not-told': {
    ends: { e1: 'succeeded', e2: 'succeeded' },
    play: async (bench) => {
      const concurrency = { group: 'items-api', limit: 1, whenBusy: 'queue' } as const;
      for (const id of ['e1', 'e2']) await bench.start(id, { stages: [scripted('release')], concurrency });
      bench.hooks = {
        before: ({ method }) => {
          if (method === 'publish') throw new Error('the bus is away');
        },
      };
      await bench.deliver();
      bench.hooks = {};
    },
  },
  restarted: {
    ends: { e1: 'failed', e2: 'failed' },
    play: async (bench) => {
      await bench.start('e1', { stages: [scripted('build'), scripted('release', ['fail'], { needs: ['build'] })] });
      await bench.sweepUntilRest(5);
      await restartExecution(bench.engine, { id: 'e1', by: 'Aki' }, () => 'e2');
    },
  },
};

/** Plays every scene and takes what lies in the store then. */
export async function recordHistories(): Promise<ReadonlyMap<string, History>> {
  const histories = new Map<string, History>();
  for (const [name, { ends, play }] of Object.entries(SCENES)) {
    await using bench = openBench({ kinds: [wait] });
    await play(bench);
    histories.set(name, await takeHistory(bench, ends));
  }
  return histories;
}

async function takeHistory(bench: EngineBench, ends: History['ends']): Promise<History> {
  const { executions: store, blobs } = bench.engine;
  const executions = await store.list({ limit: 100 });
  const runs = await Promise.all(executions.map(({ id }) => store.readRuns({ execution: id })));
  const keys = [...new Set(executions.map(({ group }) => group))];
  return {
    at: bench.clock.now(),
    ends,
    executions,
    runs: runs.flat().map((run) => run.value),
    groups: await Promise.all(keys.map(async (key) => ({ key, value: await bench.group(key) }))),
    plans: await Promise.all(hashesOf(executions).map(async (hash) => (await blobs.get({ hash })) ?? '')),
  };
}

const hashesOf = (executions: readonly Execution[]): readonly string[] => [
  ...new Set(executions.map(({ plan }) => plan)),
];

if (import.meta.main) {
  const [name] = process.argv.slice(2);
  if (name === undefined) throw new Error('say into which new folder: node test/stored/record.ts format-2');
  const folder = join(import.meta.dirname, name);
  await mkdir(folder);
  for (const [scene, history] of await recordHistories()) {
    await writeFile(join(folder, `${scene}.json`), `${JSON.stringify(history, undefined, 2)}\n`);
  }
}
