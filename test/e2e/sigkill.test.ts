/** SIGKILL before and after each port call of one execution in turn: nothing is lost, and each side effect is there once. */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SLACK_CHANNELS, SLACK_TOKEN } from '../support/delivery.ts';
import { type FarEnd, startFarEnd } from '../support/far-end.ts';
import { plainEnvironment, runProcess } from '../support/processes.ts';
import { type SlackServer, startSlackServer } from '../support/slack-server.ts';
import type { Finished, SandboxWrite } from './sigkill-pipeline.ts';

const CHILD = fileURLToPath(new URL('./sigkill-child.ts', import.meta.url));
/** A process waits for a second of the execution's own, so some more than there are processors keep these busy. */
const AT_ONCE = availableParallelism() + 2;
/** Fewer moments than this would mean that they are not counted any more. */
const FEWEST_MOMENTS = 100;
const MOST_MOMENTS = 1_000;
/** How many calls there are differs by a few from run to run: this many in a row that come to their end are the end. */
const COMPLETE_IN_A_ROW = 2 * AT_ONCE;
/** Folders that one process goes on with at once. */
const FINISHED_TOGETHER = 60;
const SWEEP_MS = 400_000;

const parts = new AsyncDisposableStack();
let farEnd: FarEnd;
let slack: SlackServer;
let folder: string;
let env: { [name: string]: string };

async function child(...args: string[]): Promise<{ exit: number | null; stdout: string }> {
  const { exit, stdout, stderr } = await runProcess(process.execPath, [CHILD, ...args], { env, timeoutMs: SWEEP_MS });
  // Killed ones have no exit code.
  if (exit !== null && exit !== 0) throw new Error(`sigkill-child ${args.join(' ')} ended with ${exit}:\n${stderr}`);
  return { exit, stdout };
}

/** Kills an execution at moments 1, 2, 3, … until there are no more. Returns the moments at which one was killed. */
async function killAtEach(): Promise<number[]> {
  const killed: number[] = [];
  let next = 1;
  let completeInARow = 0;
  const worker = async (): Promise<void> => {
    while (completeInARow < COMPLETE_IN_A_ROW) {
      const moment = next++;
      if (moment > MOST_MOMENTS) throw new Error(`an execution has more than ${MOST_MOMENTS} moments`);
      const own = join(folder, String(moment));
      cpSync(join(folder, 'prepared'), own, { recursive: true });
      const { exit } = await child('run', own, String(moment));
      if (exit === null) killed.push(moment);
      completeInARow = exit === null ? 0 : completeInARow + 1;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return killed.toSorted((one, other) => one - other);
}

async function finishAll(moments: readonly number[]): Promise<Finished[]> {
  const batches = Math.ceil(moments.length / FINISHED_TOGETHER);
  const folders = Array.from({ length: batches }, (_, batch) =>
    moments.filter((_moment, index) => index % batches === batch).map((moment) => join(folder, String(moment))),
  );
  const outputs = await Promise.all(folders.map((some) => child('finish', ...some)));
  return outputs.flatMap(({ stdout }) =>
    stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Finished),
  );
}

function writesIn(own: string): SandboxWrite[] {
  const path = join(folder, own, 'writes');
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as SandboxWrite);
}

/** What those who saw the execution tell of it. */
function effectsOf({ folder: own, id, end, revision, history }: Finished) {
  const byObject = [...Map.groupBy(writesIn(own), ({ object }) => object)].toSorted(([one], [other]) =>
    one.localeCompare(other),
  );
  const keys = farEnd.effects('/hook').filter((key) => key.startsWith(`${id}/`));
  const posts = slack.topLevel().filter(({ metadata }) => metadata?.event_payload.execution === id);
  return {
    moment: Number(own),
    end,
    unannounced: revision - new Set(history).size,
    webhooks: keys.length,
    posts: posts.length,
    /** For each object: how often it was made, the versions that it had, and whether a lower fence ever came after a higher one. */
    objects: byObject.map(([object, writes]) => ({
      object,
      made: new Set(writes.map(({ uid }) => uid)).size,
      versions: new Set(writes.map(({ generation }) => generation)).size,
      isInOrder: writes.every(({ fence }, index) => compareFences(writes[index - 1]?.fence ?? fence, fence) <= 0),
    })),
  };
}

const MADE_ONCE = { made: 1, versions: 1, isInOrder: true };
/** What is right, at whichever moment the execution was killed. */
const EACH_ONCE = {
  end: 'succeeded',
  unannounced: 0,
  webhooks: 1,
  posts: 1,
  objects: [
    { object: 'ConfigMap settings', ...MADE_ONCE },
    { object: 'Deployment items-api', ...MADE_ONCE },
  ],
};

function compareFences(one: string, other: string): number {
  const [a, b] = [one, other].map((fence) => fence.split('.').map(Number));
  const differences = (a ?? []).map((part, index) => part - (b?.[index] ?? 0));
  return differences.find((difference) => difference !== 0) ?? 0;
}

describe('an execution that is killed', () => {
  beforeAll(async () => {
    farEnd = await startFarEnd();
    parts.defer(() => farEnd.stop());
    slack = await startSlackServer({ token: SLACK_TOKEN, channels: SLACK_CHANNELS });
    parts.defer(() => slack.close());
    folder = mkdtempSync(join(tmpdir(), 'gennaker-sigkill-'));
    parts.defer(() => rmSync(folder, { recursive: true, force: true }));
    env = plainEnvironment({
      // Half of a start is the compilation.
      NODE_COMPILE_CACHE: join(folder, 'compiled'),
      FAR_END: `${farEnd.url}/hook`,
      GENNAKER_ALLOWED_HOSTS: '127.0.0.1',
      GENNAKER_SECRET_SLACK_TOKEN: SLACK_TOKEN,
      GENNAKER_SLACK_API_URL: slack.url,
    });
    mkdirSync(join(folder, 'prepared'));
    await child('prepare', join(folder, 'prepared'));
  });
  afterAll(() => parts.disposeAsync());

  it(
    'at any port call goes on to its end, with each side effect once',
    async () => {
      const killed = await killAtEach();
      expect(killed.length).toBeGreaterThan(FEWEST_MOMENTS);
      const finished = await finishAll(killed);
      const effects = finished.map(effectsOf).toSorted((one, other) => one.moment - other.moment);
      expect(effects.map(({ moment }) => moment)).toEqual(killed);
      // Only those that are wrong, because there are many.
      const wrong = effects.filter(({ moment, ...effect }) => !isDeepStrictEqual(effect, EACH_ONCE));
      expect(wrong).toEqual([]);
      const repeated = farEnd.requests('/hook').length - farEnd.effects('/hook').length;
      console.info(`killed at ${killed.length} moments up to ${killed.at(-1)}; ${repeated} webhooks came twice`);
    },
    SWEEP_MS,
  );
});
