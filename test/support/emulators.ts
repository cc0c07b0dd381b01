/** Starts the Firestore and Pub/Sub emulators of the Cloud SDK and the Cloud Tasks emulator, because the Google adapters are tested against them. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { missingPrograms, programPath } from '../../infra/control-plane/binaries.ts';
import { requirePart } from './require.ts';

/** Generous, because a JVM that starts beside a compiler on two cores may take half a minute. */
const READY_WITHIN_MS = 90_000;
const LOOK_EVERY_MS = 50;
/** Someone else may take the free port between our look and the emulator's bind. */
const START_TRIES = 3;
const KEPT_OUTPUT_CHARACTERS = 4_000;

export type Emulator = {
  /** `127.0.0.1:<port>` */
  readonly host: string;
  /** Ends the emulator and every process that it started. */
  stop(): Promise<void>;
};

export type CloudTasksEmulator = Emulator & {
  /** The `iss` of the tokens that it sends with tasks; at `jwksUrl` are its keys. */
  readonly issuer: string;
  readonly jwksUrl: string;
};

type Queue = { projectId: string; region: string; queue: string };

/** Whether the Firestore emulator can be started; where not, the reason is reported. */
export function hasFirestoreEmulator(): boolean {
  return hasSdkPart('cloud-firestore-emulator', FIRESTORE_PROGRAM);
}

/** Whether the Pub/Sub emulator can be started; where not, the reason is reported. */
export function hasPubSubEmulator(): boolean {
  return hasSdkPart('pubsub-emulator', PUBSUB_PROGRAM);
}

/** Whether the Cloud Tasks emulator was built; where not, the reason is reported. */
export function hasCloudTasksEmulator(): boolean {
  return requirePart(
    'the Cloud Tasks emulator',
    missingPrograms([CLOUD_TASKS_PROGRAM]).length === 0,
    'it is not built yet; run `node infra/control-plane/build.ts`',
  );
}

export function startFirestoreEmulator(): Promise<Emulator> {
  return start({
    name: 'the Firestore emulator',
    command: sdkPath(FIRESTORE_PROGRAM),
    arguments: (port) => ['start', '--host=127.0.0.1', `--port=${port}`],
    isReady: answersHttp,
  });
}

export async function startPubSubEmulator(): Promise<Emulator> {
  const folder = mkdtempSync(join(tmpdir(), 'gennaker-pubsub-'));
  const emulator = await start({
    name: 'the Pub/Sub emulator',
    command: sdkPath(PUBSUB_PROGRAM),
    arguments: (port) => ['--host=127.0.0.1', `--port=${port}`, `--data-dir=${folder}`],
    isReady: answersHttp,
  });
  return {
    host: emulator.host,
    async stop() {
      await emulator.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Starts the Cloud Tasks emulator with these queues. It signs what it sends, as an OpenID issuer of its own. */
export async function startCloudTasksEmulator({ queues }: { queues: readonly Queue[] }): Promise<CloudTasksEmulator> {
  const issuerPort = await freePort();
  const issuer = `http://127.0.0.1:${issuerPort}`;
  const emulator = await start({
    name: 'the Cloud Tasks emulator',
    command: programPath(CLOUD_TASKS_PROGRAM),
    arguments: (port) => [
      '-host=127.0.0.1',
      `-port=${port}`,
      `-openid-issuer=${issuer}`,
      ...queues.map(
        ({ projectId, region, queue }) => `-queue=projects/${projectId}/locations/${region}/queues/${queue}`,
      ),
    ],
    isReady: async (port) => (await acceptsConnections(port)) && (await acceptsConnections(issuerPort)),
  });
  return { ...emulator, issuer, jwksUrl: await correctedKeys(`${issuer}/jwks`) };
}

/** A `data:` URL of the keys, because the emulator's own list of them names an algorithm that does not exist. */
async function correctedKeys(url: string): Promise<string> {
  const { keys } = (await (await fetch(url)).json()) as { keys: object[] };
  const corrected = { keys: keys.map((key) => ({ ...key, alg: 'RS256' })) };
  return `data:application/json,${encodeURIComponent(JSON.stringify(corrected))}`;
}

/** A port of 127.0.0.1 on which nothing listened just now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
  return address.port;
}

const FIRESTORE_PROGRAM = 'cloud-firestore-emulator/cloud_firestore_emulator';
const PUBSUB_PROGRAM = 'pubsub-emulator/bin/cloud-pubsub-emulator';
const CLOUD_TASKS_PROGRAM = 'cloud-tasks-emulator';

let sdkRoot: string | undefined;

/** The folder of the installed Cloud SDK, or undefined where `gcloud` is not installed. Asking takes gcloud a second. */
function cloudSdkRoot(): string | undefined {
  if (sdkRoot !== undefined) return sdkRoot;
  try {
    sdkRoot = execFileSync('gcloud', ['info', '--format=value(installation.sdk_root)'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
    return sdkRoot;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new Error('gcloud could not say where the Cloud SDK is; try `gcloud info`', { cause: error });
  }
}

function sdkPath(program: string): string {
  return join(cloudSdkRoot() ?? '', 'platform', program);
}

function hasSdkPart(component: string, program: string): boolean {
  const root = cloudSdkRoot();
  const why =
    root === undefined
      ? 'gcloud is not installed'
      : `${component} is not; run \`gcloud components install ${component}\``;
  return requirePart(`the Cloud SDK's ${component}`, root !== undefined && existsSync(sdkPath(program)), why);
}

type Program = {
  name: string;
  command: string;
  arguments: (port: number) => string[];
  isReady: (port: number) => Promise<boolean>;
};

async function start(program: Program): Promise<Emulator> {
  let last: unknown;
  for (let tries = 0; tries < START_TRIES; tries++) {
    try {
      return await startOnce(program);
    } catch (error) {
      last = error;
    }
  }
  throw new Error(`${program.name} did not start in ${START_TRIES} tries`, { cause: last });
}

/**
 * Runs a program until standard input ends, and with it every process that it started: so a test run that is killed
 * leaves nothing behind. The group is one of its own, because the SDK's scripts start a JVM that outlives them.
 */
const UNTIL_INPUT_ENDS = '("$0" "$@" </dev/null; echo "exit code $?" >&2; kill -KILL 0) & cat >/dev/null; kill -KILL 0';

async function startOnce(program: Program): Promise<Emulator> {
  const port = await freePort();
  const child = spawn('sh', ['-c', UNTIL_INPUT_ENDS, program.command, ...program.arguments(port)], { detached: true });
  let output = '';
  const keep = (chunk: Buffer) => {
    output = (output + chunk.toString('utf8')).slice(-KEPT_OUTPUT_CHARACTERS);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  await once(child, 'spawn');

  const giveUpAt = performance.now() + READY_WITHIN_MS;
  while (performance.now() < giveUpAt && isRunning(child)) {
    if (await program.isReady(port)) return { host: `127.0.0.1:${port}`, stop: () => endGroup(child) };
    await sleep(LOOK_EVERY_MS);
  }
  const why = isRunning(child) ? `not ready within ${READY_WITHIN_MS} ms` : 'it has ended';
  await endGroup(child);
  throw new Error(`${program.name} on port ${port}: ${why}\n${output}`);
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}

/** Kills the whole group: an emulator keeps nothing that would be worth a slower end. */
async function endGroup(child: ChildProcess): Promise<void> {
  if (!isRunning(child) || child.pid === undefined) return;
  const ended = once(child, 'exit');
  process.kill(-child.pid, 'SIGKILL');
  await ended;
}

async function answersHttp(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(2_000) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}

async function acceptsConnections(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
