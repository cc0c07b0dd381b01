/** Starts a real Kubernetes control plane on loopback, with kwok as its kubelet, so that tests meet the API server's own behaviour. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { missingPrograms, programPath } from '../../infra/control-plane/binaries.ts';
import { requirePart } from './require.ts';

const NEEDED = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kwok'];
/** A start takes about 12 s; on a busy machine several times that. */
const START_TIMEOUT_MS = 90_000;
/** Ports are probed and then used, so another process may take one in between. */
const START_TRIES = 3;
const POLL_MS = 50;
const LOG_TAIL_CHARACTERS = 2_000;

/** Bearer tokens of the users that the control plane knows. */
const TOKENS = {
  /** May do everything. */
  admin: 'test-token-admin',
  /** Is known and may do nothing. */
  nobody: 'test-token-nobody',
} as const;

/** What every container writes: kwok runs nothing. */
export const CONTAINER_LOG: readonly string[] = ['connecting to db', '{"level":"info","message":"connected"}', 'done'];

export type ControlPlane = {
  /** A kubeconfig with one context for each user; the current one is the admin's. */
  kubeconfigPath: string;
  /** The context of the user that may do everything. */
  contextName: string;
  /** The context of a user that is known and may do nothing. */
  nobodyContextName: string;
  /** `https://127.0.0.1:PORT` */
  server: string;
  tokens: typeof TOKENS;
  /** Runs kubectl as admin against this control plane only, and returns what it printed. `input` is its stdin. */
  kubectl(args: string[], input?: string): string;
  /** Makes the API server unreachable, or reachable again: SIGSTOP and SIGCONT. */
  freeze(): void;
  thaw(): void;
  /** Ends every process that was started and removes the folder. May be called twice. */
  stop(): Promise<void>;
};

/** Whether every program was built; `node infra/control-plane/build.ts` builds them. */
export function controlPlaneAvailable(): boolean {
  return missingPrograms(NEEDED).length === 0;
}

/** Whether tests that need a control plane run; see requirePart. */
export function requireControlPlane(): boolean {
  const why = `${missingPrograms(NEEDED).join(', ')} not built; run \`node infra/control-plane/build.ts\` (needs Go)`;
  return requirePart('a Kubernetes control plane', controlPlaneAvailable(), why);
}

/** Starts a control plane of its own. Throws with the end of the failing program's log; nothing is left behind then. */
export async function startControlPlane(): Promise<ControlPlane> {
  for (let tried = 1; ; tried++) {
    const processes = new Processes();
    try {
      return await start(processes);
    } catch (error) {
      await processes.stop();
      if (tried >= START_TRIES) throw new Error(`the control plane did not start in ${tried} tries`, { cause: error });
    }
  }
}

