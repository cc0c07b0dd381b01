/** Turns what an admin configured for a target into an address, credentials and one connection pool. */
import { Agent as HttpAgent } from 'node:http';
import { Agent, type AgentOptions, type RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import { ClusterError } from '../ports/cluster.ts';

/** How long credentials are used before they are asked for again; a 401 asks at once. */
const CREDENTIALS_MS = 10_000;
/** Each watch holds a connection; a stage has up to about a dozen. */
const MAXIMUM_SOCKETS = 256;
/** After this long without traffic the kernel probes the connection, so that a dead peer is noticed. */
const PROBE_AFTER_MS = 10_000;

/** Where a cluster is and who asks: a context of a kubeconfig file, or an address with a source of bearer tokens. */
export type ClusterAccess =
  | { readonly kubeconfigPath: string; readonly contextName: string }
  | {
      /** `https://…` */
      readonly server: string;
      /** PEM; without it the system's authorities count. */
      readonly certificateAuthority?: string;
      /** Called now and then; it caches what is worth caching. */
      readonly token: () => Promise<string>;
    };

/** What a request needs besides its path. */
export type Connection = {
  readonly server: URL;
  readonly headers: { readonly [name: string]: string };
  readonly agent: Agent | HttpAgent;
};

/** Prepares connections for one target; all of them share one pool for as long as the TLS settings stay the same. */
export class Connector {
  readonly #access: ClusterAccess;
  #config: Promise<KubeConfig> | undefined;
  #pool: { key: string; agent: Agent | HttpAgent } | undefined;
  #prepared: { connection: Promise<Connection>; until: number } | undefined;

  constructor(access: ClusterAccess) {
    this.#access = access;
  }

  /** The connection to use now. Throws ClusterError where the configuration is wrong or credentials cannot be had. */
  connection(): Promise<Connection> {
    if (this.#prepared === undefined || this.#prepared.until <= performance.now()) {
      this.#prepared = { connection: this.#prepare(), until: performance.now() + CREDENTIALS_MS };
      this.#prepared.connection.catch(() => this.forget());
    }
    return this.#prepared.connection;
  }

  /** Has the credentials asked for again, because the cluster refused them. */
  forget(): void {
    this.#prepared = undefined;
  }

  /** Ends idle and busy connections. */
  close(): void {
    this.#pool?.agent.destroy();
    this.#pool = undefined;
    this.#prepared = undefined;
  }

  async #prepare(): Promise<Connection> {
    const access = this.#access;
    if ('server' in access) {
      const { certificateAuthority } = access;
      const tls = certificateAuthority === undefined ? {} : { ca: certificateAuthority };
      const token = await access.token().catch((error: unknown) => {
        // Not the cluster's refusal: whoever gives tokens may do so again in a moment.
        throw new ClusterError('unreachable', `no token could be had for the cluster at ${access.server}`, {
          cause: error,
        });
      });
      const server = new URL(access.server);
      return { server, headers: { authorization: `Bearer ${token}` }, agent: this.#agent(server, tls) };
    }
    return this.#prepareFromKubeconfig(access.kubeconfigPath, access.contextName);
  }

  async #prepareFromKubeconfig(path: string, contextName: string): Promise<Connection> {
    const where = `context ${contextName} of ${path}`;
    this.#config ??= loadKubeconfig(path, contextName);
    const config = await this.#config.catch((error: unknown) => {
      this.#config = undefined;
      throw error;
    });
    const cluster = config.getCurrentCluster();
    if (cluster === null) throw new ClusterError('other', `${where} names a cluster that the file does not have`);
    const options: RequestOptions = {};
    try {
      await config.applyToHTTPSOptions(options);
    } catch (error) {
      throw new ClusterError('unauthorized', `no credentials could be had for ${where}`, { cause: error });
    }
    const headers: { [name: string]: string } = {};
    for (const [name, value] of Object.entries(options.headers ?? {})) headers[name.toLowerCase()] = String(value);
    if (typeof options.auth === 'string') {
      headers.authorization = `Basic ${Buffer.from(options.auth).toString('base64')}`;
    }
    const server = new URL(cluster.server);
    // A proxy's agent is client-node's own; for everything else a pool that keeps connections alive.
    const proxied = cluster.proxyUrl === undefined ? undefined : options.agent;
    const agent = proxied instanceof HttpAgent ? proxied : this.#agent(server, tlsOptions(options));
    return { server, headers, agent };
  }

  #agent(server: URL, tls: AgentOptions): Agent | HttpAgent {
    const key = JSON.stringify([server.origin, tls]);
    if (this.#pool?.key !== key) {
      // The old pool is left to its open requests; its idle connections close by themselves.
      const settings = { keepAlive: true, keepAliveMsecs: PROBE_AFTER_MS, maxSockets: MAXIMUM_SOCKETS };
      const agent = server.protocol === 'http:' ? new HttpAgent(settings) : new Agent({ ...settings, ...tls });
      this.#pool = { key, agent };
    }
    return this.#pool.agent;
  }
}

function tlsOptions(options: RequestOptions): AgentOptions {
  const tls: AgentOptions = {};
  if (options.ca !== undefined) tls.ca = options.ca;
  if (options.cert !== undefined) tls.cert = options.cert;
  if (options.key !== undefined) tls.key = options.key;
  if (options.pfx !== undefined) tls.pfx = options.pfx;
  if (options.passphrase !== undefined) tls.passphrase = options.passphrase;
  if (options.rejectUnauthorized !== undefined) tls.rejectUnauthorized = options.rejectUnauthorized;
  if (options.servername !== undefined) tls.servername = options.servername;
  return tls;
}

/** Loads the file lazily: client-node takes about a second to import, which only real clusters are to cost. */
async function loadKubeconfig(path: string, contextName: string): Promise<KubeConfig> {
  const { KubeConfig: Loader } = await import('@kubernetes/client-node');
  const config = new Loader();
  try {
    config.loadFromFile(path);
  } catch (error) {
    throw new ClusterError('other', `the kubeconfig ${path} could not be read`, { cause: error });
  }
  if (config.getContextObject(contextName) === null) {
    const known = config.getContexts().map((context) => context.name);
    throw new ClusterError('other', `the kubeconfig ${path} has no context ${contextName}, only ${known.join(', ')}`);
  }
  config.setCurrentContext(contextName);
  return config;
}
