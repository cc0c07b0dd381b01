/**
 * Processes for sigkill.test.ts, each with the whole system on files of its own:
 * `node sigkill-child.ts run FOLDER KILL_AT` kills itself with SIGKILL at that moment of its execution: before the first
 * port call (1), after it (2), before the second (3), and so on. Where the execution has come to rest before, it ends with 0.
 * `node sigkill-child.ts finish FOLDER…` goes on with each folder at once until its execution has come to rest, and prints
 * a line of JSON for each.
 */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Clusters, openClusters } from '../../cli/system/clusters.ts';
import { type System, startSystem } from '../../cli/system/system.ts';
import type { Embedded } from '../../shared/adapters/embedded/index.ts';
import { systemClock } from '../../shared/adapters/system-clock.ts';
import { FENCE_ANNOTATION } from '../../shared/kubernetes/conditional-write.ts';
import { SLACK_LEASE_MS } from '../../shared/notifications/slack-channel.ts';
import type { Cluster, LiveObject, Manifest } from '../../shared/ports/cluster.ts';
import { requestRun } from '../../shared/use-cases/request-run.ts';
import { type FaultHooks, withFaults } from '../support/faults.ts';
import { CHANNEL, type Finished, PIPELINE, pipelineFile, type SandboxWrite } from './sigkill-pipeline.ts';

const LOOK_EVERY_MS = 20;
/** The execution itself takes a second. */
const REST_WITHIN_MS = 120_000;
/** Killed processes are followed as if the machine had been off for so long: what a killed sender held has run out. */
const OFF_MS = SLACK_LEASE_MS + 1_000;
/** So many systems at once keep a machine of two cores busy, and do not make it late. */
const STARTS_APART_MS = 50;
/** How much faster than ours the sandbox's time runs, so that its rollouts take no longer than all the rest. */
const SANDBOX_SPEED = 20;

const machineNow = Date.now;

/** The execution and everything that it caused are done with: nothing that is left on disk would do anything more. */
type Rest = Pick<Finished, 'end' | 'revision' | 'history'>;

async function open(folder: string, hooks: FaultHooks): Promise<{ system: System; opened: Embedded }> {
  let opened: Embedded | undefined;
  const clock = { now: () => machineNow() * SANDBOX_SPEED, after: afterInSandbox };
  const clusters = await openClusters({ contexts: [], folder, clock });
  const system = await startSystem({
    path: join(folder, 'gennaker.db'),
    clusters: observed(clusters, join(folder, 'writes'), hooks),
    port: 0,
    token: 'token-of-the-test',
    hookSecret: 'hook-secret-of-the-test',
    log: { write: () => undefined },
    environment: process.env,
    resolver: { resolve: async () => ({ digest: `sha256:${'c3'.repeat(32)}` }) },
    wrap: (ports) => {
      opened = ports;
      return withFaults(ports, hooks).ports;
    },
  });
  if (opened === undefined) throw new Error('the system was started without its ports');
  return { system, opened };
}

const afterInSandbox = (ms: number, run: () => void): (() => void) => systemClock.after(ms / SANDBOX_SPEED, run);

/** The clusters, with each call counted as a port call, and each write that took effect noted in a file. */
function observed(clusters: Clusters, path: string, hooks: FaultHooks): Clusters {
  const known = new Map<string, Cluster>();
  const wrap = (cluster: Cluster): Cluster => withFaults({ cluster: noting(cluster, path) }, hooks).ports.cluster;
  return {
    ...clusters,
    async clusterOf(target) {
      const cluster = known.get(target) ?? wrap(await clusters.clusterOf(target));
      known.set(target, cluster);
      return cluster;
    },
  };
}

