/** `gennaker up`: the whole system on this machine, with a sandbox cluster and two example pipelines where nothing else is asked for. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { IN_MEMORY } from '../shared/adapters/embedded/index.ts';
import { jsonLog } from '../shared/adapters/json-log.ts';
import { systemClock } from '../shared/adapters/system-clock.ts';
import type { Log } from '../shared/ports/log.ts';
import { digestOf } from './commands/push.ts';
import type { ClusterContext } from './commands/up-options.ts';
import { readConnection, writeLocalConnection } from './connection.ts';
import { CommandFailure } from './failure.ts';
import { openClusters } from './system/clusters.ts';
import { readLibrary } from './system/library.ts';
import { type System, startSystem } from './system/system.ts';

const EXAMPLES = ['items-api', 'likes-api', 'profile-api'];
const EXAMPLE_IMAGE = 'asia-northeast1-docker.pkg.dev/acme/items/items-api:1.2.3';
const SECRET_BYTES = 32;

export type UpOptions = {
  /** 0 takes any free port. */
  readonly port: number;
  readonly contexts: readonly ClusterContext[];
  readonly data?: string;
  readonly kubeconfig?: string;
  /** Aborts when the system is to stop. */
  readonly signal: AbortSignal;
};

/** Runs until the signal aborts, then stops cleanly. */
export async function up(options: UpOptions): Promise<void> {
  const folder = options.data === undefined ? undefined : resolve(options.data);
  if (folder !== undefined) mkdirSync(folder, { recursive: true, mode: 0o700 });
  const log = logOf(process.env);
  const { token, hookSecret } = await secretsOf();
  const clusters = await openClusters({ ...options, folder, clock: systemClock });
  const sandboxResolver = {
    resolve: async ({ repository, tag }: { repository: string; tag: string }) => ({
      digest: digestOf({ repository, tag }),
    }),
  };
  const system = await start(options.port, () =>
    startSystem({
      path: folder === undefined ? IN_MEMORY : join(folder, 'gennaker.db'),
      clusters,
      port: options.port,
      token,
      hookSecret,
      log,
      environment: process.env,
      resolver: clusters.isSandbox ? sandboxResolver : undefined,
    }),
  );
  await publishLibrary(system);
  const applied = clusters.isSandbox ? await applyExamples(system) : [];
  await writeLocalConnection({ url: system.url, token, hookSecret });
  process.stdout.write(greeting(system.url, clusters.targets, clusters.isSandbox, applied, folder));
  await new Promise<void>((done) => {
    if (options.signal.aborted) done();
    options.signal.addEventListener('abort', () => done(), { once: true });
  });
  await system.stop();
}

/** The secrets of an earlier start are kept, so that what was configured with them goes on working. */
async function secretsOf(): Promise<{ token: string; hookSecret: string }> {
  const { GENNAKER_URL: _, ...environment } = process.env;
  const known = await readConnection(environment);
  const fresh = (): string => randomBytes(SECRET_BYTES).toString('base64url');
  return { token: known.token ?? fresh(), hookSecret: known.hookSecret ?? fresh() };
}

async function start(port: number, run: () => Promise<System>): Promise<System> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') {
      throw new CommandFailure(`Port ${port} is taken. Choose another with --port, or --port 0 for any that is free.`, {
        cause: error,
      });
    }
    throw error;
  }
}

/** Publishes the versions of the library that are not published yet, the lowest first; a template of others stays as it is. */
async function publishLibrary({ templates, ports }: System): Promise<void> {
  for (const { name, version, file, text } of await readLibrary()) {
    const known = (await ports.templates.read({ key: name }))?.value.versions.map((one) => one.version) ?? [];
    if (known.includes(version)) continue;
    const published = await templates.publish({ file, text, by: 'gennaker' });
    if (published.is === 'refused' && known.length === 0) {
      throw new Error(`the template ${file} was refused: ${published.problems.map((one) => one.message).join('; ')}`);
    }
  }
}

/** Applies the examples that come with the project; those that a person has changed stay as they are. */
async function applyExamples(system: System): Promise<readonly string[]> {
  const names: string[] = [];
  for (const name of EXAMPLES) {
    names.push(name);
    if ((await system.ports.pipelines.get({ name })) !== undefined) continue;
    const folder = fileURLToPath(new URL(`../examples/${name}/`, import.meta.url));
    const file = join(folder, 'gennaker.yaml');
    const result = await system.apply({
      file: `examples/${name}/gennaker.yaml`,
      text: readFileSync(file, 'utf8'),
      files: textsIn(folder, file),
    });
    if (result.is === 'refused') {
      throw new Error(`the example ${name} was refused: ${result.problems.map((one) => one.message).join('; ')}`);
    }
  }
  return names;
}

function textsIn(folder: string, except: string): { [path: string]: string } {
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((path) => join(folder, path));
  const files = paths.filter((path) => path !== except && statSync(path).isFile());
  return Object.fromEntries(files.map((path) => [relative(folder, path), readFileSync(path, 'utf8')]));
}

function greeting(
  url: string,
  targets: readonly string[],
  isSandbox: boolean,
  applied: readonly string[],
  folder: string | undefined,
): string {
  const clusters = isSandbox ? `a sandbox cluster in ${targets.join(', ')}` : `the clusters ${targets.join(', ')}`;
  const kept =
    folder === undefined ? 'nothing is kept after it stops (--data DIR keeps it)' : `its state is in ${folder}`;
  const next = isSandbox
    ? ['', 'Next, in a second terminal:', `  npx gennaker push ${EXAMPLE_IMAGE}`, '  npx gennaker watch']
    : ['', 'Next: npx gennaker apply FILE'];
  return `${[
    `Gennaker is ready at ${url}, with ${clusters};`,
    `${kept}.`,
    ...(applied.length > 0 ? [`Pipelines: ${applied.join(', ')}.`] : []),
    ...next,
    '',
  ].join('\n')}`;
}

/** Warnings and errors for people; with GENNAKER_LOG=json everything, as Cloud Logging takes it. */
function logOf(environment: { readonly [name: string]: string | undefined }): Log {
  const write = (line: string): void => {
    process.stderr.write(line);
  };
  if (environment.GENNAKER_LOG === 'json') return jsonLog({ write, now: () => Date.now() });
  return {
    write(severity, message, fields = {}) {
      if (severity !== 'WARNING' && severity !== 'ERROR') return;
      const { error, ...rest } = fields;
      const told = error instanceof Error ? `: ${error.message}` : '';
      const detail = Object.keys(rest).length === 0 ? '' : ` ${JSON.stringify(rest)}`;
      write(`${severity.toLowerCase()}  ${message}${told}${detail}\n`);
    },
  };
}
