/** What was acknowledged is there after a SIGKILL at any moment, and a message that kills its process is buried in the end. */
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openEmbedded } from '../../shared/adapters/embedded/index.ts';
import { systemClock } from '../../shared/adapters/system-clock.ts';
import { documentParsers } from '../../shared/use-cases/documents.ts';
import { PATIENCE } from './samples.ts';

const CHILD = fileURLToPath(new URL('./embedded-child.ts', import.meta.url));
const KILLS = 5;
const LONGEST_LIFE_MS = 300;
/** A first life whose delivery nobody counted, two that were counted, and the one that buries the message. */
const POISONED_LIVES = 4;

/** Runs the child until it is killed: by itself, or `lifeMs` after its first line. Returns its lines and what ended it. */
async function live(task: 'write' | 'poison', path: string, first: number, lifeMs: number) {
  const child = spawn(process.execPath, [CHILD, task, path, String(first)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  let timer: NodeJS.Timeout | undefined;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    timer ??= setTimeout(() => child.kill('SIGKILL'), lifeMs);
  });
  const [, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  clearTimeout(timer);
  // The last line may be cut short by the kill.
  return { lines: output.split('\n').slice(0, -1), signal };
}

describe('the embedded database', () => {
  let folder: string;
  let path: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gennaker-durability-'));
    path = join(folder, 'gennaker.db');
  });
  afterEach(() => rm(folder, { recursive: true }));

  it(`has all that was acknowledged before each of ${KILLS} kills`, async () => {
    const expected = new Set<number>();
    const arrived = new Set<string>();
    let first = 1;
    for (let kill = 0; kill < KILLS; kill += 1) {
      const { lines, signal } = await live('write', path, first, randomInt(LONGEST_LIFE_MS));
      expect(signal).toBe('SIGKILL');
      for (const line of lines) expected.add(Number(line));

      const embedded = openEmbedded({ path, clock: systemClock, parse: documentParsers });
      await embedded.subscribe({
        topic: 'work',
        name: 'kept',
        handler: async ({ data }) => {
          arrived.add(data);
          return 'done';
        },
        concurrency: 100,
        ackDeadlineMs: 10_000,
        maximumDeliveries: 5,
      });
      for (const number of expected) {
        const id = `items-${number}`;
        expect((await embedded.executions.readExecution({ id }))?.value.revision).toBe(number);
        expect((await embedded.executions.readRun({ execution: id, stage: 'release' }))?.value.step).toBe(number);
        expect(await embedded.history.read({ execution: id })).toHaveLength(1);
      }
      const missing = () =>
        [...expected].filter((number) => !arrived.has(`message-${number}`) || !arrived.has(`wake-up-${number}`));
      await expect.poll(missing, PATIENCE).toEqual([]);
      await embedded.close();
      // What the child had begun when it was killed may be there as well.
      first = Math.max(...expected) + 2;
    }
    expect(expected.size).toBeGreaterThan(KILLS);
  });

  it('buries a message that kills each process that handles it', async () => {
    const lives: string[] = [];
    for (let life = 1; life <= POISONED_LIVES; life += 1) {
      const { lines } = await live('poison', path, life, 0);
      lives.push(lines.join());
    }
    expect(lives).toEqual(['delivered', 'delivered', 'delivered', 'buried 2']);
  });
});