function noting(cluster: Cluster, path: string): Cluster {
  const note = (is: SandboxWrite['is'], manifest: Manifest, result: LiveObject): LiveObject => {
    const { generation = 0, uid } = result.metadata;
    const fence = manifest.metadata.annotations?.[FENCE_ANNOTATION] ?? '';
    const write: SandboxWrite = { is, object: `${manifest.kind} ${manifest.metadata.name}`, fence, generation, uid };
    appendFileSync(path, `${JSON.stringify(write)}\n`);
    return result;
  };
  return {
    isNamespaced: (query) => cluster.isNamespaced(query),
    get: (query) => cluster.get(query),
    list: (query) => cluster.list(query),
    dryRun: (query) => cluster.dryRun(query),
    watch: (query) => cluster.watch(query),
    delete: (command) => cluster.delete(command),
    events: (query) => cluster.events(query),
    logs: (query) => cluster.logs(query),
    create: async (command) => note('create', command.manifest, await cluster.create(command)),
    apply: async (command) => note('apply', command.manifest, await cluster.apply(command)),
  };
}

/** Asks for the execution, as a client that repeats its request until it was answered, and never again. */
async function begin(folder: string, system: System): Promise<string> {
  const answered = join(folder, 'answered');
  if (existsSync(answered)) return readFileSync(answered, 'utf8');
  const accepted = await requestRun(
    { ...system.ports, clock: systemClock },
    { pipeline: PIPELINE, requestId: basename(folder), inputs: {}, images: { api: '1.0.0' }, by: 'the test' },
  );
  if (accepted.is !== 'accepted') throw new Error(`${folder} was not prepared: it has no pipeline ${PIPELINE}`);
  writeFileSync(answered, accepted.execution);
  return accepted.execution;
}

async function atRest(opened: Embedded, id: string): Promise<Rest | undefined> {
  const execution = (await opened.executions.readExecution({ id }))?.value;
  if (execution?.phase.is !== 'ended' || execution.sweepAt !== undefined) return undefined;
  const history = (await opened.history.read({ execution: id })).map(({ revision }) => revision);
  if (history.length < execution.revision) return undefined;
  const told = (await opened.notifications.read({ key: `slack/${id}/${CHANNEL}` }))?.value;
  if (told === undefined || told.revision < execution.revision || told.claim !== undefined) return undefined;
  return { end: execution.phase.end, revision: execution.revision, history };
}

async function untilRest(folder: string, opened: Embedded, id: string): Promise<Rest> {
  const latest = performance.now() + REST_WITHIN_MS;
  for (;;) {
    const rest = await atRest(opened, id);
    if (rest !== undefined) return rest;
    if (performance.now() > latest) {
      const found = await opened.executions.readExecution({ id });
      const history = await opened.history.read({ execution: id });
      throw new Error(`${folder}: ${id} is not at rest: ${JSON.stringify({ execution: found?.value, history })}`);
    }
    await sleep(LOOK_EVERY_MS);
  }
}

/** Makes the database with the pipeline in it, so that the moments that are counted are the execution's alone. */
async function prepare(folder: string): Promise<void> {
  const { system } = await open(folder, {});
  const applied = await system.apply(pipelineFile(process.env.FAR_END ?? ''));
  if (applied.is === 'refused') throw new Error(JSON.stringify(applied.problems));
  await system.stop();
}

async function run(folder: string, killAt: number): Promise<void> {
  let moment = Number.NaN;
  const pass = (): void => {
    moment += 1;
    if (moment === killAt) process.kill(process.pid, 'SIGKILL');
  };
  const world = await open(folder, { before: pass, after: pass });
  // What the start itself does is no part of the execution.
  moment = 0;
  await untilRest(folder, world.opened, await begin(folder, world.system));
  moment = Number.NaN;
  await world.system.stop();
}

async function finish(folder: string): Promise<void> {
  const world = await open(folder, {});
  const id = await begin(folder, world.system);
  const rest = await untilRest(folder, world.opened, id);
  await world.system.stop();
  const finished: Finished = { folder: basename(folder), id, ...rest };
  process.stdout.write(`${JSON.stringify(finished)}\n`);
}

const [task, ...rest] = process.argv.slice(2);
if (task === 'prepare') await prepare(rest[0] ?? '');
if (task === 'run') await run(rest[0] ?? '', Number(rest[1]));
if (task === 'finish') {
  Date.now = () => machineNow() + OFF_MS;
  await Promise.all(
    rest.map(async (folder, index) => {
      await sleep(index * STARTS_APART_MS);
      await finish(folder);
    }),
  );
}