async function start(processes: Processes): Promise<ControlPlane> {
  const { folder } = processes;
  const [clientPort, peerPort, securePort, kubeletPort] = await freePorts(4);
  const server = `https://127.0.0.1:${securePort}`;
  const kubeconfigPath = join(folder, 'kubeconfig.yaml');
  const deadline = Date.now() + START_TIMEOUT_MS;

  execFileSync('openssl', ['genrsa', '-out', join(folder, 'accounts.key'), '2048'], { stdio: 'pipe' });
  const users = [`${TOKENS.admin},admin,1,system:masters`, `${TOKENS.nobody},nobody,2`];
  writeFileSync(join(folder, 'tokens.csv'), `${users.join('\n')}\n`, { mode: 0o600 });

  processes.run('etcd', [
    `--data-dir=${join(folder, 'etcd-data')}`,
    `--listen-client-urls=http://127.0.0.1:${clientPort}`,
    `--advertise-client-urls=http://127.0.0.1:${clientPort}`,
    `--listen-peer-urls=http://127.0.0.1:${peerPort}`,
    `--initial-advertise-peer-urls=http://127.0.0.1:${peerPort}`,
    `--initial-cluster=default=http://127.0.0.1:${peerPort}`,
    '--unsafe-no-fsync',
  ]);
  const apiServer = processes.run('kube-apiserver', [
    `--etcd-servers=http://127.0.0.1:${clientPort}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${securePort}`,
    `--cert-dir=${join(folder, 'certificates')}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${join(folder, 'accounts.key')}`,
    `--service-account-signing-key-file=${join(folder, 'accounts.key')}`,
    `--token-auth-file=${join(folder, 'tokens.csv')}`,
    '--authorization-mode=RBAC',
    '--service-cluster-ip-range=10.0.0.0/24',
    // No kubelet makes tokens for pods here, and no node controller takes taints off again.
    '--disable-admission-plugins=ServiceAccount,TaintNodesByCondition',
  ]);
  const certificatePath = join(folder, 'certificates', 'apiserver.crt');
  await processes.until(deadline, 'the API server to be ready', async () => {
    if (!existsSync(certificatePath)) return false;
    return isReady(server, readFileSync(certificatePath));
  });
  writeFileSync(kubeconfigPath, kubeconfig(server, readFileSync(certificatePath)), { mode: 0o600 });

  processes.run('kube-controller-manager', [
    `--kubeconfig=${kubeconfigPath}`,
    '--leader-elect=false',
    '--secure-port=0',
    // A machine that stalls must not look like a node that died.
    '--controllers=*,-node-lifecycle-controller',
    `--service-account-private-key-file=${join(folder, 'accounts.key')}`,
  ]);
  processes.run('kube-scheduler', [`--kubeconfig=${kubeconfigPath}`, '--leader-elect=false', '--secure-port=0']);
  const logsPath = join(folder, 'container.log');
  const logLines = CONTAINER_LOG.map((line) => `2026-05-01T00:00:00.000000000Z stdout F ${line}\n`);
  writeFileSync(logsPath, logLines.join(''));
  const logs = { apiVersion: 'kwok.x-k8s.io/v1alpha1', kind: 'ClusterLogs', metadata: { name: 'every-container' } };
  writeFileSync(join(folder, 'logs.json'), JSON.stringify({ ...logs, spec: { logs: [{ logsFile: logsPath }] } }));
  processes.run('kwok', [
    `--kubeconfig=${kubeconfigPath}`,
    '--manage-all-nodes=true',
    `--config=${join(import.meta.dirname, 'kwok-stages.yaml')}`,
    `--config=${join(folder, 'logs.json')}`,
    // The API server fetches the logs of containers from here.
    '--node-ip=127.0.0.1',
    `--node-port=${kubeletPort}`,
    `--server-address=127.0.0.1:${kubeletPort}`,
    `--tls-cert-file=${certificatePath}`,
    `--tls-private-key-file=${join(folder, 'certificates', 'apiserver.key')}`,
  ]);

  const kubectl = (args: string[], input?: string) => runKubectl(kubeconfigPath, args, input);
  kubectl(['create', '-f', '-'], JSON.stringify(NODE));
  await processes.until(deadline, 'the node to be ready', async () => {
    const ready = '{.status.conditions[?(@.type=="Ready")].status}';
    return kubectl(['get', 'node', NODE.metadata.name, '-o', `jsonpath=${ready}`]) === 'True';
  });
  return {
    kubeconfigPath,
    contextName: 'admin',
    nobodyContextName: 'nobody',
    server,
    tokens: TOKENS,
    kubectl,
    freeze: () => apiServer.kill('SIGSTOP'),
    thaw: () => apiServer.kill('SIGCONT'),
    stop: () => processes.stop(),
  };
}

const NODE = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: {
    name: 'node-1',
    labels: { 'kubernetes.io/hostname': 'node-1', 'kubernetes.io/os': 'linux' },
    annotations: { 'kwok.x-k8s.io/node': 'fake' },
  },
};

/** The processes of one control plane and their folder, which end with it, with this process, or with a kill -9 of this process. */
class Processes {
  readonly folder = mkdtempSync(join(tmpdir(), 'gennaker-control-plane-'));
  readonly #children: { name: string; child: ChildProcess }[] = [];
  readonly #guardian: ChildProcess;
  #stopped: Promise<void> | undefined;

