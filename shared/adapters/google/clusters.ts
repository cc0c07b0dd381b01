/** The clusters of the configured targets: GKE by its DNS endpoint and the function's own identity, or a kubeconfig's context. */
import type { GoogleAuth } from 'google-auth-library';
import { z } from 'zod';
import type { KubernetesCluster } from '../../kubernetes/client.ts';
import { ClusterError, type ClusterErrorCode } from '../../ports/cluster.ts';
import { TerminalError } from '../../stages/kind.ts';

export type TargetAccess =
  /** `projects/<project>/locations/<location>/clusters/<cluster>` */
  { readonly cluster: string } | { readonly kubeconfig: string; readonly context: string };

const GKE_SCOPE = 'https://www.googleapis.com/auth/cloud-platform';
const GKE_API = 'https://container.googleapis.com/v1';

/** The part of GKE's Cluster that says where its API is (projects.locations.clusters.get). */
const gkeCluster = z.object({
  endpoint: z.string().optional(),
  masterAuth: z.object({ clusterCaCertificate: z.string().optional() }).optional(),
  controlPlaneEndpointsConfig: z
    .object({ dnsEndpointConfig: z.object({ endpoint: z.string().optional() }).optional() })
    .optional(),
});

/** Each cluster is opened once, with one pool of connections. Throws TerminalError for a target that is not configured. */
export function configuredClusters(targets: {
  readonly [name: string]: TargetAccess;
}): (target: string) => Promise<KubernetesCluster> {
  const opened = new Map<string, Promise<KubernetesCluster>>();
  return (name) => {
    const access = Object.hasOwn(targets, name) ? targets[name] : undefined;
    if (access === undefined) {
      const known = Object.keys(targets).join(', ') || 'none';
      return Promise.reject(new TerminalError(`No target is called ${name}; there are ${known}.`));
    }
    const cluster = opened.get(name) ?? open(access);
    opened.set(name, cluster);
    // A cluster that could not be found now is looked for again at the next step.
    cluster.catch(() => opened.delete(name));
    return cluster;
  };
}

async function open(access: TargetAccess): Promise<KubernetesCluster> {
  const { openCluster } = await import('../../kubernetes/client.ts');
  if ('kubeconfig' in access) {
    return openCluster({ access: { kubeconfigPath: access.kubeconfig, contextName: access.context } });
  }
  const { GoogleAuth } = await import('google-auth-library');
  const auth = new GoogleAuth({ scopes: [GKE_SCOPE] });
  const found = await auth.request({ url: `${GKE_API}/${access.cluster}` }).catch((error: unknown) => {
    throw new ClusterError(codeOf(error), `could not find out where ${access.cluster} is: ${textOf(error)}`, {
      cause: error,
    });
  });
  const { endpoint, masterAuth, controlPlaneEndpointsConfig } = gkeCluster.parse(found.data);
  const dns = controlPlaneEndpointsConfig?.dnsEndpointConfig?.endpoint;
  // The DNS endpoint has a certificate of the public authorities; the address has one of the cluster's own.
  const certificate = dns === undefined ? masterAuth?.clusterCaCertificate : undefined;
  return openCluster({
    access: {
      server: `https://${dns ?? endpoint ?? ''}`,
      token: () => tokenOf(auth),
      ...(certificate === undefined
        ? {}
        : { certificateAuthority: Buffer.from(certificate, 'base64').toString('utf8') }),
    },
  });
}

/** What a failed question to Google's API means; one that got no answer may get one later. */
function codeOf(error: unknown): ClusterErrorCode {
  const status = error instanceof Error && 'status' in error ? error.status : undefined;
  if (status === 403) return 'forbidden';
  return status === 404 ? 'notFound' : 'unreachable';
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

async function tokenOf(auth: GoogleAuth): Promise<string> {
  const token = await auth.getAccessToken();
  if (token) return token;
  throw new Error('the metadata server gave no access token for the function');
}

/** What a registry of Google's takes as login; undefined for other hosts. */
export async function artifactRegistryLogin(host: string): Promise<{ username: string; password: string } | undefined> {
  // The dot matters: the token must not go to a host that anyone can register.
  if (!/^(?:[a-z0-9-]+\.)+pkg\.dev$|^(?:[a-z0-9-]+\.)?gcr\.io$/.test(host)) return undefined;
  const { GoogleAuth } = await import('google-auth-library');
  return { username: 'oauth2accesstoken', password: await tokenOf(new GoogleAuth({ scopes: [GKE_SCOPE] })) };
}
