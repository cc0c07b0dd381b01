/** Files that were made to do harm, read in a process with little memory: each is refused, soon and in few words. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { HOSTILE_FILES } from '../../test/support/hostile-files.ts';

const CHILD = fileURLToPath(new URL('../../test/support/hostile-child.ts', import.meta.url));
/** What the heap of the reader may grow to, in MiB; with the program itself that is less than 200 MB. */
const HEAP = ['--max-old-space-size=84', '--max-semi-space-size=2'];
const MOST_BYTES = 200_000_000;
/** Each takes less than a second of an idle machine; a busy one is given more. */
const MOST_CPU_MS = 5_000;
const RUN_LIMIT_MS = 150_000;

const line = z.object({
  name: z.string(),
  cpuMs: z.number(),
  told: z.number(),
  longest: z.number(),
  peakBytes: z.number(),
});
const measured = new Map<string, z.output<typeof line>>();
/** What is only much, and not wrong. */
const RIGHT = ['thousands of right expressions', 'inputs in inputs', 'lists of lists of inputs'];

beforeAll(async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [...HEAP, CHILD], { timeout: RUN_LIMIT_MS });
  for (const text of stdout.trim().split('\n')) {
    const one = line.parse(JSON.parse(text));
    measured.set(one.name, one);
  }
}, RUN_LIMIT_MS);

describe('refused within its time and memory:', () => {
  it.each(Object.keys(HOSTILE_FILES))('%s', (name) => {
    const one = measured.get(name);
    expect(one, 'the reader has come so far').toBeDefined();
    expect(one?.cpuMs).toBeLessThan(MOST_CPU_MS);
    expect(one?.peakBytes).toBeLessThan(MOST_BYTES);
    expect(one?.longest).toBeLessThan(1_000);
    expect(one?.told === 0).toBe(RIGHT.includes(name));
    expect(one?.told).toBeLessThanOrEqual(500);
  });
});