  constructor() {
    // Reads process ids until its stdin closes, which it does however this process ends; then it ends those
    // processes and removes the folder. Detached, so that Ctrl-C at a terminal does not end it first.
    const script =
      'while read -r pid; do pids="$pids $pid"; done; kill -CONT $pids; kill -KILL $pids; sleep 0.1; rm -rf "$0"';
    this.#guardian = spawn('sh', ['-c', script, this.folder], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
    this.#guardian.stdin?.on('error', () => {});
    this.#guardian.unref();
  }

  run(name: string, args: string[]): ChildProcess {
    const log = openSync(this.#logPath(name), 'a');
    const child = spawn(programPath(name), args, { cwd: this.folder, stdio: ['ignore', log, log] });
    closeSync(log);
    child.on('error', () => {});
    if (child.pid === undefined) throw new Error(`${name} could not be started from ${programPath(name)}`);
    this.#guardian.stdin?.write(`${child.pid}\n`);
    child.unref();
    this.#children.push({ name, child });
    return child;
  }

  /** Asks `isSo` until it is, and throws at the deadline or when a process has ended. */
  async until(deadline: number, what: string, isSo: () => Promise<boolean>): Promise<void> {
    while (!(await isSo())) {
      const ended = this.#children.find(({ child }) => child.exitCode !== null || child.signalCode !== null);
      const late = Date.now() > deadline;
      if (ended !== undefined || late) {
        const { name } = ended ?? this.#children[this.#children.length - 1] ?? { name: 'etcd' };
        const why = late ? `not within ${START_TIMEOUT_MS} ms` : `${name} ended`;
        const tail = readFileSync(this.#logPath(name), 'utf8').slice(-LOG_TAIL_CHARACTERS);
        throw new Error(`waiting for ${what}: ${why}; the log of ${name} ends with:\n${tail}`);
      }
      await sleep(POLL_MS);
    }
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    const ends = [...this.#children.map(({ child }) => child), this.#guardian].map((child) => {
      if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
      child.ref();
      return new Promise((resolve) => child.once('exit', resolve));
    });
    for (const { child } of this.#children) child.kill('SIGKILL');
    this.#guardian.stdin?.end();
    await Promise.all(ends);
    rmSync(this.folder, { recursive: true, force: true });
  }

  #logPath(name: string): string {
    return join(this.folder, `${name}.log`);
  }
}

/** Ports that were free just now. Held all at once while they are chosen, so that they differ. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve, reject) => {
          server.once('error', reject);
          server.listen(0, '127.0.0.1', () => {
            const address = server.address();
            if (address === null || typeof address === 'string') reject(new Error('a probed port has no number'));
            else resolve(address.port);
          });
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function isReady(server: string, certificateAuthority: Buffer): Promise<boolean> {
  return new Promise((resolve) => {
    const headers = { authorization: `Bearer ${TOKENS.admin}` };
    const asked = request(`${server}/readyz`, { ca: certificateAuthority, headers, timeout: 2_000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    asked.on('error', () => resolve(false));
    asked.on('timeout', () => asked.destroy());
    asked.end();
  });
}

/** JSON, which is YAML too. */
function kubeconfig(server: string, certificateAuthority: Buffer): string {
  const names = ['admin', 'nobody'] as const;
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'admin',
    clusters: [
      { name: 'test', cluster: { server, 'certificate-authority-data': certificateAuthority.toString('base64') } },
    ],
    users: names.map((name) => ({ name, user: { token: TOKENS[name] } })),
    contexts: names.map((name) => ({ name, context: { cluster: 'test', user: name } })),
  });
}

function runKubectl(kubeconfigPath: string, args: string[], input = ''): string {
  return execFileSync('kubectl', ['--kubeconfig', kubeconfigPath, ...args], { encoding: 'utf8', input });
}
